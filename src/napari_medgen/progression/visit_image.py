"""A visit of the cohort to look at: its image where it is at hand, else what the generator makes of its latent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.model import Extrapolator


@dataclass(frozen=True, eq=False)
class VisitImage:
    """An image of a visit.

    Attributes
    ----------
    title
        Whose knee, its grade, and whether it is a projection.
    pixels
        (H, W) in [0, 1], mirrored as the image that is compared with it.
    provenance
        Synthetic for a projection.
    """

    title: str
    pixels: NDArray[np.float32]
    provenance: Provenance


def visit_image(extrapolator: Extrapolator, row: int, like: NetworkView) -> VisitImage:
    """The image of a visit.

    Parameters
    ----------
    row
        Of the cohort.
    like
        View of the image that it stands beside; the visit is shown on the same side.

    Raises
    ------
    ImageError
        If the file is there and cannot be read.
    """
    cohort = extrapolator.known_cohort
    visit, path = cohort.visits[row], cohort.image_path(row)
    grade = "not graded" if visit.grade is None else f"KL {visit.grade}"
    title = f"{visit.patient} {visit.side}: {grade}"
    if path is not None:
        image = replace(read_radiograph(path), laterality=visit.side)
        _, seen = frame_of(image, extrapolator.architecture)
        return VisitImage(title, like.restore(to_grey(seen)[0, 0].numpy()), image.provenance)
    made = Provenance(
        synthetic=True,
        operation="projection of a visit of the cohort",
        source=f"visit {row} of the cohort",
        model=extrapolator.name,
        model_checksum=extrapolator.folder.card.checksum,
    )
    return VisitImage(f"{title} (projected)", like.restore(extrapolator.image_of(row)), made)

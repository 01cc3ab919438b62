"""The work behind **Project**, run in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work.models import extrapolators

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medgen.imaging.network_view import NetworkView
    from napari_medgen.imaging.provenance import Provenance
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.progression.model import ProjectedRadiograph
    from napari_medgen.viewer.future.view import ExtrapolateForm


@dataclass(frozen=True, eq=False)
class Look:
    """A projection under way, as the patient's side shows it.

    Attributes
    ----------
    frame
        The part of the image that the networks see.
    baseline
        (H, W) in [0, 1]; the real image.
    projection
        (H, W) in [0, 1]; None while there is none.
    provenance
        Of the projection.
    """

    frame: NetworkView
    baseline: NDArray[np.float32]
    projection: NDArray[np.float32] | None
    provenance: Provenance


def project_image(form: ExtrapolateForm, take: Callable[[], Radiograph]) -> Steps[ProjectedRadiograph]:
    """Load the model, see whether the image is one for it, and project.

    Parameters
    ----------
    take
        Makes the image, which may take a moment.

    Yields
    ------
    Progress
        Previews are a :class:`Look`.

    Raises
    ------
    ImageError
        If the classifier was not trained for such an image.
    """
    yield Progress(0, 0, "Loading the model")
    model, image = extrapolators.get((form.model, form.cohort)), take()
    model.check(image)
    doubts = model.grader.doubts(image)
    if doubts and not form.anyway:
        raise ImageError(" ".join(doubts))
    from napari_medgen.progression.frames import frame_of, to_grey

    frame, seen = frame_of(image, model.architecture)
    look = Look(frame, frame.restore(to_grey(seen)[0, 0].numpy()), None, model.provenance(image, form.projection))
    yield Progress(0, form.projection.count, "Projecting", look)
    work = model.project(image, form.projection)
    while True:
        try:
            progress = next(work)
        except StopIteration as stop:
            found: ProjectedRadiograph = stop.value
            return found
        shown = None if progress.preview is None else frame.restore(progress.preview[0, 0].numpy())
        yield replace(progress, preview=replace(look, projection=shown))

"""Training images in memory: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.frame_cache import cached_frames
from napari_medgen.progression.architecture import ProgressionArchitecture
from napari_medgen.progression.cohort.visits import Visit, visits_of_grades, visits_of_names, visits_of_table
from napari_medgen.progression.frames import frame_of
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.running.progress import Steps
from napari_medgen.running.stamps import file_stamp


def find_visits(recipe: ProgressionRecipe, root: Path) -> list[Visit]:
    """All visits of a recipe's data folder, before any surrogate is made of them.

    Raises
    ------
    CohortError
        If the folder or table holds none, or cannot be read.
    """
    own = recipe.data
    if own.layout == "grades":
        return visits_of_grades(root, {"train": own.train, "val": own.test}, own.grades, own.subject, own.side)
    if own.layout == "table":
        return visits_of_table(root / own.table, root)
    return visits_of_names(root)


def read_frame(visit: Visit, root: Path, own: ProgressionArchitecture) -> NDArray[np.uint8]:
    """What the networks see of a visit's image, (resolution, resolution) 8-bit grey.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    image = replace(read_radiograph(root / visit.image), laterality=visit.side)
    _, seen = frame_of(image, own)
    pixels: NDArray[np.uint8] = ((seen[0, 0].numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return pixels


def read_frames(
    visits: Sequence[Visit], root: Path, own: ProgressionArchitecture, work: Path
) -> Steps[tuple[NDArray[np.uint8], list[Visit]]]:
    """Frames of visits, those that an earlier run left in ``work`` where their files are the same.

    Yields
    ------
    Progress
        A step an image that has to be read.

    Returns
    -------
    tuple
        (M, resolution, resolution) frames and their visits: all whose image can be read.

    Raises
    ------
    CohortError
        If more than one image in ten cannot be read; the first is named.
    """
    frames, kept = yield from cached_frames(
        [[visit.image, visit.side, file_stamp(root / visit.image)] for visit in visits],
        lambda index: read_frame(visits[index], root, own),
        own.view.size,
        {"resolution": own.generator.resolution, "crop": own.crop, "mirror": own.mirror},
        work,
        CohortError,
    )
    return frames, [visits[index] for index in kept]

"""Training images in memory: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError, ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.architecture import ProgressionArchitecture
from napari_medgen.progression.cohort.visits import Visit, visits_of_grades, visits_of_names, visits_of_table
from napari_medgen.progression.frames import frame_of
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.rows import RowPlan, fill_rows
from napari_medgen.running.stamps import file_stamp

_TOLERATED = 0.1  # share of images that may be unreadable


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
    edge = own.generator.resolution
    plan = RowPlan(
        how={"resolution": edge, "crop": own.crop, "mirror": own.mirror},
        stamps=[[visit.image, visit.side, file_stamp(root / visit.image)] for visit in visits],
        shape=(edge, edge),
        dtype=np.uint8,
        make=lambda index: read_frame(visits[index], root, own),
        tolerated=(ImageError,),
        threads=min(os.cpu_count() or 1, 8),  # reading a picture releases the interpreter's lock
    )
    rows = yield from fill_rows(work / "frames.npy", plan, lambda index: "Reading images")
    if len(rows.failed) > len(visits) * _TOLERATED:
        reason = next(iter(rows.failed.values()))
        raise CohortError(f"{len(rows.failed)} of {len(visits)} images cannot be read, for example: {reason}")
    if not rows.failed:
        return rows.array, list(visits)
    yield Progress(0, 0, f"{len(rows.failed)} images cannot be read and are left out")
    kept = [index for index in range(len(visits)) if index not in rows.failed]
    return np.ascontiguousarray(rows.array[kept]), [visits[index] for index in kept]

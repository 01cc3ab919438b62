"""Training images in memory: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.architecture import ProgressionArchitecture
from napari_medgen.progression.frame import frame_of
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.progression.visits import Visit, visits_of_grades, visits_of_names, visits_of_table
from napari_medgen.running.progress import Progress, Steps

_CHUNK = 64


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


def read_frames(visits: Sequence[Visit], root: Path, own: ProgressionArchitecture, work: Path) -> Steps[NDArray[np.uint8]]:
    """Frames (N, resolution, resolution) of visits, or those that an earlier run left in ``work``.

    Yields
    ------
    Progress
        A step an image.
    """
    about = json.dumps([[(visit.image, visit.side) for visit in visits], own.generator.resolution, own.crop, own.mirror])
    file = work / f"frames-{hashlib.sha256(about.encode()).hexdigest()[:16]}.npy"
    if not file.is_file():
        work.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        edge = own.generator.resolution
        frames = np.lib.format.open_memmap(part, "w+", np.uint8, (len(visits), edge, edge))
        # Reading a picture releases the interpreter's lock, so threads do help.
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(visits), _CHUNK):
                chunk = visits[start : start + _CHUNK]
                for offset, image in enumerate(pool.map(lambda visit: read_frame(visit, root, own), chunk)):
                    frames[start + offset] = image
                yield Progress(start + len(chunk), len(visits), "Reading images")
        frames.flush()
        del frames
        part.replace(file)
    found: NDArray[np.uint8] = np.load(file, mmap_mode="r")
    return found

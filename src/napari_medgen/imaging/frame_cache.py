"""Pictures as networks are trained on them: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.rows import RowPlan, fill_rows

_TOLERATED = 0.1  # share of images that may be unreadable


def cached_frames(
    stamps: Sequence[Any],
    read: Callable[[int], NDArray[np.uint8]],
    shape: tuple[int, int],
    about: dict[str, Any],
    work: Path,
    refusal: type[MedGenError],
) -> Steps[tuple[NDArray[np.uint8], list[int]]]:
    """Frames of images, those that an earlier run left in ``work`` where nothing that they depend on has changed.

    Parameters
    ----------
    stamps
        What each frame depends on beside ``about``: the file's name and stamp, and the side that is said of it.
    read
        Makes the frame of an image, (rows, columns) 8-bit grey; an :class:`ImageError` leaves it out.
    about
        How frames are made.
    refusal
        What is raised where too many cannot be read.

    Yields
    ------
    Progress
        A step an image that has to be read; the last says what was left out.

    Returns
    -------
    tuple
        (M, rows, columns) frames, and the numbers of the images that they are of: all that can be read.

    Raises
    ------
    MedGenError
        If more than one image in ten cannot be read; the first is named.
    """
    plan = RowPlan(
        how=about,
        stamps=list(stamps),
        shape=shape,
        dtype=np.uint8,
        items=range(len(stamps)),
        make=read,
        tolerated=(ImageError,),
        threads=min(os.cpu_count() or 1, 8),  # reading a picture releases the interpreter's lock
    )
    rows = yield from fill_rows(work / "frames.npy", plan, lambda index: "Reading images")
    if len(rows.failed) > len(stamps) * _TOLERATED:
        reason = next(iter(rows.failed.values()))
        raise refusal(f"{len(rows.failed)} of {len(stamps)} images cannot be read, for example: {reason}")
    kept = [index for index in range(len(stamps)) if index not in rows.failed]
    if not rows.failed:
        return rows.array, kept
    yield Progress(0, 0, f"{len(rows.failed)} images cannot be read and are left out")
    return np.ascontiguousarray(rows.array[kept]), kept

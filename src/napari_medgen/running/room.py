"""Room for what may be larger than the memory: it lies in a file that goes away with whoever uses it."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import DTypeLike, NDArray

_SHARE = 0.25  # of the free memory that one array may take
_LEFT = 2**30  # bytes of a disk that are left to others
_MEMORY = ("tmpfs", "ramfs", "devtmpfs")  # file systems that lie in memory


def room_for(shape: Sequence[int], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """An array of zeros, in memory where it takes at most a quarter of what is free, else in a file that has no name.

    What lies in a file is read and written like any array; the system keeps in memory what is being used.

    Raises
    ------
    OSError
        If the disk has no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= _SHARE * psutil.virtual_memory().available:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="napari-medgen-") as file:
        file.truncate(size)
        return np.memmap(file, dtype, "r+", shape=tuple(shape))


def scratch_folder(needed: int) -> Path | None:
    """The folder of temporary files (``TMPDIR``), where it has room for so many bytes and does not itself lie in memory."""
    folder = Path(tempfile.gettempdir()).resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    kind = next((mounts[parent] for parent in (folder, *folder.parents) if parent in mounts), "")
    if kind in _MEMORY or shutil.disk_usage(folder).free < needed + _LEFT:
        return None
    return folder

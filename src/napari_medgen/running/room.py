"""Room for an array that may be larger than the memory: then it lies in a file that goes away with it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
from numpy.typing import DTypeLike, NDArray

_SHARE = 0.25  # of the free memory that one array may take


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

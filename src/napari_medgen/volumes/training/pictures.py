"""Pictures of training volumes and samples, to see how a training goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def orthogonal_slices(volume: NDArray[Any]) -> NDArray[np.uint8]:
    """Middle axial, coronal and sagittal slices of (S, P, L) in [-1, 1], side by side, Superior up, as 8-bit grey."""
    s, p, l = (n // 2 for n in volume.shape)
    planes = [volume[s], volume[::-1, p], volume[::-1, :, l]]
    height = max(plane.shape[0] for plane in planes)
    padded = [np.pad(plane, ((0, height - plane.shape[0]), (0, 0)), constant_values=-1) for plane in planes]
    return ((np.clip(np.concatenate(padded, 1).astype(np.float32), -1, 1) + 1) * 127.5).astype(np.uint8)


def save_grid(path: Path, rows: list[NDArray[Any]]) -> None:
    """Write a PNG with one row of three slices for each volume (S, P, L) in [-1, 1]."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.concatenate([orthogonal_slices(row) for row in rows], 0))
    picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC).save(path)

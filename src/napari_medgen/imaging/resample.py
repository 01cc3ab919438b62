"""Put a volume on another grid."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medgen.imaging.geometry import screen_place
from napari_medgen.imaging.orientation import CANONICAL, CANONICAL_AXES
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.running.progress import Progress, Steps

_SLAB = 8
_EQUAL = 1e-6  # voxels

Triple = tuple[int, int, int]
Spacing = tuple[float, float, float]


def foreground_centre(mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Centre (index) of the box around the true voxels; the array's own centre where there are none."""
    if not mask.any():
        s, p, l = ((n - 1) / 2 for n in mask.shape)
        return s, p, l
    spans = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    s, p, l = (float(span[0] + span[-1]) / 2 for span in spans)
    return s, p, l


def resample(
    volume: Volume,
    shape: Triple,
    spacing: Spacing,
    centre: tuple[float, float, float] | None = None,
    *,
    fill: float | Literal["mirror"] = 0.0,
    nearest: bool = False,
) -> Volume:
    """Volume on a grid of given shape and spacing around a point, along the volume's own axes.

    Resampling, cropping and padding are one step, so voxels are interpolated once. Voxels that are made wider are
    averaged first (a Gaussian of half the excess), so that fine structure does not alias.

    Parameters
    ----------
    volume
        What to resample.
    shape, spacing
        Of the new grid, along (S, P, L), spacing in millimetres.
    centre
        Index in ``volume`` that the middle of the new grid falls on; the middle of the volume by default.
    fill
        Value of voxels outside, or ``mirror``: what lies as far inside the border.
    nearest
        Take the nearest voxel (labels) instead of interpolating (cubic, kept within the range of the data).

    Returns
    -------
    Volume
        float32 voxels, or the type of the source where ``nearest``.
    """
    steps = np.asarray(spacing) / np.asarray(volume.spacing)
    middle = (np.asarray(volume.voxels.shape) - 1) / 2 if centre is None else np.asarray(centre)
    offset = middle - steps * (np.asarray(shape) - 1) / 2
    mode: Literal["mirror", "constant"] = "mirror" if isinstance(fill, str) else "constant"
    value = 0.0 if isinstance(fill, str) else fill
    if np.abs(steps - 1).max() < _EQUAL and np.abs(offset - np.rint(offset)).max() < _EQUAL and mode == "constant":
        kind = volume.voxels.dtype if nearest else np.float32
        voxels = _cut(volume.voxels.astype(kind, copy=False), np.rint(offset).astype(int), shape, value)
    elif nearest:
        voxels = ndimage.affine_transform(volume.voxels, steps, offset, shape, order=0, mode=mode, cval=value)
    else:
        source = volume.voxels.astype(np.float32, copy=False)
        widths = np.sqrt(np.maximum(steps**2 - 1, 0)) / 2
        smooth = ndimage.gaussian_filter(source, widths) if (widths > 0.5).any() else source
        voxels = ndimage.affine_transform(smooth, steps, offset, shape, order=3, mode=mode, cval=value)
        outside = [] if isinstance(fill, str) else [fill]
        voxels = np.clip(voxels, min([float(source.min()), *outside]), max([float(source.max()), *outside]))
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, :3] * steps
    affine[:3, 3] = volume.affine[:3, :3] @ offset + volume.affine[:3, 3]
    return replace(volume, voxels=voxels, affine=affine)


def _cut(voxels: NDArray[Any], offset: NDArray[np.int_], shape: Triple, fill: float) -> NDArray[Any]:
    """A box of voxels, which may reach beyond them: where voxels fall on voxels nothing is interpolated."""
    made = np.full(shape, fill, voxels.dtype)
    spans = [(max(o, 0), min(o + n, size)) for o, n, size in zip(offset, shape, voxels.shape, strict=True)]
    if all(begin < end for begin, end in spans):
        there = tuple(slice(begin, end) for begin, end in spans)
        made[tuple(slice(begin - o, end - o) for (begin, end), o in zip(spans, offset, strict=True))] = voxels[there]
    return made


def upright(volume: Volume) -> Steps[Volume]:
    """A rotated or tilted volume on the patient's own axes, with its spacing, around all that it covers.

    Yields
    ------
    Progress
        By slabs.

    Returns
    -------
    Volume
        float32 voxels (cubic, kept within the range of the data); the lowest grey value where there was nothing.

    Raises
    ------
    ImageError
        If it would take more memory than the settings allow.
    """
    steps, _ = screen_place(volume.affine, volume.voxels.shape)
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in volume.voxels.shape], indexing="ij"), -1).reshape(-1, 3)
    places = (corners @ volume.affine[:3, :3].T + volume.affine[:3, 3]) @ CANONICAL_AXES
    first, last = places.min(0), places.max(0)
    shape = tuple(int(n) for n in np.ceil((last - first) / steps - 1e-6) + 1)
    require_image_bytes(4 * math.prod(shape) * 2, f"{volume.name} on upright axes")
    affine = np.eye(4)
    affine[:3, :3] = CANONICAL_AXES * steps
    affine[:3, 3] = CANONICAL_AXES @ first
    back = np.linalg.inv(volume.affine) @ affine  # indices of the new grid to those of the old
    source = ndimage.spline_filter(volume.voxels.astype(np.float32), 3, output=np.float32)
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    made = np.empty(shape, np.float32)
    for begin in range(0, shape[0], _SLAB):
        yield Progress(begin, shape[0], "Making it upright")
        slab = made[begin : begin + _SLAB]
        offset = back[:3, 3] + back[:3, 0] * begin
        slab[:] = ndimage.affine_transform(
            source, back[:3, :3], offset, slab.shape, order=3, cval=low, prefilter=False, output=np.float32
        )
    np.clip(made, low, high, out=made)
    return replace(volume, voxels=made, affine=affine, source_codes=CANONICAL)

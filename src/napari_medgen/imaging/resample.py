"""Put a volume on another grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medgen.imaging.volume import Volume

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
    fill: float = 0.0,
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
        Value of voxels outside.
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
    if nearest:
        voxels = ndimage.affine_transform(volume.voxels, steps, offset, shape, order=0, cval=fill)
    else:
        source = volume.voxels.astype(np.float32)
        widths = np.sqrt(np.maximum(steps**2 - 1, 0)) / 2
        smooth = ndimage.gaussian_filter(source, widths) if (widths > 0.5).any() else source
        voxels = ndimage.affine_transform(smooth, steps, offset, shape, order=3, cval=fill)
        voxels = np.clip(voxels, min(float(source.min()), fill), max(float(source.max()), fill))
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, :3] * steps
    affine[:3, 3] = volume.affine[:3, :3] @ offset + volume.affine[:3, 3]
    return Volume(voxels, affine, volume.name, volume.provenance, volume.source_codes)

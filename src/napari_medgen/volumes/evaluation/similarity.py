"""How alike two volumes are: structural similarity at one scale and at five.

All functions take volumes (D, H, W) with grey values in [-1, 1].
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating]
Variant = Literal["standard", "published"]

# Wang 2003, section 3.2
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SIGMA = 1.5


def _terms(a: Array, b: Array, c1: float, c2: float) -> tuple[float, float]:
    """Mean structural similarity and mean contrast-structure term of two volumes."""

    def smooth(x: Array) -> Array:
        filtered: Array = ndimage.gaussian_filter(x, _SIGMA)
        return filtered

    mean_a, mean_b = smooth(a), smooth(b)
    variance_a, variance_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((luminance * structure).mean()), float(structure.mean())


def _constants(data_range: float) -> tuple[float, float]:
    return (0.01 * data_range) ** 2, (0.03 * data_range) ** 2


def ssim(a: Array, b: Array, *, data_range: float = 2.0) -> float:
    """Structural similarity (Wang 2004) with a Gaussian window of 1.5 voxels; 1 for equal volumes."""
    return _terms(a.astype(np.float64), b.astype(np.float64), *_constants(data_range))[0]


def psnr(a: Array, b: Array, *, data_range: float = 2.0) -> float:
    """Peak signal-to-noise ratio in decibels; infinite for equal volumes."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def _halve(x: Array) -> Array:
    even = x[tuple(slice(0, n // 2 * 2) for n in x.shape)]
    d, h, w = (n // 2 for n in even.shape)
    halved: Array = even.reshape(d, 2, h, 2, w, 2).mean(axis=(1, 3, 5))
    return halved


def ms_ssim(a: Array, b: Array, *, variant: Variant = "standard") -> float:
    """Multi-scale structural similarity (Wang 2003) over five scales; 1 for equal volumes.

    Parameters
    ----------
    variant
        ``standard``: constants for the data range of 2. ``published``: as the official Medical Diffusion code computes
        the figures of its paper, with two quirks: constants for a data range of 1, and the coarsest scale's term
        multiplied into each of the other four factors, so that it counts four times.

    Returns
    -------
    float
        Negative contrast-structure terms count as zero.

    Raises
    ------
    ValueError
        If a side is shorter than 16 voxels, or the shapes differ.
    """
    if a.shape != b.shape or min(a.shape) < 2 ** (len(_WEIGHTS) - 1):
        raise ValueError(f"two volumes of one shape with sides of at least 16 voxels are needed, not {a.shape}, {b.shape}")
    c1, c2 = _constants(2.0 if variant == "standard" else 1.0)
    a, b = a.astype(np.float64), b.astype(np.float64)
    structures, whole = [], 1.0
    for scale in range(len(_WEIGHTS)):
        if scale:
            a, b = _halve(a), _halve(b)
        whole, structure = _terms(a, b, c1, c2)
        structures.append(max(structure, 0.0))
    fine = float(np.prod([s**w for s, w in zip(structures[:-1], _WEIGHTS[:-1], strict=True)]))
    coarse = max(whole, 0.0) ** _WEIGHTS[-1]
    return float(fine * coarse ** (1 if variant == "standard" else len(_WEIGHTS) - 1))

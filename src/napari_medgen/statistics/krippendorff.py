"""Krippendorff's alpha: agreement of any number of raters, on any scale, also where answers are missing."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.kappa import Agreement

Floats = NDArray[np.float64]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
_REDRAWS = 2000


def alpha(ratings: ArrayLike, scale: Scale, *, redraws: int = _REDRAWS, seed: int = 0) -> Agreement:
    """Agreement of raters (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").

    Parameters
    ----------
    ratings
        (raters, cases) of numbers; NaN for no answer.
    scale
        What a difference means. ``ordinal`` is Krippendorff's metric of ranks, not Gwet's weights.
    redraws
        Of cases, for the interval (percentiles); 0 for none.

    Returns
    -------
    Agreement
        Without p. Cases with fewer than two answers say nothing and are left out.
    """
    given = np.asarray(ratings, np.float64)
    values, codes = np.unique(given[np.isfinite(given)], return_inverse=True)
    if not len(values):
        return Agreement(math.nan, why_not="nobody answered")
    counts = np.zeros((given.shape[1], len(values)))
    np.add.at(counts, (np.nonzero(np.isfinite(given))[1], codes), 1)
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        return Agreement(math.nan, why_not="no case was rated by two")
    if (counts.sum(0) > 0).sum() < 2:
        return Agreement(math.nan, why_not="all raters used one category only, so that chance alone agrees always")
    value = float(_of_counts(counts[None], values, scale)[0])
    if redraws < 1 or len(counts) < 2:
        return Agreement(value)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [_of_counts(counts[rng.integers(0, len(counts), (100, len(counts)))], values, scale) for _ in range(redraws // 100)]
    )
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, (2.5, 97.5)) if len(drawn) > 1 else (math.nan, math.nan)
    return Agreement(value, float(drawn.std(ddof=1)) if len(drawn) > 1 else math.nan, float(low), float(high))


def _of_counts(counts: Floats, values: Floats, scale: Scale) -> Floats:
    """Alpha (B,) of counts (B, cases, values)."""
    sizes = counts.sum(2, keepdims=True)
    scaled = counts / (sizes - 1)
    together = np.einsum("bcv,bcw->bvw", scaled, counts)
    index = np.arange(len(values))
    together[:, index, index] -= scaled.sum(1)
    totals = together.sum(2)
    number = totals.sum(1)
    distance = _distance(totals, values, scale)
    observed = (together * distance).sum((1, 2))
    expected = np.einsum("bv,bw,bvw->b", totals, totals, distance) / (number - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = 1 - observed / expected
    return out


def _distance(totals: Floats, values: Floats, scale: Scale) -> Floats:
    """Squared distances (B or 1, values, values)."""
    if scale == "nominal":
        return (1 - np.eye(len(values)))[None]
    if scale == "ordinal":
        # Number of answers from one rank to the other, those at both ends counted half.
        middle = np.cumsum(totals, 1) - totals / 2
        ranks: Floats = (middle[:, :, None] - middle[:, None, :]) ** 2
        return ranks
    gap = np.subtract.outer(values, values)
    if scale == "ratio":
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.nan_to_num(gap / np.add.outer(values, values))
    squared: Floats = (gap**2)[None]
    return squared

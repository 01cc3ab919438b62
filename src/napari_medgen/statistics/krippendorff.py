"""Krippendorff's alpha: agreement of any number of raters, on any scale, also where answers are missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.kappa import Agreement

Floats = NDArray[np.float64]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
_REDRAWS = 2000
_MOST_VALUES = 60


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
    if len(values) > _MOST_VALUES and scale in ("ordinal", "ratio"):
        return Agreement(
            math.nan, why_not=f"more than {_MOST_VALUES} different answers on a scale that compares each with each"
        )
    figure = _of_sums(counts, values, scale) if scale in ("nominal", "interval") else _of_counts(counts, values, scale)
    everything = np.ones((1, len(counts)))
    value = float(figure(everything)[0])
    if redraws < 1 or len(counts) < 2:
        return Agreement(value)
    rng = np.random.default_rng(seed)
    blocks = (rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=50) for _ in range(redraws // 50))
    drawn = np.concatenate([figure(block.astype(np.float64)) for block in blocks])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 2 or not np.ptp(drawn) > 0:
        return Agreement(value)
    low, high = np.percentile(drawn, (2.5, 97.5))
    # Percentiles of a skew distribution may leave out the estimate itself; an interval that does says nothing.
    return Agreement(value, float(drawn.std(ddof=1)), min(float(low), value), max(float(high), value))


def _of_sums(counts: Floats, values: Floats, scale: Scale) -> Callable[[Floats], Floats]:
    """Alpha of case weights (B, cases) where disagreement follows from sums, without a table of all pairs of answers."""
    sizes = counts.sum(1)
    if scale == "nominal":
        alike = (counts * (counts - 1)).sum(1)
        apart = (sizes * (sizes - 1) - alike) / (sizes - 1)
    else:
        centred = values - values.mean()
        sums, squares = counts @ centred, counts @ centred**2
        apart = 2 * (sizes * squares - sums**2) / (sizes - 1)

    def figure(weights: Floats) -> Floats:
        number = weights @ sizes
        if scale == "nominal":
            totals = weights @ counts
            expected = number**2 - (totals**2).sum(1)
        else:
            expected = 2 * (number * (weights @ squares) - (weights @ sums) ** 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            out: Floats = 1 - (weights @ apart) * (number - 1) / expected
        return out

    return figure


def _of_counts(counts: Floats, values: Floats, scale: Scale) -> Callable[[Floats], Floats]:
    """Alpha of case weights (B, cases) by the table of all pairs of answers."""
    scaled = counts / (counts.sum(1, keepdims=True) - 1)
    tables = np.einsum("cv,cw->cvw", scaled, counts).reshape(len(counts), -1)
    index = np.arange(len(values))

    def figure(weights: Floats) -> Floats:
        together = (weights @ tables).reshape(-1, len(values), len(values))
        together[:, index, index] -= weights @ scaled
        totals = together.sum(2)
        distance = _distance(totals, values, scale)
        observed = (together * distance).sum((1, 2))
        expected = np.einsum("bv,bw,bvw->b", totals, totals, np.broadcast_to(distance, together.shape)) / (totals.sum(1) - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            out: Floats = 1 - observed / expected
        return out

    return figure


def _distance(totals: Floats, values: Floats, scale: Scale) -> Floats:
    """Squared distances (B or 1, values, values), ordinal or by ratio."""
    if scale == "ordinal":
        # Number of answers from one rank to the other, those at both ends counted half.
        middle = np.cumsum(totals, 1) - totals / 2
        ranks: Floats = (middle[:, :, None] - middle[:, None, :]) ** 2
        return ranks
    gap = np.subtract.outer(values, values)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.nan_to_num(gap / np.add.outer(values, values))
    squared: Floats = (gap**2)[None]
    return squared

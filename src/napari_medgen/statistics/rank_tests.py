"""Ratings of several treatments on the same cases: Friedman, then Wilcoxon by pairs with Holm, and how large effects are."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.multiplicity import holm

Floats = NDArray[np.float64]
_EXACT_BELOW = 50  # pairs without ties, up to which the exact distribution is used (as R does)


@dataclass(frozen=True)
class Friedman:
    """Whether treatments differ at all.

    Attributes
    ----------
    statistic, df, p
        Chi-squared; NaN where nothing differs.
    concordance
        Kendall's W, 0 to 1.
    why_not
        Why there is no p.
    """

    statistic: float
    df: int
    p: float
    concordance: float
    why_not: str = ""


@dataclass(frozen=True)
class RankPair:
    """Two treatments.

    Attributes
    ----------
    first, second
        Their numbers.
    statistic
        Sum of the ranks of the positive differences (first less second), zeros left out.
    p, corrected
        Two-sided, and after Holm over all pairs.
    method
        Exact, or normal with ties and continuity corrected.
    effect
        Rank-biserial correlation of pairs (Kerby 2014), -1 to 1: above zero where the first is rated higher; with its 95 %
        interval over redrawn cases.
    difference
        Mean difference, with its 95 % interval over redrawn cases.
    """

    first: int
    second: int
    statistic: float
    p: float
    corrected: float
    method: str
    effect: Estimate
    difference: Estimate


def friedman(ratings: ArrayLike) -> Friedman:
    """Test of no difference (Friedman 1937) of ratings (blocks, treatments), none missing; blocks must be independent."""
    table = np.asarray(ratings, np.float64)
    n, k = table.shape
    if k < 2 or n < 2:
        return Friedman(math.nan, k - 1, math.nan, math.nan, "there are fewer than two treatments, or two cases")
    ranks = stats.rankdata(table, axis=1)
    ties = sum(float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in table))
    spread = n * k * (k + 1) - ties / (k - 1)
    if not spread > 0:
        return Friedman(math.nan, k - 1, math.nan, math.nan, "every case was rated alike throughout")
    statistic = 12 * float(((ranks.sum(0) - n * (k + 1) / 2) ** 2).sum()) / spread
    return Friedman(statistic, k - 1, float(stats.chi2.sf(statistic, k - 1)), statistic / (n * (k - 1)))


def wilcoxon(first: ArrayLike, second: ArrayLike, *, corrected: bool = True) -> tuple[float, float, str]:
    """Signed-rank test of pairs (Wilcoxon 1945): statistic, two-sided p and method; pairs without difference are left out.

    Exact for fewer than 50 pairs without ties; else normal, by default with correction of continuity. ``wilcox.test``
    of R does the same, but for pairs without difference: where there are some, it is never exact.
    """
    gap = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    # Means of ratings differ by rounding where they are equal.
    gap = gap[np.abs(gap) > 1e-9]
    if not len(gap):
        return 0.0, math.nan, "none: no pair differs"
    ranks = stats.rankdata(np.round(np.abs(gap), 9))
    statistic, n = float(ranks[gap > 0].sum()), len(gap)
    counts = np.unique(ranks, return_counts=True)[1]
    if n < _EXACT_BELOW and (counts == 1).all():
        return statistic, float(stats.wilcoxon(gap, method="exact").pvalue), "exact"
    away = statistic - n * (n + 1) / 4
    sigma = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - float((counts**3 - counts).sum()) / 48)
    z = (away - math.copysign(0.5, away) * (corrected and away != 0)) / sigma
    return statistic, float(2 * min(stats.norm.sf(z), stats.norm.cdf(z))), "normal" + ", continuity corrected" * corrected


def compare_pairs(ratings: ArrayLike, *, redraws: int = 2000, seed: int = 0) -> tuple[RankPair, ...]:
    """All pairs of treatments of ratings (blocks, treatments), none missing."""
    table = np.asarray(ratings, np.float64)
    pairs = list(itertools.combinations(range(table.shape[1]), 2))
    tests = [wilcoxon(table[:, one], table[:, other]) for one, other in pairs]
    corrected = holm([p for _, p, _ in tests])
    drawn = np.random.default_rng(seed).integers(0, len(table), (redraws, len(table)))
    out = []
    for (one, other), (statistic, p, method), after in zip(pairs, tests, corrected, strict=True):
        gap = table[:, one] - table[:, other]
        effects, means = _rank_biserial(gap[drawn]), gap[drawn].mean(1)
        effect = _estimate(float(_rank_biserial(gap[None])[0]), effects)
        out.append(RankPair(one, other, statistic, p, float(after), method, effect, _estimate(float(gap.mean()), means)))
    return tuple(out)


def _rank_biserial(gaps: Floats) -> Floats:
    """Of differences (B, N): sum of positive less that of negative ranks, over all ranks; zero where nothing differs."""
    size = np.round(np.abs(gaps), 9)
    ranks = stats.rankdata(np.where(size > 0, size, np.nan), axis=1, nan_policy="omit")
    signed = np.nansum(ranks * np.sign(gaps), axis=1)
    total = np.nansum(ranks, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.where(total > 0, signed / total, 0.0)
    return out


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(value, float(low), float(high), float(drawn.std(ddof=1)))

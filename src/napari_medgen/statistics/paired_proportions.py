"""Two answers to the same cases: whether one is right more often, also where a patient gives several cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.proportions import wilson

LEAST_DISCORDANT = 5  # pairs, below which no test can find anything: two-sided exact p of 0.0625 at best
_EXACT_BELOW = 25  # discordant pairs, below which chi-squared is a poor approximation (Agresti 2013, section 11.1)


@dataclass(frozen=True)
class PairedTest:
    """Whether two shares of the same cases differ.

    Attributes
    ----------
    only_first, only_second
        Pairs in which one alone is a hit.
    statistic
        Chi-squared of one degree of freedom; NaN of an exact test.
    p
        Two-sided; NaN where it cannot be told.
    method
        Which test it is.
    why_not
        Why there is no p; empty where there is one.
    """

    only_first: int
    only_second: int
    statistic: float
    p: float
    method: str
    why_not: str = ""


def mcnemar(only_first: int, only_second: int, *, corrected: bool = False) -> PairedTest:
    """Chi-squared of McNemar 1947 (Psychometrika 12:153), by default without correction of continuity."""
    total = only_first + only_second
    if not total:
        return PairedTest(0, 0, math.nan, math.nan, "McNemar", "no pair differs")
    gap = max(abs(only_first - only_second) - corrected, 0)
    chi = gap**2 / total
    return PairedTest(only_first, only_second, chi, float(stats.chi2.sf(chi, 1)), "McNemar" + ", corrected" * corrected)


def exact_mcnemar(only_first: int, only_second: int) -> PairedTest:
    """The exact test of the same question: binomial, of the pairs that differ."""
    total = only_first + only_second
    if not total:
        return PairedTest(0, 0, math.nan, math.nan, "exact McNemar", "no pair differs")
    p = float(stats.binomtest(only_first, total).pvalue)
    return PairedTest(only_first, only_second, math.nan, p, "exact McNemar")


def obuchowski(first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> PairedTest:
    """McNemar's question where a patient gives several cases (Obuchowski 1998, Stat Med 17:1495).

    Parameters
    ----------
    first, second
        (N,) of bool.
    groups
        (N,) patient of each.
    """
    only_first, only_second = _by_patient(first, second, groups)
    return _clustered(only_first, only_second, only_first - only_second, "Obuchowski", small=True)


def durkalski(first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> PairedTest:
    """As :func:`obuchowski`, each patient with the same weight (Durkalski 2003, Stat Med 22:2417)."""
    only_first, only_second = _by_patient(first, second, groups)
    sizes = np.bincount(np.unique(np.asarray(groups), return_inverse=True)[1])
    return _clustered(only_first, only_second, (only_first - only_second) / sizes, "Durkalski", small=False)


def compare_shares(first: ArrayLike, second: ArrayLike, groups: ArrayLike | None = None) -> PairedTest:
    """The test that fits: Obuchowski's where patients give several cases, else McNemar's, exact where few pairs differ.

    Parameters
    ----------
    first, second
        (N,) of bool.
    groups
        (N,) patient of each case; by default each is another's.
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = int((a & ~b).sum()), int((~a & b).sum())
    total = only_first + only_second
    if total < LEAST_DISCORDANT:
        why = f"only {total} answers differ, and fewer than {LEAST_DISCORDANT} can show nothing"
        return PairedTest(only_first, only_second, math.nan, math.nan, "none", why)
    if groups is not None and len(np.unique(np.asarray(groups))) < len(a):
        return obuchowski(a, b, groups)
    return exact_mcnemar(only_first, only_second) if total < _EXACT_BELOW else mcnemar(only_first, only_second)


def share_difference(first: ArrayLike, second: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Share of hits of the second less that of the first, over the same cases.

    The interval is Newcombe's for pairs (1998, Stat Med 17:2635, method 10); over patients it is that of a ratio of sums
    with t of m - 1 degrees of freedom.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    value, count = float(b.mean() - a.mean()), len(a)
    if groups is not None and len(np.unique(np.asarray(groups))) < count:
        names = np.unique(np.asarray(groups), return_inverse=True)[1]
        sums, sizes = np.bincount(names, b - a), np.bincount(names)
        m = len(sums)
        if m < 2:
            return Estimate(value, math.nan, math.nan)
        sd = math.sqrt(m / (m - 1) * float(((sums - value * sizes) ** 2).sum())) / count
        if not sd > 0:
            return Estimate(value, math.nan, math.nan)
        half = float(stats.t.ppf(0.975, m - 1)) * sd
        return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), sd)
    return _newcombe(a > 0, b > 0)


def _newcombe(first: np.ndarray, second: np.ndarray) -> Estimate:
    count = len(first)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    one, other = (both + only_second) / count, (both + only_first) / count
    (low1, high1), (low2, high2) = wilson(both + only_second, count), wilson(both + only_first, count)
    margins = (both + only_first) * (both + only_second) * (neither + only_first) * (neither + only_second)
    excess = float(both * neither - only_first * only_second)
    excess = max(excess - count / 2, 0.0) if excess > 0 else excess
    phi = excess / math.sqrt(margins) if margins else 0.0
    below = math.sqrt((one - low1) ** 2 - 2 * phi * (one - low1) * (high2 - other) + (high2 - other) ** 2)
    above = math.sqrt((high1 - one) ** 2 - 2 * phi * (high1 - one) * (other - low2) + (other - low2) ** 2)
    sd = math.sqrt(max(only_first + only_second - (only_second - only_first) ** 2 / count, 0.0)) / count
    return Estimate(one - other, one - other - below, one - other + above, sd)


def _by_patient(first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    names = np.unique(np.asarray(groups), return_inverse=True)[1]
    return np.bincount(names, a & ~b), np.bincount(names, ~a & b)


def _clustered(b: np.ndarray, c: np.ndarray, gaps: np.ndarray, method: str, *, small: bool) -> PairedTest:
    m, spread = len(gaps), float((gaps**2).sum())
    if m < 2 or not spread > 0:
        why = "all cases are of one patient" if m < 2 else "no patient's answers differ"
        return PairedTest(int(b.sum()), int(c.sum()), math.nan, math.nan, method, why)
    chi = ((m - 1) / m if small else 1.0) * float(gaps.sum()) ** 2 / spread
    return PairedTest(int(b.sum()), int(c.sum()), chi, float(stats.chi2.sf(chi, 1)), f"{method}, {m} clusters")

"""Shares of something counted, with intervals that hold for few cases and for several cases of one patient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from napari_medgen.statistics.bootstrap import Estimate


@dataclass(frozen=True)
class Proportion:
    """A share and its 95 % interval.

    Attributes
    ----------
    count, of
        How many of how many.
    low, high
        Interval, within 0 and 1; NaN where there is nothing to count.
    method
        How the interval was made.
    error
        Standard error over patients; NaN where patients were not told apart.
    """

    count: int
    of: int
    low: float
    high: float
    method: str
    error: float = math.nan

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.count / self.of if self.of else math.nan


def wilson(count: float, of: float, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209)."""
    if not of:
        return math.nan, math.nan
    z = float(stats.norm.ppf((1 + level) / 2))
    share = count / of
    centre, half = share + z**2 / (2 * of), z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    low, high = (centre - half) / (1 + z**2 / of), (centre + half) / (1 + z**2 / of)
    # The score interval of none begins at 0 and that of all ends at 1; rounding must not say otherwise.
    return (0.0 if count == 0 else low), (1.0 if count == of else high)


def clopper_pearson(count: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion (Clopper and Pearson 1934, Biometrika 26:404)."""
    if not of:
        return math.nan, math.nan
    found = stats.binomtest(count, of).proportion_ci(level, "exact")
    return float(found.low), float(found.high)


def proportion(hits: ArrayLike, groups: ArrayLike | None = None) -> Proportion:
    """A share with its interval: Wilson's, or Wilson's for as many cases as the patients are worth.

    Parameters
    ----------
    hits
        (N,) of bool.
    groups
        (N,) patient of each; several of one patient are no independent cases. By default each is another's.

    Notes
    -----
    For patients the standard error is that of a ratio (as the R package ``survey`` has it), and the interval is
    Wilson's with the number of cases that would have this error. Where all are alike there is no error; the interval
    is then Wilson's for as many cases as there are patients.
    """
    given = np.asarray(hits, bool)
    count, of = int(given.sum()), len(given)
    if groups is None or not of:
        return Proportion(count, of, *wilson(count, of), "Wilson")
    names = np.unique(np.asarray(groups), return_inverse=True)[1]
    if names.max() + 1 == of:
        return Proportion(count, of, *wilson(count, of), "Wilson", clustered_error(given, names))
    patients = int(names.max()) + 1
    if patients < 2:
        return Proportion(count, of, math.nan, math.nan, "none: all cases are of one patient")
    error, share = clustered_error(given, names), count / of
    worth = share * (1 - share) / error**2 if error > 0 else float(patients)
    # Few patients tell their spread badly: t of m - 1 degrees of freedom takes the place of the normal law.
    worth = min(worth * float(stats.norm.ppf(0.975) / stats.t.ppf(0.975, patients - 1)) ** 2, of)
    low, high = wilson(share * worth, worth)
    return Proportion(count, of, low, high, f"Wilson, {patients} clusters", error)


def clustered_error(hits: ArrayLike, groups: ArrayLike) -> float:
    """Standard error of a share over patients: that of a ratio of sums, with m - 1 degrees of freedom."""
    given = np.asarray(hits, np.float64)
    names = np.unique(np.asarray(groups), return_inverse=True)[1]
    sums, sizes = np.bincount(names, given), np.bincount(names)
    m = len(sums)
    if m < 2:
        return math.nan
    left = sums - given.mean() * sizes
    return math.sqrt(m / (m - 1) * float((left**2).sum())) / len(given)


def ratio_estimate(first: Proportion, second: Proportion) -> Estimate:
    """Ratio of two shares of different cases, such as a likelihood ratio, with the interval of its logarithm.

    Simel 1991 (J Clin Epidemiol 44:763), with the standard errors over patients where the shares have them. NaN where one
    of the two is none.
    """
    if not (first.count and second.count):
        value = math.inf if first.count and second.of else 0.0 if second.count and first.of else math.nan
        return Estimate(value, math.nan, math.nan)
    variance = sum(_relative_variance(one) for one in (first, second))
    if not variance > 0:
        return Estimate(first.value / second.value, math.nan, math.nan)
    value, half = first.value / second.value, float(stats.norm.ppf(0.975)) * math.sqrt(variance)
    return Estimate(value, value * math.exp(-half), value * math.exp(half), value * math.sqrt(variance))


def _relative_variance(one: Proportion) -> float:
    if math.isfinite(one.error):
        return (one.error / one.value) ** 2
    return (1 - one.value) / one.count

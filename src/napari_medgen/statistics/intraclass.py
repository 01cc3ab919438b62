"""Intraclass correlation: agreement of raters on a scale (Shrout and Fleiss 1979, Psychol Bull 86:420)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True)
class Intraclass:
    """One coefficient.

    Attributes
    ----------
    kind
        ``ICC(2,1)`` and so on: 1 other raters for each case, 2 a sample of raters, absolute agreement, 3 these raters,
        consistency; a single rating, or the mean of k.
    value, low, high
        Estimate and 95 % interval, cut at -1 and 1; NaN where they cannot be told.
    why_not
        Why there is no value.
    """

    kind: str
    value: float
    low: float = math.nan
    high: float = math.nan
    why_not: str = ""


def intraclass(ratings: ArrayLike, level: float = 0.95) -> dict[str, Intraclass]:
    """All six coefficients by their names (``KINDS``).

    Parameters
    ----------
    ratings
        (cases, raters) of numbers, none missing.

    Raises
    ------
    ValueError
        If a rating is missing, or the table has another form.
    """
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("ratings are (cases, raters), and none may be missing")
    n, k = table.shape
    if n < 2 or k < 2:
        why = "there is one case only" if n < 2 else "there is one rater only"
        return {kind: Intraclass(kind, math.nan, why_not=why) for kind in KINDS}
    mean, rows, columns = table.mean(), table.mean(1), table.mean(0)
    between = k * float(((rows - mean) ** 2).sum()) / (n - 1)
    within = float(((table - rows[:, None]) ** 2).sum()) / (n * (k - 1))
    raters = n * float(((columns - mean) ** 2).sum()) / (k - 1)
    error = float(((table - rows[:, None] - columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    if not between + within > 0:
        return {kind: Intraclass(kind, math.nan, why_not="all ratings are equal") for kind in KINDS}
    q = (1 + level) / 2
    low, high = _ratio(between, within, n - 1, n * (k - 1), q)
    absolute = between + (k - 1) * error + k * (raters - error) / n
    two = (between - error) / absolute if absolute > 0 else math.nan
    bounds = _absolute(between, raters, error, n, k, two, q)
    of_mean = between + (raters - error) / n
    low3, high3 = _ratio(between, error, n - 1, (n - 1) * (k - 1), q)
    found = {
        "ICC(1,1)": ((between - within) / (between + (k - 1) * within), _single(low, k), _single(high, k)),
        "ICC(2,1)": (two, *bounds),
        "ICC(3,1)": (
            (between - error) / (between + (k - 1) * error) if between + error > 0 else math.nan,
            _single(low3, k),
            _single(high3, k),
        ),
        "ICC(1,k)": (_average(between / within if within else math.inf), _average(low), _average(high)),
        "ICC(2,k)": (
            (between - error) / of_mean if of_mean > 0 else math.nan,
            *(k * one / (1 + (k - 1) * one) if 1 + (k - 1) * one > 0 else -math.inf for one in bounds),
        ),
        "ICC(3,k)": (_average(between / error if error else math.inf), _average(low3), _average(high3)),
    }
    return {kind: _one(kind, *values) for kind, values in found.items()}


def _ratio(above: float, below: float, df1: int, df2: int, q: float) -> tuple[float, float]:
    if not below > 0:
        return math.inf, math.inf
    f = above / below
    return f / float(stats.f.ppf(q, df1, df2)), f * float(stats.f.ppf(q, df2, df1))


def _single(f: float, k: int) -> float:
    return (f - 1) / (f + k - 1) if math.isfinite(f) else 1.0


def _average(f: float) -> float:
    return 1 - 1 / f if f > 0 else -math.inf


def _absolute(between: float, raters: float, error: float, n: int, k: int, icc: float, q: float) -> tuple[float, float]:
    """Limits of ICC(2,1), whose degrees of freedom are Satterthwaite's (Shrout and Fleiss 1979, page 424)."""
    if not (error > 0 and math.isfinite(icc)):
        return math.nan, math.nan
    f = raters / error
    part = n * (1 + (k - 1) * icc) - k * icc
    above = (k - 1) * (n - 1) * (k * icc * f + part) ** 2
    v = above / ((n - 1) * k**2 * icc**2 * f**2 + part**2)
    low, high = float(stats.f.ppf(q, n - 1, v)), float(stats.f.ppf(q, v, n - 1))
    rest = k * raters + (k * n - k - n) * error
    return (
        n * (between - low * error) / (low * rest + n * between),
        n * (high * between - error) / (rest + n * high * between),
    )


def _one(kind: str, value: float, low: float, high: float) -> Intraclass:
    """A coefficient; one below -1, or none, says that cases differ less than chance, and is none."""
    if not value > -1:
        return Intraclass(kind, math.nan, why_not="cases differ less than raters and error would have it")
    if not low < high:
        return Intraclass(kind, value)
    return Intraclass(kind, value, max(low, -1.0), min(high, 1.0))

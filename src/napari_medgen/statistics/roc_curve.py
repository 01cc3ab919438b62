"""The ROC curve itself: its points, a part of its area, and the smooth binormal curve through it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.hessian import hessian

Floats = NDArray[np.float64]
_MOST_CATEGORIES = 20  # of continuous scores, which are grouped for the binormal fit
_FAR = 8.0  # standard deviations; a fit beyond this is degenerate


def roc_points(scores: ArrayLike, positive: ArrayLike) -> tuple[Floats, Floats]:
    """False and true positive rates of the empirical curve, from (0, 0) to (1, 1); ties make one oblique step.

    Parameters
    ----------
    scores
        (N,) higher for more certainly positive.
    positive
        (N,) of bool.

    Raises
    ------
    ValueError
        If all cases are of one kind.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if truth.all() or not truth.any():
        raise ValueError("a curve needs positive and negative cases")
    _, codes = np.unique(-values, return_inverse=True)
    sick, well = np.bincount(codes[truth], minlength=codes.max() + 1), np.bincount(codes[~truth], minlength=codes.max() + 1)
    return np.r_[0.0, np.cumsum(well) / well.sum()], np.r_[0.0, np.cumsum(sick) / sick.sum()]


def partial_auc(scores: ArrayLike, positive: ArrayLike, low: float = 0.0, high: float = 0.2) -> float:
    """Area under the empirical curve between two false positive rates, over their distance: a mean sensitivity, 0 to 1.

    Raises
    ------
    ValueError
        If the limits are no part of 0 to 1, or all cases are of one kind.
    """
    if not 0 <= low < high <= 1:
        raise ValueError("the limits are false positive rates, the lower one first")
    x, y = roc_points(scores, positive)
    inside = (x > low) & (x < high)
    # On a vertical step the curve at its limit is what lies to the left of the high and to the right of the low limit.
    y_low = float(np.interp(low, x, y)) if low not in x else float(y[x == low].max())
    y_high = float(np.interp(high, x, y)) if high not in x else float(y[x == high].min())
    xs, ys = np.r_[low, x[inside], high], np.r_[y_low, y[inside], y_high]
    return float(np.trapezoid(ys, xs)) / (high - low)


@dataclass(frozen=True)
class Binormal:
    """A binormal curve: sensitivity = normal(a + b normal^-1(false positive rate)).

    Attributes
    ----------
    a, b
        Distance of the two means and spread of negatives, both in units of the spread of positives.
    area
        Under it, with its 95 % interval (delta method on the probit scale); NaN where it cannot be told.
    why_not
        Why it could not be fitted.
    """

    a: float
    b: float
    area: Estimate
    why_not: str = ""

    def sensitivity(self, false_positive: ArrayLike) -> Floats:
        """True positive rates at false positive rates."""
        rates: Floats = stats.norm.cdf(self.a + self.b * stats.norm.ppf(np.asarray(false_positive, np.float64)))
        return rates


def binormal(scores: ArrayLike, positive: ArrayLike) -> Binormal:
    """The binormal curve by maximum likelihood (Dorfman and Alf 1969, J Math Psychol 6:487).

    Scores that are no categories are grouped first.

    Parameters
    ----------
    scores, positive
        As :func:`roc_points` takes them.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if truth.all() or not truth.any():
        return _none("all cases are of one kind")
    codes = _categories(values)
    sick, well = (np.bincount(codes[one], minlength=codes.max() + 1).astype(np.float64) for one in (truth, ~truth))
    if len(sick) < 3:
        return _none("two categories give one point, through which every curve can be laid")
    if ((sick > 0) & (well > 0)).sum() < 2:
        return _none("the answers separate the two kinds, or nearly so: the fit is degenerate")
    start = np.r_[_start(sick, well)]

    def minus(vector: Floats) -> float:
        a, log_b, cuts = vector[0], vector[1], _cuts(vector[2:])
        b = math.exp(min(max(log_b, -20), 20))
        below = np.r_[0.0, stats.norm.cdf(cuts), 1.0]
        above = np.r_[0.0, stats.norm.cdf(b * cuts - a), 1.0]
        # Categories rise with certainty, so that what lies below a cut is the false side of both.
        return -float(well @ np.log(np.maximum(np.diff(below), 1e-12)) + sick @ np.log(np.maximum(np.diff(above), 1e-12)))

    found = optimize.minimize(minus, start, method="BFGS", options={"gtol": 1e-6, "maxiter": 1000})
    a, b = float(found.x[0]), math.exp(float(found.x[1]))
    if not (abs(a) < _FAR and 1 / _FAR < b < _FAR):
        return _none("the fit is degenerate: a curve with a hook, or two straight lines")
    try:
        covariance = np.linalg.inv(hessian(minus, found.x, np.arange(len(found.x))))[:2, :2]
    except np.linalg.LinAlgError:
        return _none("the likelihood has no single maximum")
    scale = math.sqrt(1 + b**2)
    middle = a / scale
    slope = np.array([1 / scale, -a * b**2 / scale**3])  # by a and by the logarithm of b
    error = math.sqrt(max(float(slope @ covariance @ slope), 0.0))
    if not error > 0:
        return _none("the likelihood has no single maximum")
    low, high = (float(stats.norm.cdf(middle + side * stats.norm.ppf(0.975) * error)) for side in (-1, 1))
    area = float(stats.norm.cdf(middle))
    return Binormal(a, b, Estimate(area, low, high, error * float(stats.norm.pdf(middle))))


def _categories(values: Floats) -> NDArray[np.intp]:
    """Numbers from 0: few levels as they are, others in groups of like size, of eight cases or more where there are."""
    kinds, codes = np.unique(values, return_inverse=True)
    if len(kinds) * 2 <= len(values) and len(kinds) <= _MOST_CATEGORIES:
        return np.asarray(codes)
    groups = min(_MOST_CATEGORIES, max(len(values) // 8, 3))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, groups + 1)[1:-1]))
    return np.asarray(np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1])


def _start(sick: Floats, well: Floats) -> Floats:
    """A line through the points on normal paper."""
    x = np.clip(np.cumsum(well)[:-1] / well.sum(), 0.02, 0.98)
    y = np.clip(np.cumsum(sick)[:-1] / sick.sum(), 0.02, 0.98)
    cuts, high = stats.norm.ppf(x), stats.norm.ppf(y)
    b = float(np.clip(np.polyfit(cuts, high, 1)[0], 0.3, 3.0)) if np.ptp(cuts) > 0 else 1.0
    a = float((b * cuts - high).mean())
    gaps = np.log(np.maximum(np.diff(cuts), 1e-2))
    return np.asarray(np.r_[a, math.log(b), cuts[0], gaps])


def _cuts(vector: Floats) -> Floats:
    return np.asarray(vector[0] + np.r_[0.0, np.cumsum(np.exp(np.clip(vector[1:], -20, 5)))])


def _none(why: str) -> Binormal:
    return Binormal(math.nan, math.nan, Estimate(math.nan, math.nan, math.nan), why)

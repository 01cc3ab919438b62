"""The variance of a mean area over random readers and cases, in one step from the readings themselves.

Barrett, Clarkson and Kupinski 2005 (Proc SPIE 5749:21) and Gallas 2006 (Acad Radiol 13:353), as the FDA's program iMRMC has
it ("BDG", "U-statistics"): an area is a mean over readers, positive and negative cases, and its variance has a component for
each of the seven ways in which two terms can have some of the three in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Method = Literal["unbiased", "mle"]
_ALL = frozenset((0, 1, 2))  # readers, positives, negatives
_SETS = tuple(frozenset(one) for size in range(4) for one in combinations((0, 1, 2), size))


@dataclass(frozen=True)
class OneShot:
    """A mean area, or a difference of two, with readers and cases random.

    Attributes
    ----------
    value, variance
        Estimate and its variance. The unbiased variance can be negative; then nothing can be estimated.
    df
        Degrees of freedom after Obuchowski 2012 (Acad Radiol 19:1508).
    low, high, p
        95 % interval, and p of no difference (of one treatment: of an area of one half); NaN where they cannot be
        estimated. iMRMC rounds the degrees of freedom down, and so do these.
    why_not
        Why they could not be.
    """

    value: float
    variance: float
    df: float
    low: float
    high: float
    p: float
    why_not: str = ""


def one_shot(scores: ArrayLike, positive: ArrayLike, method: Method = "unbiased", other: ArrayLike | None = None) -> OneShot:
    """Analyse one treatment, or the first less the other.

    Parameters
    ----------
    scores, other
        (readers, cases) of one treatment each, higher for more certainly positive.
    positive
        (cases,) of bool.
    method
        ``unbiased``, or ``mle``, which is never negative and a little too large.

    Raises
    ------
    ValueError
        If a score is missing, or there are fewer than two readers, positive or negative cases.
    """
    truth = np.asarray(positive, bool)
    wins = _wins(np.asarray(scores, np.float64), truth)
    if other is not None:
        wins = wins - _wins(np.asarray(other, np.float64), truth)
    unbiased = _shares(wins, "unbiased")
    variance, value = sum((unbiased if method == "unbiased" else _shares(wins, method)).values()), float(wins.mean())
    if not variance > 0:
        why = "the unbiased variance is negative" if variance < 0 else "nothing varies"
        return OneShot(value, variance, math.nan, math.nan, math.nan, math.nan, why)
    # What of the variance each of the three has a part in, against how many of it there are (Satterthwaite); iMRMC takes the
    # unbiased parts also where the variance is not.
    own = [sum(share for one, share in unbiased.items() if axis in one) for axis in range(3)]
    df = variance**2 / sum(part**2 / (size - 1) for part, size in zip(own, wins.shape, strict=True))
    df = max(df, len(wins) - 1)  # as iMRMC does: never fewer than readers alone would have
    error, law = math.sqrt(variance), stats.t(max(int(df), 1)) if df < 50 else stats.norm()
    half, apart = float(law.ppf(0.975)) * error, abs(value - (0.5 if other is None else 0.0))
    return OneShot(value, variance, df, value - half, value + half, float(2 * law.sf(apart / error)))


def _wins(scores: Floats, truth: NDArray[np.bool_]) -> Floats:
    if scores.ndim != 2 or truth.shape != scores.shape[1:] or not np.isfinite(scores).all():
        raise ValueError("scores are (readers, cases), none missing, and the truth has one entry a case")
    if min(len(scores), int(truth.sum()), int((~truth).sum())) < 2:
        raise ValueError("there must be two readers, two positive and two negative cases or more")
    gap = scores[:, truth][:, :, None] - scores[:, ~truth][:, None, :]
    wins: Floats = (gap > 0) + 0.5 * (gap == 0)
    return wins


def _shares(wins: Floats, method: Method) -> dict[frozenset[int], float]:
    """What each set of readers, positives and negatives that two terms have in common adds to the variance of the mean."""
    sums = {}
    for shared in _SETS:
        summed = wins.sum(axis=tuple(_ALL - shared)) if shared != _ALL else wins
        sums[shared] = float((summed**2).sum())
    moments = {}
    for shared in _SETS:
        if method == "mle":
            pairs = math.prod(wins.shape[axis] ** (1 if axis in shared else 2) for axis in _ALL)
            moments[shared] = sums[shared] / pairs
        else:  # of pairs whose other indices all differ: those that are alike by chance are taken out
            total = sum((-1) ** len(more - shared) * sums[more] for more in _SETS if more >= shared)
            pairs = math.prod(size if axis in shared else size * (size - 1) for axis, size in enumerate(wins.shape))
            moments[shared] = total / pairs
    return {
        shared: sum((-1) ** len(shared - fewer) * moments[fewer] for fewer in _SETS if fewer <= shared)
        / math.prod(wins.shape[axis] for axis in shared)
        for shared in _SETS
        if shared
    }

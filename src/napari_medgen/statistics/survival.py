"""Reading times where a limit cut some off: Kaplan and Meier 1958 (J Am Stat Assoc 53:457)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Survival:
    """How many are still being read after how long.

    Attributes
    ----------
    times
        Seconds at which the share falls.
    share, low, high
        Still open after each, with the 95 % interval (Greenwood, log-log).
    median
        Seconds, with interval; infinite where more than half were cut off.
    cut
        How many the limit cut off, of how many.
    """

    times: Floats
    share: Floats
    low: Floats
    high: Floats
    median: tuple[float, float, float]
    cut: tuple[int, int]


def kaplan_meier(seconds: ArrayLike, cut: ArrayLike) -> Survival:
    """The curve of times (N,); ``cut`` (N,) says which of them the limit ended.

    Raises
    ------
    ValueError
        If there is none.
    """
    times, ended = np.asarray(seconds, np.float64), np.asarray(cut, bool)
    if not len(times):
        raise ValueError("there are no times")
    if ended.all():
        never = (math.inf, math.inf, math.inf)
        return Survival(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), never, (len(times), len(times)))
    at, counts = np.unique(times[~ended], return_counts=True)
    left = (times[None] >= at[:, None]).sum(1)
    share = np.cumprod(1 - counts / left)
    with np.errstate(divide="ignore", invalid="ignore"):  # of none left there is no logarithm, and the interval is nothing
        spread = np.sqrt(np.cumsum(counts / (left * (left - counts)))) / np.abs(np.log(share))
        half = stats.norm.ppf(0.975) * spread
        low, high = (np.nan_to_num(share ** np.exp(side * half)) for side in (1, -1))
    median = tuple(float(at[one <= 0.5][0]) if (one <= 0.5).any() else math.inf for one in (share, low, high))
    return Survival(at, share, low, high, (median[0], median[1], median[2]), (int(ended.sum()), len(times)))

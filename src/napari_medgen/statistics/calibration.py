"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram and its summaries.

    Attributes
    ----------
    error
        Expected calibration error (Naeini 2015): mean distance of stated and observed, weighted by cases.
    brier
        Mean squared difference of probability and truth.
    stated, observed, count
        For each bin that holds cases: mean probability, share of positives, cases.
    """

    error: float
    brier: float
    stated: NDArray[np.float64]
    observed: NDArray[np.float64]
    count: NDArray[np.intp]


def calibration(probabilities: ArrayLike, positive: ArrayLike, bins: int = 10) -> Calibration:
    """Calibration of probabilities (N,) against truth (N,), in bins of equal width."""
    p, truth = np.asarray(probabilities, np.float64), np.asarray(positive, np.float64)
    place = np.minimum((p * bins).astype(np.intp), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    stated = np.bincount(place, p, bins)[filled] / count[filled]
    observed = np.bincount(place, truth, bins)[filled] / count[filled]
    error = float((count[filled] * np.abs(stated - observed)).sum() / max(len(p), 1))
    return Calibration(error, float(((p - truth) ** 2).mean()), stated, observed, count[filled])

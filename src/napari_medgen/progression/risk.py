"""Risk of fast progression: two grades or more (Han 2022, equation 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAST = 2  # grades
_BAND = (0.1, 0.9)


def transitions(grades: int = 5) -> tuple[tuple[int, int], ...]:
    """All pairs of a grade and one at least two above: six for five grades."""
    return tuple((low, high) for low in range(grades) for high in range(low + FAST, grades))


def progression_risk(baseline: NDArray[np.floating], future: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability that the grade rises by two or more, if both grades were drawn independently.

    Parameters
    ----------
    baseline, future
        (..., grades) probabilities that sum to one.

    Returns
    -------
    numpy.ndarray
        (...), 0 to 1.
    """
    before, after = np.asarray(baseline, np.float64), np.asarray(future, np.float64)
    pairs = transitions(before.shape[-1])
    risk: NDArray[np.float64] = np.sum([before[..., low] * after[..., high] for low, high in pairs], 0)
    return risk


@dataclass(frozen=True, eq=False)
class Band:
    """A value over time, and where most neighbours' own values lie.

    Attributes
    ----------
    value
        (T,) on the mean way.
    low, high
        (T,) the 10th and the 90th percentile of the neighbours' ways.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, value: NDArray[np.floating], each: NDArray[np.floating]) -> Band:
        """From the mean way's values (T,) and the neighbours' (neighbours, T)."""
        low, high = np.quantile(np.asarray(each, np.float64), _BAND, axis=0)
        return cls(np.asarray(value, np.float64), low, high)

"""Several tests of one question, corrected so that the family errs as seldom as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P values corrected by the step-down procedure of Holm 1979 (Scand J Stat 6:65).

    Parameters
    ----------
    p_values
        (N,) from 0 to 1. NaN stands for a test that could not be made: it stays so and counts as none.

    Returns
    -------
    numpy.ndarray
        (N,) in the same order, at most 1.
    """
    given = np.asarray(p_values, np.float64)
    out = np.full(given.shape, np.nan)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    out[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(order), 0, -1)), 1)
    return out

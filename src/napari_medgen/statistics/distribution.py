"""How far apart two sets of feature vectors are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def kernel_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Squared maximum mean discrepancy of features (N, K) and (M, K); about zero for sets of one distribution.

    The kernel distance of Bińkowski 2018 (KID): unbiased, so that small and unequal counts can be compared, with a cubic
    polynomial kernel.

    Raises
    ------
    ValueError
        If a set has fewer than two members.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("each set needs at least two members")

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        product: NDArray[np.float64] = (x @ y.T / x.shape[1] + 1) ** 3
        return product

    def within(x: NDArray[np.float64]) -> float:
        k = kernel(x, x)
        return float((k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)))

    return within(a) + within(b) - 2 * float(kernel(a, b).mean())

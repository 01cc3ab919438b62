"""Agreement of two gradings: Cohen's kappa with quadratic weights (Cohen 1968)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.bootstrap import REDRAWS, Estimate, bootstrap


def kappa_estimate(
    first: ArrayLike,
    second: ArrayLike,
    grades: int,
    *,
    redraws: int = REDRAWS,
    seed: int = 0,
    groups: NDArray[np.intp] | None = None,
) -> Estimate:
    """Quadratic weighted kappa with a bootstrap interval.

    Parameters
    ----------
    first, second
        (N,) grades 0 to ``grades - 1``.
    """
    a, b = np.asarray(first, np.intp), np.asarray(second, np.intp)
    levels = np.arange(grades)
    cost = (levels[:, None] - levels[None]) ** 2
    one_a, one_b = np.eye(grades)[a], np.eye(grades)[b]
    observed = cost[a, b].astype(np.float64)

    def weighted(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total = weights.sum(1)
        margins_a, margins_b = weights @ one_a, weights @ one_b
        expected = np.einsum("bi,ij,bj->b", margins_a, cost, margins_b) / total
        with np.errstate(invalid="ignore", divide="ignore"):
            result: NDArray[np.float64] = 1 - (weights @ observed) / expected
        return result

    return bootstrap(weighted, len(a), redraws=redraws, seed=seed, groups=groups)


def quadratic_kappa(first: ArrayLike, second: ArrayLike, grades: int) -> float:
    """Quadratic weighted kappa: 1 for perfect agreement, 0 for chance."""
    return kappa_estimate(first, second, grades, redraws=1).value

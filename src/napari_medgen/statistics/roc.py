"""The area under the ROC curve, for one set of weights or for thousands."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.bootstrap import REDRAWS, Estimate, bootstrap


class WeightedAUC:
    """Area under the ROC curve as a function of case weights; ties count half (Mann-Whitney).

    Parameters
    ----------
    scores
        (N,) higher for what should be positive.
    positive
        (N,) truth.
    """

    def __init__(self, scores: ArrayLike, positive: ArrayLike) -> None:
        values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
        if values.shape != truth.shape or values.ndim != 1:
            raise ValueError(f"scores {values.shape} and truth {truth.shape} must be one row of the same length")
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._positive = truth[self._order]
        # Cases with one score form a run; each run begins where the score changes.
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._tied = len(self._starts) < len(values)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Areas (B,) for weights (B, N); NaN where one side is empty."""
        ordered = weights[:, self._order]
        if not self._tied:
            return self._untied(ordered)
        positives = np.add.reduceat(ordered * self._positive, self._starts, axis=1)
        negatives = np.add.reduceat(ordered * ~self._positive, self._starts, axis=1)
        below = np.cumsum(negatives, 1) - negatives / 2
        pairs = positives.sum(1) * negatives.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            areas: NDArray[np.float64] = np.where(pairs > 0, (positives * below).sum(1) / pairs, np.nan)
        return areas

    def _untied(self, ordered: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same where no two scores are equal: each positive is above the negatives before it."""
        below = np.cumsum(ordered * ~self._positive, 1)
        positives = ordered[:, self._positive]
        pairs = positives.sum(1) * below[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            above = np.einsum("ij,ij->i", positives, below[:, self._positive])
            areas: NDArray[np.float64] = np.where(pairs > 0, above / pairs, np.nan)
        return areas


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve; NaN where all cases are of one kind."""
    weighted = WeightedAUC(scores, positive)
    return float(weighted(np.ones((1, np.asarray(scores).shape[0])))[0])


def auc_estimate(
    scores: ArrayLike,
    positive: ArrayLike,
    *,
    redraws: int = REDRAWS,
    seed: int = 0,
    groups: NDArray[np.intp] | None = None,
) -> Estimate:
    """Area under the ROC curve with a bootstrap interval (the paper's way: 10,000 redraws)."""
    values = np.asarray(scores)
    return bootstrap(WeightedAUC(values, positive), len(values), redraws=redraws, seed=seed, groups=groups)


def auc_difference(
    first: ArrayLike,
    second: ArrayLike,
    positive: ArrayLike,
    *,
    redraws: int = REDRAWS,
    seed: int = 0,
    groups: NDArray[np.intp] | None = None,
) -> Estimate:
    """Difference of two classifiers' areas on the same cases, redrawn together."""
    a, b = WeightedAUC(first, positive), WeightedAUC(second, positive)
    return bootstrap(lambda w: a(w) - b(w), len(np.asarray(positive)), redraws=redraws, seed=seed, groups=groups)

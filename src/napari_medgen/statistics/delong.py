"""Areas under ROC curves with the variance of DeLong 1988, and the comparison of two on the same cases.

Where a patient gives several cases, the variance is Obuchowski's for clustered data (Biometrics 53:567, 1997), which is
DeLong's where each case is a patient of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from napari_medgen.statistics.bootstrap import Estimate


@dataclass(frozen=True)
class AUCDifference:
    """Two areas on the same cases.

    Attributes
    ----------
    first, second, difference
        The areas, and first minus second, with 95 % intervals.
    p
        Two-sided, of no difference.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        parts = {"first": self.first, "second": self.second, "difference": self.difference}
        return {name: part.as_dict() for name, part in parts.items()} | {"p": self.p}


def delong(scores: ArrayLike, positive: ArrayLike, groups: NDArray[np.intp] | None = None) -> Estimate:
    """Area under the ROC curve with DeLong's 95 % interval, limited to 0 and 1.

    Parameters
    ----------
    scores
        (N,) higher for what should be positive.
    positive
        (N,) truth; NaN results where a side has fewer than two cases, or two patients.
    groups
        (N,) patient of each case; by default each is another's.
    """
    areas, covariance = areas_with_covariance(np.asarray(scores, np.float64)[None], np.asarray(positive, bool), groups)
    return _estimate(areas[0], covariance[0, 0], clip=True)


def compare_delong(
    first: ArrayLike, second: ArrayLike, positive: ArrayLike, groups: NDArray[np.intp] | None = None
) -> AUCDifference:
    """Two scores of the same cases; ``groups`` as :func:`delong`."""
    scores = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])
    areas, covariance = areas_with_covariance(scores, np.asarray(positive, bool), groups)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    gap = areas[0] - areas[1]
    p = float(2 * stats.norm.sf(abs(gap) / np.sqrt(variance))) if variance > 0 else float("nan" if gap else 1.0)
    return AUCDifference(
        _estimate(areas[0], covariance[0, 0], clip=True),
        _estimate(areas[1], covariance[1, 1], clip=True),
        _estimate(gap, variance, clip=False),
        p,
    )


def compare_all(scores: ArrayLike, positive: ArrayLike, groups: NDArray[np.intp] | None = None) -> tuple[float, int, float]:
    """Chi-squared, degrees of freedom and p of no difference between any of several scores (K, N) of the same cases.

    Two or more contrasts at once (DeLong 1988, equation 5); ``groups`` as :func:`delong`. NaN where areas do not vary.
    """
    areas, covariance = areas_with_covariance(np.asarray(scores, np.float64), np.asarray(positive, bool), groups)
    contrasts = np.eye(len(areas))[:-1] - np.eye(len(areas))[-1]
    gaps, spread = contrasts @ areas, contrasts @ covariance @ contrasts.T
    df = len(gaps)
    if not np.isfinite(spread).all() or np.linalg.matrix_rank(spread) < df:
        return float("nan"), df, float("nan")
    chi = float(gaps @ np.linalg.solve(spread, gaps))
    return chi, df, float(stats.chi2.sf(chi, df))


Matrix = NDArray[np.float64]


def areas_with_covariance(
    scores: Matrix, positive: NDArray[np.bool_], groups: NDArray[np.intp] | None
) -> tuple[Matrix, Matrix]:
    """Areas (K,) and their covariance (K, K) of scores (K, N), from the components of Sun and Xu 2014."""
    if scores.shape[1] != len(positive):
        raise ValueError(f"scores {scores.shape} and truth {positive.shape} must be of the same length")
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        return np.full(len(scores), np.nan), np.full((len(scores), len(scores)), np.nan)
    above, below = placements(scores, positive)
    areas: Matrix = above.mean(1)
    whose = np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
    return areas, _clustered_covariance(areas, above, below, whose[positive], whose[~positive])


def placements(scores: Matrix, positive: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """For each positive case the share of negative ones below it, for each negative one that of positive ones above it.

    Scores are (..., N); ties count one half. By ranks, so that no table of pairs is made (Sun and Xu 2014, IEEE Signal
    Process Lett 21:1389).
    """
    sick, well = scores[..., positive], scores[..., ~positive]
    m, n = sick.shape[-1], well.shape[-1]
    together = stats.rankdata(np.concatenate([sick, well], axis=-1), axis=-1)
    above: Matrix = (together[..., :m] - stats.rankdata(sick, axis=-1)) / n
    below: Matrix = 1 - (together[..., m:] - stats.rankdata(well, axis=-1)) / m
    return above, below


def _clustered_covariance(
    areas: Matrix, above: Matrix, below: Matrix, of_sick: NDArray[np.intp], of_well: NDArray[np.intp]
) -> Matrix:
    """Covariance (K, K) of areas whose components (K, M) and (K, N) belong to patients (Obuchowski 1997, equation 2)."""
    (_, m), (_, n) = above.shape, below.shape
    patients = int(max(of_sick.max(), of_well.max())) + 1

    def summed(components: Matrix, whose: NDArray[np.intp]) -> tuple[Matrix, int]:
        """Each patient's sum (K, patients) of components less the area, and how many patients have any."""
        centred = components - areas[:, None]
        sums = np.stack([np.bincount(whose, row, patients).astype(np.float64) for row in centred])
        return sums, len(np.unique(whose))

    (sick, with_sick), (well, with_well) = summed(above, of_sick), summed(below, of_well)
    if min(with_sick, with_well) < 2:
        return np.full((len(areas), len(areas)), np.nan)
    both = sick @ well.T
    variance: Matrix = (
        with_sick / (with_sick - 1) * (sick @ sick.T) / m**2
        + with_well / (with_well - 1) * (well @ well.T) / n**2
        + patients / (patients - 1) * (both + both.T) / (m * n)
    )
    return variance


def _estimate(value: float, variance: float, *, clip: bool) -> Estimate:
    sd = float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else float("nan")
    low, high = value - stats.norm.ppf(0.975) * sd, value + stats.norm.ppf(0.975) * sd
    if clip:
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(float(value), float(low), float(high), sd)

"""Figures of merit of several readers and treatments, and how they vary together over cases.

The covariance of two readers' areas comes from the cases that both have read: by DeLong (DeLong 1988, Biometrics 44:837), by
the jackknife, by the bootstrap, or as the unbiased estimate of a U-statistic (Gallas 2006, Acad Radiol 13:353).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.delong import areas_with_covariance, placements
from napari_medgen.statistics.roc import WeightedAUC

Floats = NDArray[np.float64]
Method = Literal["delong", "jackknife", "unbiased", "bootstrap"]
Figure = Callable[[Floats, NDArray[np.bool_]], float]
REDRAWS = 2000
_CELLS = 4_000_000  # of a block of comparisons: 32 MB


def auc_table(scores: ArrayLike, positive: ArrayLike) -> Floats:
    """Empirical areas under the ROC curve.

    Parameters
    ----------
    scores
        (treatments, readers, cases), higher for more certainly positive.
    positive
        (cases,) of bool.

    Returns
    -------
    numpy.ndarray
        (treatments, readers), 0 to 1; ties count one half.

    Raises
    ------
    ValueError
        If a score is missing, or there is no positive or no negative case.
    """
    ratings, truth = _checked(scores, positive)
    above, _ = placements(ratings, truth)
    areas: Floats = above.mean(axis=-1)
    return areas


def auc_covariance(scores: ArrayLike, positive: ArrayLike, method: Method = "delong") -> Floats:
    """Covariance of the areas over cases.

    Parameters
    ----------
    scores, positive
        As :func:`auc_table` takes them.
    method
        ``delong``; ``jackknife`` over all cases; ``bootstrap`` of cases, positive and negative ones by themselves; or
        ``unbiased``, whose variances can be negative.

    Returns
    -------
    numpy.ndarray
        (treatments x readers, treatments x readers), treatment outer, reader inner.

    Raises
    ------
    ValueError
        As :func:`auc_table`, or if there are fewer than two cases of a kind.
    """
    ratings, truth = _checked(scores, positive, least=2)
    if method == "jackknife":
        return jackknife_covariance(ratings, truth)
    if method == "bootstrap":
        return bootstrap_covariance(ratings, truth)
    flat = ratings.reshape(-1, ratings.shape[-1])
    return _unbiased(flat, truth) if method == "unbiased" else _delong(*placements(flat, truth))


def clustered_areas(scores: ArrayLike, positive: ArrayLike, patients: ArrayLike) -> tuple[Floats, Floats]:
    """Areas (treatments, readers) and their covariance where a patient gives several cases (Obuchowski 1997).

    Parameters
    ----------
    scores, positive
        As :func:`auc_table` takes them.
    patients
        (cases,) patient of each.

    Raises
    ------
    ValueError
        As :func:`auc_table`, or if a kind of case comes from fewer than two patients.
    """
    ratings, truth = _checked(scores, positive, least=2)
    areas, covariance = areas_with_covariance(ratings.reshape(-1, ratings.shape[-1]), truth, np.asarray(patients))
    if not np.isfinite(covariance).all():
        raise ValueError("positive and negative cases must each come from two patients or more")
    return areas.reshape(ratings.shape[:2]), covariance


def proportion_covariance(right: ArrayLike) -> Floats:
    """Covariance of proportions over the cases that all have answered, such as sensitivities over the positive ones.

    Parameters
    ----------
    right
        (treatments, readers, cases) of bool: whether each answer was right.

    Returns
    -------
    numpy.ndarray
        (treatments x readers, treatments x readers): sample covariance of the answers over the number of cases.
    """
    answers = np.asarray(right, np.float64)
    answers = answers.reshape(-1, answers.shape[-1])
    return np.atleast_2d(np.cov(answers)) / answers.shape[1]


def jackknife_covariance(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> Floats:
    """Covariance of any figure of merit, by leaving out one case after the other.

    Parameters
    ----------
    scores, positive
        As :func:`auc_table` takes them.
    figure
        Takes the scores (cases,) of one reader and the truth, and returns a number; the area by default.

    Returns
    -------
    numpy.ndarray
        As :func:`auc_covariance`: (N - 1) / N times the sum of centred products over all N cases.
    """
    _, left = leave_one_out(scores, positive, figure)
    rows = left.reshape(-1, left.shape[-1])
    count = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    covariance: Floats = (count - 1) / count * centred @ centred.T
    return covariance


def area_of(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The area under the empirical curve as a figure of merit; NaN where all cases are of one kind."""
    if positive.all() or not positive.any():
        return float("nan")
    return float(placements(scores, positive)[0].mean())


def leave_one_out(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> tuple[Floats, Floats]:
    """Figures (treatments, readers) of all cases, and (treatments, readers, cases) without each case.

    Parameters
    ----------
    scores, positive, figure
        As :func:`jackknife_covariance` takes them.
    """
    ratings, truth = _checked(scores, positive, least=2)
    if figure is None:
        return _areas_without_each(ratings, truth)
    flat = ratings.reshape(-1, ratings.shape[-1])
    keep = ~np.eye(flat.shape[1], dtype=bool)
    left = np.array([[figure(row[kept], truth[kept]) for kept in keep] for row in flat])
    whole = np.array([figure(row, truth) for row in flat])
    return whole.reshape(ratings.shape[:-1]), left.reshape(ratings.shape)


def bootstrap_covariance(
    scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None, *, redraws: int = REDRAWS, seed: int = 0
) -> Floats:
    """Covariance of any figure of merit over redrawn cases, positive and negative ones redrawn by themselves.

    Parameters
    ----------
    scores, positive, figure
        As :func:`jackknife_covariance` takes them. For the area all redraws are computed at once.
    """
    ratings, truth = _checked(scores, positive, least=2)
    flat = ratings.reshape(-1, ratings.shape[-1])
    rng = np.random.default_rng(seed)
    sides = [np.flatnonzero(truth), np.flatnonzero(~truth)]
    if figure is None:
        counts = np.zeros((redraws, len(truth)))
        for side in sides:
            counts[:, side] = rng.multinomial(len(side), np.full(len(side), 1 / len(side)), size=redraws)
        drawn = np.stack([WeightedAUC(row, truth)(counts) for row in flat])
    else:
        chosen = [np.concatenate([rng.choice(side, len(side)) for side in sides]) for _ in range(redraws)]
        drawn = np.array([[figure(row[one], truth[one]) for one in chosen] for row in flat])
    return np.atleast_2d(np.cov(drawn))


def _checked(scores: ArrayLike, positive: ArrayLike, least: int = 1) -> tuple[Floats, NDArray[np.bool_]]:
    ratings, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if ratings.ndim != 3 or truth.shape != ratings.shape[-1:]:
        raise ValueError("scores are (treatments, readers, cases), and the truth has one entry a case")
    if not np.isfinite(ratings).all():
        raise ValueError("an answer is missing: every reader must have read every case in every treatment")
    if min(int(truth.sum()), int((~truth).sum())) < least:
        raise ValueError(f"there must be {least} positive and {least} negative cases or more")
    return ratings, truth


def _areas_without_each(ratings: Floats, truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    above, below = placements(ratings, truth)
    m, n = above.shape[-1], below.shape[-1]
    areas = above.mean(axis=-1)
    left = np.empty(ratings.shape)
    left[..., truth] = (m * areas[..., None] - above) / (m - 1)
    left[..., ~truth] = (n * areas[..., None] - below) / (n - 1)
    return areas, left


def _delong(above: Floats, below: Floats) -> Floats:
    covariance: Floats = np.atleast_2d(np.cov(above)) / above.shape[1] + np.atleast_2d(np.cov(below)) / below.shape[1]
    return covariance


def _unbiased(flat: Floats, truth: NDArray[np.bool_]) -> Floats:
    """By the four moments of pairs that share both cases, one, or none."""
    above, below = placements(flat, truth)
    n1, n0 = above.shape[1], below.shape[1]
    rows, columns = above * n0, below * n1
    total = rows.sum(axis=1)
    both = np.zeros((len(flat), len(flat)))
    sick, well = flat[:, truth], flat[:, ~truth]
    block = max(1, _CELLS // (len(flat) * n0))
    for start in range(0, n1, block):
        gap = sick[:, start : start + block, None] - well[:, None, :]
        wins = ((gap > 0) + 0.5 * (gap == 0)).reshape(len(flat), -1)
        both += wins @ wins.T
    same_row, same_column = rows @ rows.T, columns @ columns.T
    m1 = both / (n1 * n0)
    m2 = (same_row - both) / (n1 * n0 * (n0 - 1))
    m3 = (same_column - both) / (n1 * n0 * (n1 - 1))
    m4 = (np.outer(total, total) - same_row - same_column + both) / (n1 * n0 * (n1 - 1) * (n0 - 1))
    covariance: Floats = (m1 + (n0 - 1) * m2 + (n1 - 1) * m3 + (n1 - 1) * (n0 - 1) * m4) / (n1 * n0) - m4
    return covariance

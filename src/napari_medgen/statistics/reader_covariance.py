"""Figures of merit of several readers and treatments on the same cases, and how they vary together over cases.

The covariance of two readers' areas comes from the cases that both have read: by DeLong (DeLong 1988, Biometrics 44:837), by
the jackknife, or as the unbiased estimate of a U-statistic (Gallas 2006, Acad Radiol 13:353).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Method = Literal["delong", "jackknife", "unbiased"]
Figure = Callable[[Floats, NDArray[np.bool_]], float]


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
    areas: Floats = _pairs(ratings, truth).mean(axis=(-2, -1))
    return areas


def auc_covariance(scores: ArrayLike, positive: ArrayLike, method: Method = "delong") -> Floats:
    """Covariance of the areas over cases.

    Parameters
    ----------
    scores, positive
        As :func:`auc_table` takes them.
    method
        ``delong``; ``jackknife`` over all cases; or ``unbiased``, whose variances can be negative.

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
        return jackknife_covariance(ratings, truth, lambda one, true: float(_pairs(one, true).mean()))
    wins = _pairs(ratings, truth)
    wins = wins.reshape(-1, *wins.shape[2:])
    return _unbiased(wins) if method == "unbiased" else _delong(wins)


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


def jackknife_covariance(scores: ArrayLike, positive: ArrayLike, figure: Figure) -> Floats:
    """Covariance of any figure of merit, by leaving out one case after the other.

    Parameters
    ----------
    scores, positive
        As :func:`auc_table` takes them.
    figure
        Takes the scores (cases,) of one reader and the truth, and returns a number.

    Returns
    -------
    numpy.ndarray
        As :func:`auc_covariance`: (N - 1) / N times the sum of centred products over all N cases.
    """
    ratings, truth = _checked(scores, positive, least=2)
    flat = ratings.reshape(-1, ratings.shape[-1])
    count = flat.shape[1]
    keep = ~np.eye(count, dtype=bool)
    left = np.array([[figure(row[kept], truth[kept]) for row in flat] for kept in keep])
    centred = left - left.mean(axis=0)
    covariance: Floats = (count - 1) / count * centred.T @ centred
    return covariance


def _checked(scores: ArrayLike, positive: ArrayLike, least: int = 1) -> tuple[Floats, NDArray[np.bool_]]:
    ratings, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if ratings.ndim != 3 or truth.shape != ratings.shape[-1:]:
        raise ValueError("scores are (treatments, readers, cases), and the truth has one entry a case")
    if not np.isfinite(ratings).all():
        raise ValueError("an answer is missing: every reader must have read every case in every treatment")
    if min(int(truth.sum()), int((~truth).sum())) < least:
        raise ValueError(f"there must be {least} positive and {least} negative cases or more")
    return ratings, truth


def _pairs(ratings: Floats, truth: NDArray[np.bool_]) -> Floats:
    """(..., positives, negatives): 1 where the positive case has the higher score, one half for a tie."""
    difference = ratings[..., truth][..., :, None] - ratings[..., ~truth][..., None, :]
    wins: Floats = (difference > 0) + 0.5 * (difference == 0)
    return wins


def _delong(wins: Floats) -> Floats:
    positives, negatives = wins.shape[1:]
    by_positive, by_negative = np.cov(wins.mean(axis=2)), np.cov(wins.mean(axis=1))
    covariance: Floats = np.atleast_2d(by_positive) / positives + np.atleast_2d(by_negative) / negatives
    return covariance


def _unbiased(wins: Floats) -> Floats:
    """By the four moments of pairs that share both cases, one, or none."""
    n1, n0 = wins.shape[1:]
    rows, columns, total = wins.sum(axis=2), wins.sum(axis=1), wins.sum(axis=(1, 2))
    both = np.einsum("aij,bij->ab", wins, wins)
    same_row, same_column = rows @ rows.T, columns @ columns.T
    m1 = both / (n1 * n0)
    m2 = (same_row - both) / (n1 * n0 * (n0 - 1))
    m3 = (same_column - both) / (n1 * n0 * (n1 - 1))
    m4 = (np.outer(total, total) - same_row - same_column + both) / (n1 * n0 * (n1 - 1) * (n0 - 1))
    covariance: Floats = (m1 + (n0 - 1) * m2 + (n1 - 1) * m3 + (n1 - 1) * (n0 - 1) * m4) / (n1 * n0) - m4
    return covariance

"""Agreement beyond chance of two or more raters in categories: Cohen, weighted, Fleiss, Conger."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Weights = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True)
class Agreement:
    """A coefficient of agreement: 1 for perfect, 0 for chance, below 0 for less than chance.

    Attributes
    ----------
    value, error
        Estimate and its large-sample standard error; NaN where they cannot be told.
    low, high
        95 % interval, cut at 1.
    p
        Two-sided, of agreement by chance alone; its standard error is another, that under chance.
    why_not
        Why there is no value; empty where there is one.
    """

    value: float
    error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    why_not: str = ""


def cross_table(first: ArrayLike, second: ArrayLike, categories: int) -> Floats:
    """(categories, categories) of counts of two raters' categories (N,), numbered from 0."""
    a, b = np.asarray(first, np.intp), np.asarray(second, np.intp)
    table: Floats = (
        np.bincount(a * categories + b, minlength=categories**2).reshape(categories, categories).astype(np.float64)
    )
    return table


def cohen(table: ArrayLike, weights: Weights = "none") -> Agreement:
    """Kappa of two raters (Cohen 1960, 1968) with the standard error of Fleiss, Cohen and Everitt 1969.

    Parameters
    ----------
    table
        (K, K) counts: the first rater's categories by the second's.
    weights
        How near misses count: not, by the distance of categories, or by its square.
    """
    counts = np.asarray(table, np.float64)
    total = counts.sum()
    if not total:
        return Agreement(math.nan, why_not="no case was rated by both")
    p = counts / total
    rows, columns = p.sum(1), p.sum(0)
    w = _weights(len(p), weights)
    observed, expected = float((w * p).sum()), float(rows @ w @ columns)
    if math.isclose(expected, 1.0):
        return Agreement(math.nan, why_not="both raters used one category only, so that chance alone agrees always")
    value = (observed - expected) / (1 - expected)
    by_row, by_column = w @ columns, rows @ w
    both = by_row[:, None] + by_column[None]
    inner = float((p * (w - both * (1 - value)) ** 2).sum())
    error = math.sqrt(max(inner - (value - expected * (1 - value)) ** 2, 0.0) / total) / (1 - expected)
    by_chance = float((np.outer(rows, columns) * (w - both) ** 2).sum()) - expected**2
    return _agreement(value, error, math.sqrt(max(by_chance, 0.0) / total) / (1 - expected))


def fleiss(counts: ArrayLike) -> Agreement:
    """Kappa of as many raters a case as you like (Fleiss 1971, Psychol Bull 76:378).

    The interval is that of Gwet 2008 over cases; p is of Fleiss, Nee and Landis 1979.

    Parameters
    ----------
    counts
        (cases, categories): how many of the raters chose each. Every case has the same number of raters, two or more.

    Raises
    ------
    ValueError
        If it has not.
    """
    given, cases, raters = _rated(counts)
    shares = given.sum(0) / (cases * raters)
    alike = (given * (given - 1)).sum(1) / (raters * (raters - 1))
    expected = float((shares**2).sum())
    if math.isclose(expected, 1.0):
        return Agreement(math.nan, why_not="all raters used one category only, so that chance alone agrees always")
    value = (float(alike.mean()) - expected) / (1 - expected)
    # Each case's own share in kappa; its spread over cases is the standard error (Gwet 2008, Br J Math Stat Psychol 61:29).
    own = (alike - expected) / (1 - expected) - 2 * (1 - value) * (given @ shares / raters - expected) / (1 - expected)
    error = float(own.std(ddof=1)) / math.sqrt(cases) if cases > 1 else math.nan
    q = shares * (1 - shares)
    under = q.sum() ** 2 - float((q * (1 - 2 * shares)).sum())
    chance = math.sqrt(2 * max(under, 0.0) / (cases * raters * (raters - 1))) / float(q.sum())
    return _agreement(value, error, chance)


def fleiss_by_category(counts: ArrayLike) -> Floats:
    """(categories,) Fleiss' kappa of each category against all others; NaN of one that nobody chose."""
    given, cases, raters = _rated(counts)
    shares = given.sum(0) / (cases * raters)
    mixed = (given * (raters - given)).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = 1 - mixed / (cases * raters * (raters - 1) * shares * (1 - shares))
    return out


def conger(ratings: ArrayLike, categories: int) -> float:
    """Fleiss' kappa with each rater's own margins (Conger 1980, Psychol Bull 88:322); NaN where all are alike.

    Parameters
    ----------
    ratings
        (raters, cases) of categories, numbered from 0.
    """
    given = np.eye(categories)[np.asarray(ratings, np.intp)]
    raters, cases = given.shape[:2]
    counts = given.sum(0)
    observed = float((counts * (counts - 1)).sum()) / (cases * raters * (raters - 1))
    margins = given.mean(1)
    expected = float((margins.sum(0) ** 2).sum() - (margins**2).sum()) / (raters * (raters - 1))
    return (observed - expected) / (1 - expected) if not math.isclose(expected, 1.0) else math.nan


def _weights(count: int, kind: Weights) -> Floats:
    distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) / max(count - 1, 1)
    weights: Floats = (
        (distance == 0).astype(np.float64) if kind == "none" else 1 - distance ** (1 if kind == "linear" else 2)
    )
    return weights


def _rated(counts: ArrayLike) -> tuple[Floats, int, int]:
    given = np.asarray(counts, np.float64)
    if given.ndim != 2 or not len(given):
        raise ValueError("counts are (cases, categories)")
    raters = int(given[0].sum())
    if raters < 2 or not (given.sum(1) == raters).all():
        raise ValueError("every case must have the same number of raters, two or more")
    return given, len(given), raters


def _agreement(value: float, error: float, under_chance: float) -> Agreement:
    if not error > 0:  # perfect agreement, or nothing else, has no spread that could be told
        return Agreement(value, error)
    half = float(stats.norm.ppf(0.975)) * error
    p = float(2 * stats.norm.sf(abs(value) / under_chance)) if under_chance > 0 else math.nan
    return Agreement(value, error, value - half, min(value + half, 1.0), p)

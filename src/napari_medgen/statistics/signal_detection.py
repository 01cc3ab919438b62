"""Telling real from synthetic: whether readers do better than chance, how well, with which bias, and when they cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from napari_medgen.statistics.bootstrap import Estimate


@dataclass(frozen=True)
class Detection:
    """Signal detection theory, equal variances (Macmillan and Creelman 2005, chapter 1).

    Attributes
    ----------
    sensitivity
        d', with its 95 % interval: 0 for chance.
    criterion
        c, with its 95 % interval: above 0 for a reader who says yes too seldom.
    """

    sensitivity: Estimate
    criterion: Estimate


def detection(hits: int, signals: int, false_alarms: int, noises: int) -> Detection:
    """D' and c of one reader.

    One half is added to each count and one to each total (log-linear, Hautus 1995, Behav Res Methods 27:46), so that no
    reader is infinitely good; standard errors are those of Gourevitch and Galanter 1967.

    Parameters
    ----------
    hits, signals
        Yes among the positive cases, and how many of these.
    false_alarms, noises
        Yes among the negative ones, and how many of these.

    Raises
    ------
    ValueError
        If there are no cases of a kind.
    """
    if not (signals and noises):
        raise ValueError("d' needs cases of both kinds")
    rates = ((hits + 0.5) / (signals + 1), (false_alarms + 0.5) / (noises + 1))
    z = [float(stats.norm.ppf(rate)) for rate in rates]
    spread = [
        rate * (1 - rate) / count / float(stats.norm.pdf(one)) ** 2
        for rate, one, count in zip(rates, z, (signals, noises), strict=True)
    ]
    error = math.sqrt(sum(spread))
    half = float(stats.norm.ppf(0.975)) * error
    d, c = z[0] - z[1], -(z[0] + z[1]) / 2
    return Detection(Estimate(d, d - half, d + half, error), Estimate(c, c - half / 2, c + half / 2, error / 2))


def better_than_chance(right: int, of: int, chance: float = 0.5) -> float:
    """Exact two-sided p of a share of right answers against chance (binomial; worse than chance counts too)."""
    return float(stats.binomtest(right, of, chance).pvalue) if of else math.nan


def associated(yes: ArrayLike, truth: ArrayLike) -> float:
    """Exact two-sided p of answers that have nothing to do with the truth, whatever share of either is yes (Fisher 1922)."""
    said, right = np.asarray(yes, bool), np.asarray(truth, bool)
    counts = [[(said & right).sum(), (~said & right).sum()], [(said & ~right).sum(), (~said & ~right).sum()]]
    table = np.array(counts, dtype=np.int64)
    return float(stats.fisher_exact(table)[1]) if len(said) else math.nan


@dataclass(frozen=True)
class Equivalence:
    """Whether a figure lies within a margin, by two one-sided tests (Schuirmann 1987).

    Attributes
    ----------
    margin, middle
        The figure is to lie less than the margin from the middle.
    p
        The larger of the two; NaN where it cannot be told.
    """

    margin: float
    middle: float
    p: float

    def __bool__(self) -> bool:
        return self.p < 0.05


def equivalent_share(right: int, of: int, margin: float, chance: float = 0.5) -> Equivalence:
    """Whether a share of right answers is shown to lie within a margin of chance, exactly.

    Raises
    ------
    ValueError
        If chance and margin leave 0 and 1.
    """
    if not (margin > 0 and chance - margin > 0 and chance + margin < 1):
        raise ValueError("the margin must be above 0, and chance less or more the margin within 0 and 1")
    if not of:
        return Equivalence(margin, chance, math.nan)
    below = stats.binomtest(right, of, chance + margin, "less").pvalue
    above = stats.binomtest(right, of, chance - margin, "greater").pvalue
    return Equivalence(margin, chance, float(max(below, above)))


def equivalent_value(value: float, error: float, df: float, margin: float, middle: float = 0.0) -> Equivalence:
    """The same of a figure with a standard error, such as a difference of areas; ``df`` of its t, infinite for normal."""
    if not (error > 0 and math.isfinite(value)):
        return Equivalence(margin, middle, math.nan)
    law = stats.t(df) if math.isfinite(df) else stats.norm()
    below, above = (value - middle - margin) / error, (value - middle + margin) / error
    return Equivalence(margin, middle, float(max(law.cdf(below), law.sf(above))))


def cases_for_equivalence(margin: float, chance: float = 0.5, power: float = 0.8, level: float = 0.05) -> int:
    """Answers that one reader must give so that pure chance is shown to lie within the margin with this power.

    Normal approximation of two one-sided tests at the middle (Chow 2007, Sample Size Calculations, section 4.1.3).
    """
    z = float(stats.norm.ppf(1 - level)) + float(stats.norm.ppf(1 - (1 - power) / 2))
    return math.ceil(z**2 * chance * (1 - chance) / margin**2)


def confidence_calibration(confidence: ArrayLike, right: ArrayLike, levels: int) -> tuple[tuple[int, int, int], ...]:
    """(level, right, of) for each level of confidence that was used, from 1."""
    sure, hit = np.asarray(confidence, np.intp), np.asarray(right, bool)
    counts = ((level, int(hit[sure == level].sum()), int((sure == level).sum())) for level in range(1, levels + 1))
    return tuple(one for one in counts if one[2])

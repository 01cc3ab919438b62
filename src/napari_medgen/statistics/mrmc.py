"""Multi-reader multi-case analysis after Obuchowski and Rockette, with the degrees of freedom of Hillis.

Obuchowski and Rockette 1995 (Commun Stat Simul Comput 24:285), Hillis 2007 (Stat Med 26:596). A table of figures of merit,
treatments by readers, and their covariance over cases are all that it needs; :mod:`.reader_covariance` makes both.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Random = Literal["readers and cases", "cases", "readers"]
_LEVEL = 0.95
_ROUNDING = 1e-12  # of figures between 0 and 1


@dataclass(frozen=True)
class Significance:
    """A test of no difference between treatments.

    Attributes
    ----------
    statistic
        F; chi-squared where readers are fixed.
    df1, df2
        Degrees of freedom; ``df2`` is infinite for chi-squared.
    p
        Of the test; NaN where it cannot be estimated.
    """

    statistic: float
    df1: float
    df2: float
    p: float


@dataclass(frozen=True)
class Contrast:
    """A difference, or a mean, with its 95 % interval.

    Attributes
    ----------
    value, error, df
        Estimate, standard error, and degrees of freedom of its t (infinite for a normal one).
    low, high, p
        Interval, never cut at 0 or 1, and p of being zero.
    """

    value: float
    error: float
    df: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Components:
    """Variance components.

    Attributes
    ----------
    error, cov1, cov2, cov3
        Mean variance of a figure over cases; mean covariance of one reader in two treatments, of two readers in one
        treatment, and of two readers in two treatments.
    reader, treatment_reader
        Between readers, and of readers with treatments; they may be negative.
    """

    error: float
    cov1: float
    cov2: float
    cov3: float
    reader: float
    treatment_reader: float


@dataclass(frozen=True)
class Inference:
    """What follows where readers, cases or both are a sample.

    Attributes
    ----------
    random
        What is a sample.
    test
        Of no difference between all treatments; None for one treatment.
    differences
        By pairs of treatments.
    means
        Of each treatment.
    by_reader
        Differences of each reader by pairs of treatments, where readers are fixed; empty otherwise.
    why_not
        Why something could not be estimated; empty where all could.
    """

    random: Random
    test: Significance | None
    differences: dict[tuple[int, int], Contrast]
    means: tuple[Contrast, ...]
    by_reader: dict[tuple[int, int], tuple[Contrast, ...]]
    why_not: str = ""


@dataclass(frozen=True, eq=False)
class MRMC:
    """A whole analysis.

    Attributes
    ----------
    figures, covariance
        (treatments, readers), and (treatments x readers) squared, treatment outer.
    components
        Variance components.
    ms_treatment, ms_reader, ms_interaction
        Mean squares of the two-way table; NaN where there is one treatment or one reader.
    """

    figures: Floats
    covariance: Floats
    components: Components
    ms_treatment: float
    ms_reader: float
    ms_interaction: float
    _blocks: Floats

    @property
    def treatments(self) -> int:
        """How many."""
        return int(self.figures.shape[0])

    @property
    def readers(self) -> int:
        """How many."""
        return int(self.figures.shape[1])

    def random_readers_and_cases(self) -> Inference:
        """Both are samples: what is found is to hold for other readers and other cases (RRRC)."""
        t, r, parts = self.treatments, self.readers, self.components
        if r < 2:
            return _nothing("readers and cases", "One reader is no sample of readers: only cases can be taken as random.")
        means = []
        for index in range(t):
            ms, (_, cov2) = _variance(self.figures[index]), self._own(index)
            spread = ms + max(r * cov2, 0.0)
            df = spread**2 / (ms**2 / (r - 1)) if ms > 0 else math.inf
            means.append(contrast_of(float(self.figures[index].mean()), spread / r, df))
        if t < 2:
            return Inference("readers and cases", None, {}, tuple(means), {})
        spread = self.ms_interaction + max(r * (parts.cov2 - parts.cov3), 0.0)
        if not spread > 0:
            why = "Readers do not differ in how treatments differ for them: the denominator of F is zero."
            return Inference("readers and cases", None, {}, tuple(means), {}, why)
        df2 = spread**2 / (self.ms_interaction**2 / ((t - 1) * (r - 1))) if self.ms_interaction > 0 else math.inf
        return Inference(
            "readers and cases",
            f_test(self.ms_treatment / spread, t - 1, df2),
            {pair: contrast_of(self._difference(*pair), 2 * spread / r, df2) for pair in self._pairs},
            tuple(means),
            {},
        )

    def fixed_readers(self, *, clamp: bool = True) -> Inference:
        """Cases are a sample, readers are these and no others (FRRC).

        Parameters
        ----------
        clamp
            Whether a Cov2 below Cov3 counts as equal to it in the test of treatments, as the programs of Iowa and RJafroc
            have it; MRMCaov does not.
        """
        t, r, parts = self.treatments, self.readers, self.components
        means = []
        for index in range(t):
            error, cov2 = self._own(index)
            means.append(contrast_of(float(self.figures[index].mean()), (error + (r - 1) * max(cov2, 0.0)) / r, math.inf))
        if t < 2:
            return Inference("cases", None, {}, tuple(means), {})
        between = parts.cov2 - parts.cov3
        spread = parts.error - parts.cov1 + (r - 1) * (max(between, 0.0) if clamp else between)
        by_reader = {pair: self._by_reader(*pair) for pair in self._pairs}
        if not spread > 0:
            why = "The variance over cases is estimated as zero or less, so that nothing can be tested."
            return Inference("cases", None, {}, tuple(means), by_reader, why)
        chi = (t - 1) * self.ms_treatment / spread if r > 1 else self._one_reader(spread)
        return Inference(
            "cases",
            Significance(chi, t - 1, math.inf, float(stats.chi2.sf(chi, t - 1))),
            {pair: contrast_of(self._difference(*pair), 2 * spread / r, math.inf) for pair in self._pairs},
            tuple(means),
            by_reader,
        )

    def fixed_cases(self) -> Inference:
        """Readers are a sample, cases are these and no others (RRFC)."""
        t, r = self.treatments, self.readers
        if r < 2:
            return _nothing("readers", "One reader is no sample of readers.")
        means = tuple(contrast_of(float(row.mean()), _variance(row) / r, r - 1) for row in self.figures)
        if t < 2:
            return Inference("readers", None, {}, means, {})
        if not self.ms_interaction > 0:
            return Inference("readers", None, {}, means, {}, "Readers do not differ in how treatments differ for them.")
        df = (t - 1) * (r - 1)
        return Inference(
            "readers",
            f_test(self.ms_treatment / self.ms_interaction, t - 1, df),
            {pair: contrast_of(self._difference(*pair), 2 * self.ms_interaction / r, df) for pair in self._pairs},
            means,
            {},
        )

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(itertools.combinations(range(self.treatments), 2))

    def _difference(self, one: int, other: int) -> float:
        return float(self.figures[one].mean() - self.figures[other].mean())

    def _own(self, index: int) -> tuple[float, float]:
        """Variance, and covariance between readers, in one treatment."""
        block, r = self._blocks[index, index], self.readers
        error = float(np.trace(block)) / r
        return error, float(block.sum() - np.trace(block)) / (r * (r - 1)) if r > 1 else 0.0

    def _by_reader(self, one: int, other: int) -> tuple[Contrast, ...]:
        """Of each reader, with the variances that all treatments of this reader have in common."""
        out, t = [], self.treatments
        for reader in range(self.readers):
            block = self._blocks[:, :, reader, reader]
            error = float(np.trace(block)) / t
            cov1 = float(block.sum() - np.trace(block)) / (t * (t - 1))
            value = float(self.figures[one, reader] - self.figures[other, reader])
            out.append(contrast_of(value, 2 * (error - cov1), math.inf))
        return tuple(out)

    def _one_reader(self, spread: float) -> float:
        column = self.figures[:, 0]
        return float(((column - column.mean()) ** 2).sum() / spread)


def analyse(figures: ArrayLike, covariance: ArrayLike) -> MRMC:
    """Analyse a fully crossed study.

    Parameters
    ----------
    figures
        (treatments, readers), for example areas under the ROC curve.
    covariance
        (treatments x readers) squared, over cases, treatment outer and reader inner.

    Raises
    ------
    ValueError
        If the two do not fit each other, or hold no numbers.
    """
    table, matrix = np.asarray(figures, np.float64), np.asarray(covariance, np.float64)
    if table.ndim != 2 or matrix.shape != (table.size, table.size):
        raise ValueError("figures are (treatments, readers), and their covariance has as many rows and columns as figures")
    if not (np.isfinite(table).all() and np.isfinite(matrix).all()):
        raise ValueError("a figure, or a covariance, is no number")
    t, r = table.shape
    blocks = matrix.reshape(t, r, t, r).transpose(0, 2, 1, 3)
    same_reader = np.einsum("abrr->ab", blocks)
    same_both = float(np.trace(matrix))
    same_treatment = float(np.einsum("aars->", blocks))
    readers_alone = float(same_reader.sum())
    error = same_both / (t * r)
    cov1 = (readers_alone - same_both) / (t * (t - 1) * r) if t > 1 else 0.0
    cov2 = (same_treatment - same_both) / (t * r * (r - 1)) if r > 1 else 0.0
    both = float(matrix.sum()) - same_treatment - readers_alone + same_both
    cov3 = both / (t * (t - 1) * r * (r - 1)) if t > 1 and r > 1 else 0.0
    mean, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    ms_t = r * float(((rows - mean) ** 2).sum()) / (t - 1) if t > 1 else math.nan
    ms_r = t * float(((columns - mean) ** 2).sum()) / (r - 1) if r > 1 else math.nan
    rest = table - rows[:, None] - columns[None, :] + mean
    rest[np.abs(rest) < _ROUNDING] = 0.0  # readers who differ alike leave nothing but the error of the arithmetic
    ms_tr = float((rest**2).sum()) / ((t - 1) * (r - 1)) if t > 1 and r > 1 else math.nan
    components = Components(error, cov1, cov2, cov3, (ms_r - ms_tr) / t - cov1 + cov3, ms_tr - error + cov1 + cov2 - cov3)
    return MRMC(table, matrix, components, ms_t, ms_r, ms_tr, blocks)


def _variance(values: Floats) -> float:
    """Between readers; nothing where they differ by the error of the arithmetic only."""
    return float(values.var(ddof=1)) if float(np.ptp(values)) > _ROUNDING else 0.0


def f_test(statistic: float, df1: float, df2: float) -> Significance:
    """An F test; with infinite ``df2`` it is chi-squared."""
    p = stats.f.sf(statistic, df1, df2) if math.isfinite(df2) else stats.chi2.sf(df1 * statistic, df1)
    return Significance(statistic, df1, df2, float(p))


def contrast_of(value: float, variance: float, df: float) -> Contrast:
    """A value with its interval; without one where the variance is not above zero."""
    if not variance > 0:
        return Contrast(value, math.nan if variance < 0 else 0.0, df, math.nan, math.nan, math.nan)
    error = math.sqrt(variance)
    law = stats.t(df) if math.isfinite(df) else stats.norm()
    half = float(law.ppf((1 + _LEVEL) / 2)) * error
    return Contrast(value, error, df, value - half, value + half, float(2 * law.sf(abs(value) / error)))


def _nothing(random: Random, why: str) -> Inference:
    return Inference(random, None, {}, (), {}, why)

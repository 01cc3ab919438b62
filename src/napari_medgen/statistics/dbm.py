"""Dorfman-Berbaum-Metz: analysis of variance of pseudovalues (1992, Invest Radiol 27:723; Hillis 2008, Stat Med 27:5920).

With jackknife covariances it is Obuchowski-Rockette's analysis in other words; what it adds are components by case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.statistics.mrmc import f_test
from napari_medgen.statistics.reader_covariance import Figure, leave_one_out

Floats = NDArray[np.float64]
_ROUNDING = 1e-22  # share of all squares


@dataclass(frozen=True)
class PseudovalueComponents:
    """Variance components of pseudovalues: readers, cases, and how they go with treatments and each other."""

    reader: float
    case: float
    treatment_reader: float
    treatment_case: float
    reader_case: float
    error: float


@dataclass(frozen=True)
class DBM:
    """A whole analysis for random readers and cases.

    Attributes
    ----------
    figures
        (treatments, readers).
    components
        Of the pseudovalues; they can be negative.
    statistic, df1, df2, p
        F of no difference between treatments, with Hillis' degrees of freedom; NaN where it cannot be estimated.
    """

    figures: Floats
    components: PseudovalueComponents
    statistic: float
    df1: float
    df2: float
    p: float


def analyse_pseudovalues(scores: ArrayLike, positive: ArrayLike, figure: Figure | None = None) -> DBM:
    """Analyse a fully crossed study of two treatments and two readers or more.

    Parameters
    ----------
    scores, positive, figure
        As :func:`~napari_medgen.statistics.reader_covariance.jackknife_covariance` takes them; the area by default.

    Raises
    ------
    ValueError
        If there are fewer than two treatments or readers, or as it says.
    """
    figures, left = leave_one_out(scores, positive, figure)
    t, r = figures.shape
    if t < 2 or r < 2:
        raise ValueError("pseudovalues are analysed for two treatments and two readers or more")
    count = left.shape[-1]
    pseudo = count * figures[..., None] - (count - 1) * left
    ms = _mean_squares(pseudo)
    parts = PseudovalueComponents(
        (ms["r"] - ms["tr"] - ms["rc"] + ms["trc"]) / (t * count),
        (ms["c"] - ms["tc"] - ms["rc"] + ms["trc"]) / (t * r),
        (ms["tr"] - ms["trc"]) / count,
        (ms["tc"] - ms["trc"]) / r,
        (ms["rc"] - ms["trc"]) / t,
        ms["trc"],
    )
    spread = ms["tr"] + max(ms["tc"] - ms["trc"], 0.0)
    if not spread > 0:
        return DBM(figures, parts, math.nan, t - 1, math.nan, math.nan)
    statistic = ms["t"] / spread
    df2 = spread**2 / (ms["tr"] ** 2 / ((t - 1) * (r - 1))) if ms["tr"] > 0 else math.inf
    return DBM(figures, parts, statistic, t - 1, df2, f_test(statistic, t - 1, df2).p)


def _mean_squares(values: Floats) -> dict[str, float]:
    """Mean squares of a table (treatments, readers, cases) with one value a cell."""
    names = "trc"
    effects: dict[str, Floats] = {"": np.broadcast_to(values.mean(), values.shape)}
    out = {}
    for one in ("t", "r", "c", "tr", "tc", "rc", "trc"):
        others = tuple(axis for axis, name in enumerate(names) if name not in one)
        mean = np.broadcast_to(values.mean(axis=others, keepdims=True) if others else values, values.shape)
        effect = mean - sum(known for name, known in effects.items() if set(name) < set(one))
        effects[one] = effect
        df = math.prod(values.shape[names.index(name)] - 1 for name in one)
        # What readers or cases do not differ in leaves the error of the arithmetic only.
        total = float((effect**2).sum())
        out[one] = total / df if total > _ROUNDING * float((values**2).sum()) else 0.0
    return out

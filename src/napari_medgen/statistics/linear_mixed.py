"""A linear model with random readers and cases, crossed, by restricted maximum likelihood (Bates 2015, J Stat Softw 67).

For reading times it is fitted to their logarithms, so that effects are ratios.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, stats

from napari_medgen.statistics.crossed import Crossed

Floats = NDArray[np.float64]
_minimize: Any = optimize.minimize
_OPTIONS: Any = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}


@dataclass(frozen=True, eq=False)
class LinearMixed:
    """A fitted model.

    Attributes
    ----------
    effects, errors
        (P,) coefficients and standard errors.
    spreads
        Standard deviation of each random effect.
    residual
        Standard deviation of what is left.
    df
        Degrees of freedom of the tests.
    why_not
        Why it could not be fitted; empty where it could.
    """

    effects: Floats
    errors: Floats
    spreads: Floats
    residual: float
    df: int
    why_not: str = ""

    def interval(self, index: int) -> tuple[float, float, float]:
        """A coefficient with its 95 % interval."""
        value, half = float(self.effects[index]), float(stats.t.ppf(0.975, self.df) * self.errors[index])
        return value, value - half, value + half

    def p(self, index: int) -> float:
        """Of a coefficient being zero, two-sided."""
        return float(2 * stats.t.sf(abs(self.effects[index] / self.errors[index]), self.df))


def fit_linear(values: ArrayLike, fixed: ArrayLike, groups: Sequence[ArrayLike], *, df: int | None = None) -> LinearMixed:
    """Fit the model.

    Parameters
    ----------
    values
        (N,) of numbers, for example logarithms of seconds.
    fixed
        (N, P) of numbers, with an intercept among them.
    groups
        For each random effect (N,) names of its levels.
    df
        Degrees of freedom of the tests: those that the design leaves, for example readers less one where readers differ in
        the effect. By default observations less coefficients, right for effects within cases and readers only.
    """
    y, x = np.asarray(values, np.float64), np.asarray(fixed, np.float64)
    n, p = x.shape
    nothing, df = np.full(p, np.nan), n - p if df is None else df
    if np.linalg.matrix_rank(x) < p or n <= p:
        return LinearMixed(nothing, nothing, np.full(len(groups), np.nan), math.nan, df, "effects cannot be told apart")
    crossed = Crossed(groups)

    def solved(spreads: Floats) -> tuple[float, Floats, Floats, float]:
        """REML criterion of spreads in units of the residual, coefficients, inverse of X'V^-1 X, residual variance."""
        scale = np.repeat(spreads, crossed.sizes)
        factor = crossed.matrix(np.ones(n), scale)
        both = np.column_stack([x, y])
        down = np.stack([crossed.gather(column) * scale for column in both.T], axis=1)
        cross = both.T @ both - down.T @ factor.solve(down)
        inner = linalg.cholesky(cross[:p, :p], lower=True)
        beta = linalg.cho_solve((inner, True), cross[:p, p])
        variance = max(float(cross[p, p] - cross[:p, p] @ beta), 1e-300) / (n - p)
        criterion = factor.log_determinant + 2 * float(np.log(np.diag(inner)).sum()) + (n - p) * math.log(variance)
        return criterion, beta, linalg.cho_solve((inner, True), np.eye(p)), variance

    start = np.full(len(groups), 0.7)
    found = _minimize(
        lambda spreads: solved(np.abs(spreads))[0],
        start,
        method="Nelder-Mead",
        options=_OPTIONS,
    )
    spreads = np.abs(found.x)
    _, beta, inverse, variance = solved(spreads)
    if not variance > 1e-20:
        return LinearMixed(beta, nothing, spreads * 0, 0.0, df, "nothing is left unexplained")
    return LinearMixed(beta, np.sqrt(np.diag(inverse) * variance), spreads * math.sqrt(variance), math.sqrt(variance), df)

"""Ordered answers with random readers and cases: the cumulative link mixed model (Tutz and Hennevogl 1996).

P(answer <= k) = logistic(threshold_k - x beta - u_reader - v_case), u and v normal. The likelihood is Laplace's
approximation, or with one random effect adaptive Gauss-Hermite quadrature, as ``clmm`` of the R package ``ordinal`` has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, special, stats

from napari_medgen.statistics.crossed import Crossed, Factor
from napari_medgen.statistics.hessian import hessian

Floats = NDArray[np.float64]
_STEPS = 50  # of Newton's method for the random effects
_CLOSE = 1e-20  # of the decrement: Laplace's approximation follows the modes to first order
_FAR = 15.0  # a coefficient beyond this is no number that data of a study can tell: they separate


@dataclass(frozen=True, eq=False)
class OrdinalMixed:
    """A fitted model.

    Attributes
    ----------
    thresholds
        (K - 1,) in rising order, on the scale of the logit.
    effects, errors
        (P,) coefficients, above zero for higher answers, and their standard errors.
    spreads
        Standard deviation of each random effect.
    log_likelihood
        Of the data.
    threshold_errors
        Standard errors of the thresholds.
    why_not
        Why something could not be estimated; empty where all could.
    """

    thresholds: Floats
    effects: Floats
    errors: Floats
    spreads: Floats
    log_likelihood: float
    threshold_errors: Floats
    why_not: str = ""

    def odds_ratio(self, index: int) -> tuple[float, float, float]:
        """Of an effect, with its 95 % interval (Wald)."""
        value, half = float(self.effects[index]), float(stats.norm.ppf(0.975) * self.errors[index])
        return math.exp(value), math.exp(value - half), math.exp(value + half)

    def p(self, index: int) -> float:
        """Of an effect being zero (Wald), two-sided."""
        return float(2 * stats.norm.sf(abs(self.effects[index] / self.errors[index])))


def fit_ordinal(answers: ArrayLike, fixed: ArrayLike, groups: Sequence[ArrayLike], *, points: int = 1) -> OrdinalMixed:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    answers
        (N,) whole numbers; those that nobody gave are no categories.
    fixed
        (N, P) of numbers, without an intercept; P may be 0.
    groups
        For each random effect (N,) names of its levels, for example readers and cases; may be none.
    points
        Of adaptive quadrature, with one random effect; 1 is Laplace's approximation.

    Raises
    ------
    ValueError
        If fewer than two categories were used, or quadrature is asked for with several random effects.
    """
    kinds, codes = np.unique(np.asarray(answers), return_inverse=True)
    if len(kinds) < 2:
        raise ValueError("all answers are equal")
    if points > 1 and len(groups) != 1:
        raise ValueError("quadrature is for one random effect")
    model = _Model(codes, np.asarray(fixed, np.float64).reshape(len(codes), -1), groups, points)
    start = model.start()
    free: Any = [(None, None)] * (len(start) - len(groups)) + [(-6.0, 4.0)] * len(groups)
    found = _minimize(model.minus_log_likelihood, start, method="L-BFGS-B", bounds=free, options=_OPTIONS)
    polished = _minimize(
        model.minus_log_likelihood,
        found.x,
        method="L-BFGS-B",
        bounds=free,
        options={**_OPTIONS, "ftol": 1e-15, "gtol": 1e-7},
    )
    best = polished.x if polished.fun <= found.fun else found.x
    return model.result(best)


_minimize: Any = optimize.minimize
_OPTIONS: Any = {"maxiter": 500, "eps": 1e-6, "maxfun": 20_000, "maxcor": 20}


class _Model:
    """The likelihood as a function of one vector: first threshold, logarithms of the gaps, effects, "
    "logarithms of spreads.
    """

    def __init__(self, codes: NDArray[np.intp], fixed: Floats, groups: Sequence[ArrayLike], points: int) -> None:
        self.codes, self.fixed, self.points = codes, fixed, points
        self.categories = int(codes.max()) + 1
        self.groups = Crossed(groups)
        self.modes = np.zeros(self.groups.count)

    def start(self) -> Floats:
        shares = np.cumsum(np.bincount(self.codes))[:-1] / len(self.codes)
        thresholds = special.logit(np.clip(shares, 1e-6, 1 - 1e-6))
        gaps = np.log(np.maximum(np.diff(thresholds), 1e-3))
        return np.concatenate([thresholds[:1], gaps, np.zeros(self.fixed.shape[1]), np.full(len(self.groups.sizes), -0.5)])

    def parts(self, vector: Floats) -> tuple[Floats, Floats, Floats]:
        inner = self.categories - 1
        thresholds = vector[0] + np.concatenate([[0.0], np.cumsum(np.exp(np.clip(vector[1:inner], -30, 30)))])
        effects = vector[inner : inner + self.fixed.shape[1]]
        return thresholds, effects, np.exp(vector[inner + self.fixed.shape[1] :])

    def minus_log_likelihood(self, vector: Floats) -> float:
        return self._minus(*self.parts(vector))

    def _minus(self, thresholds: Floats, effects: Floats, spreads: Floats) -> float:
        base = self.fixed @ effects
        if not self.groups.sizes:
            return -float(self._log_shares(thresholds, base)[0].sum())
        scale = np.repeat(spreads, self.groups.sizes)
        modes, curvature, value = self._settle(thresholds, base, scale)
        if self.points == 1:
            return -value + curvature.log_determinant / 2
        return self._quadrature(thresholds, base, scale, modes)

    def _settle(self, thresholds: Floats, base: Floats, scale: Floats) -> tuple[Floats, Factor, float]:
        """Most likely random effects (in units of their spread), the factored curvature there, and the value."""
        modes = self.modes
        value, first, second = self._joint(thresholds, base, scale, modes)
        for _ in range(_STEPS):
            gradient = self.groups.gather(first) * scale - modes
            step = self.groups.matrix(second, scale).solve(gradient)
            if not float(gradient @ step) > _CLOSE:
                break
            size = 1.0
            while size > 1e-4:
                tried = modes + size * step
                there, first_there, second_there = self._joint(thresholds, base, scale, tried)
                if there >= value - 1e-11 * abs(value):
                    break
                size /= 2
            else:
                break
            modes, value, first, second = tried, there, first_there, second_there
        self.modes = modes
        return modes, self.groups.matrix(second, scale), value

    def _joint(self, thresholds: Floats, base: Floats, scale: Floats, modes: Floats) -> tuple[float, Floats, Floats]:
        log_shares, first, second = self._log_shares(thresholds, base + self.groups.spread(scale * modes))
        return float(log_shares.sum()) - float(modes @ modes) / 2, first, second

    def _log_shares(self, thresholds: Floats, mean: Floats) -> tuple[Floats, Floats, Floats]:
        """Logarithm of each answer's probability, its slope in the mean, and minus its curvature."""
        edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
        upper, lower = edges[self.codes + 1] - mean, edges[self.codes] - mean
        above, below = special.expit(upper), special.expit(lower)
        # Of two numbers near one the difference is taken of their distances to it.
        share = np.where(lower > 0, special.expit(-lower) - special.expit(-upper), above - below)
        share = np.maximum(share, 1e-300)
        dense_above, dense_below = above * (1 - above), below * (1 - below)
        first = -(dense_above - dense_below) / share
        bend = (dense_above * (1 - 2 * above) - dense_below * (1 - 2 * below)) / share
        return np.log(share), first, first**2 - bend

    def _quadrature(self, thresholds: Floats, base: Floats, scale: Floats, modes: Floats) -> float:
        """With one random effect, each level by itself."""
        index = self.groups.index[0]
        _, _, second = self._joint(thresholds, base, scale, modes)
        width = 1 / np.sqrt(self.groups.gather(second) * scale**2 + 1)
        nodes, weights = np.polynomial.hermite.hermgauss(self.points)
        terms = []
        for node, weight in zip(nodes, weights, strict=True):
            there = modes + math.sqrt(2) * width * node
            logs = np.bincount(index, self._log_shares(thresholds, base + (scale * there)[index])[0], len(modes))
            terms.append(logs - there**2 / 2 + math.log(weight) + node**2)
        return -float((special.logsumexp(terms, axis=0) + np.log(width) - math.log(math.pi) / 2).sum())

    def result(self, vector: Floats) -> OrdinalMixed:
        thresholds, effects, spreads = self.parts(vector)
        inner, count = len(thresholds), len(effects)

        def minus(flat: Floats) -> float:
            cuts = flat[:inner]
            return (
                self._minus(cuts, flat[inner : inner + count], np.exp(flat[inner + count :]))
                if (np.diff(cuts) > 0).all()
                else math.inf
            )

        flat = np.concatenate([thresholds, effects, np.log(spreads)])
        # A spread of nothing lies at the border, where the likelihood has no curvature in its logarithm.
        held = np.concatenate([np.ones(inner + count, bool), spreads > 0.01])
        errors = np.full(len(flat), np.nan)
        matrix = hessian(minus, flat, np.flatnonzero(held))
        why = ""
        try:
            variances = np.diag(linalg.inv(matrix))
            errors[held] = np.sqrt(np.where(variances > 0, variances, np.nan))
        except (linalg.LinAlgError, ValueError):
            why = "the likelihood has no single maximum"
        if (np.abs(effects) > _FAR).any() or (errors[inner : inner + count] > _FAR).any():
            why = "answers separate: one side gives no answer that the other gives, and the effect has no finite estimate"
        return OrdinalMixed(thresholds, effects, errors[inner : inner + count], spreads, -minus(flat), errors[:inner], why)


def likelihood_ratio(smaller: OrdinalMixed, larger: OrdinalMixed) -> tuple[float, int, float]:
    """Chi-squared, degrees of freedom and p of the effects that only the larger of two nested models has."""
    chi = max(2 * (larger.log_likelihood - smaller.log_likelihood), 0.0)
    df = len(larger.effects) - len(smaller.effects)
    return chi, df, float(stats.chi2.sf(chi, df))

"""Percentile intervals by redrawing cases (Efron 1979), all redraws at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

REDRAWS = 10_000
_CELLS = 2_000_000  # of a block of redraws: 16 MB of counts
_MANY = 4096  # units from which on redraws are counted and not drawn as counts, which takes a fifth of the time


@dataclass(frozen=True)
class Estimate:
    """A figure and its uncertainty.

    Attributes
    ----------
    value
        Of the cases as they are.
    low, high
        95 % interval; NaN where it cannot be told.
    sd
        Standard deviation over the redraws.
    """

    value: float
    low: float
    high: float
    sd: float = float("nan")

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "sd": self.sd}


def redraw_counts(
    cases: int, redraws: int = REDRAWS, seed: int = 0, groups: NDArray[np.intp] | None = None
) -> Iterator[NDArray[np.float64]]:
    """How often each case is in each redraw, in blocks (block, cases).

    Parameters
    ----------
    groups
        (cases,) group of each case, for example its patient: whole groups are redrawn then. By default cases are.
    """
    rng = np.random.default_rng(seed)
    units = cases if groups is None else int(groups.max()) + 1
    block = max(1, min(redraws, _CELLS // max(cases, 1)))
    for start in range(0, redraws, block):
        counts = _drawn(rng, units, min(block, redraws - start)).astype(np.float64)
        yield counts if groups is None else counts[:, groups]


def _drawn(rng: np.random.Generator, units: int, redraws: int) -> NDArray[np.int64]:
    """How often each unit is in each redraw (redraws, units)."""
    if units < _MANY:
        return rng.multinomial(units, np.full(units, 1 / units), size=redraws)
    chosen = rng.integers(units, size=(redraws, units))
    chosen += np.arange(redraws)[:, None] * units
    return np.bincount(chosen.ravel(), minlength=redraws * units).reshape(redraws, units)


def group_indices(names: Sequence[Hashable]) -> NDArray[np.intp]:
    """Number of each name's group: cases of one name have one number."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.intp)


def bootstrap(
    weighted: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    cases: int,
    *,
    redraws: int = REDRAWS,
    seed: int = 0,
    groups: NDArray[np.intp] | None = None,
) -> Estimate:
    """Estimate of a figure that can be computed from case weights.

    Parameters
    ----------
    weighted
        From weights (B, cases) to figures (B,); NaN where a redraw has none.
    groups
        As :func:`redraw_counts`.
    """
    if groups is not None:  # numbers without a gap: a group of none of these cases must not be drawn
        groups = np.unique(groups, return_inverse=True)[1]
    value = float(weighted(np.ones((1, cases)))[0])
    drawn = np.concatenate([weighted(counts) for counts in redraw_counts(cases, redraws, seed, groups)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(value, float(low), float(high), float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0)


def mean_estimate(
    values: ArrayLike, *, redraws: int = REDRAWS, seed: int = 0, groups: NDArray[np.intp] | None = None
) -> Estimate:
    """Mean of values with its interval; values that are NaN are left out.

    Parameters
    ----------
    groups
        (N,) as :func:`redraw_counts`: the patient of each value, so that patients are redrawn. By default values are.
    """
    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers)
    kept = numbers[known]
    if not len(kept):
        return Estimate(float("nan"), float("nan"), float("nan"))
    whose = None if groups is None else np.unique(groups[known], return_inverse=True)[1]
    return bootstrap(lambda w: (w @ kept) / w.sum(1), len(kept), redraws=redraws, seed=seed, groups=whose)


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    redraws: int = REDRAWS,
    seed: int = 0,
    groups: NDArray[np.intp] | None = None,
) -> Estimate:
    """Mean of ``first - second`` over the same cases, with its interval; ``groups`` as :func:`mean_estimate`."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return mean_estimate(difference, redraws=redraws, seed=seed, groups=groups)

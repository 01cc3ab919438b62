"""Equations of crossed random effects, solved in the time of the smaller groups.

Each observation belongs to one level of each group, so that the block of the largest group (cases, thousands of them) is
diagonal and is taken out first (Schur complement); what is left is as large as all other groups together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


class Crossed:
    """Levels of groups, one number a level.

    Parameters
    ----------
    groups
        For each group (N,) names of levels.
    """

    def __init__(self, groups: Sequence[ArrayLike]) -> None:
        found = [np.unique(np.asarray(one), return_inverse=True) for one in groups]
        self.sizes = [len(names) for names, _ in found]
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.intp)
        self.index: list[Whole] = [inverse + start for (_, inverse), start in zip(found, self.starts[:-1], strict=True)]
        self.count = int(self.starts[-1])
        self._large = int(np.argmax(self.sizes)) if groups else 0

    def spread(self, effects: Floats) -> Floats:
        """(N,) sum of each observation's effects (levels,)."""
        return np.asarray(sum(effects[one] for one in self.index))

    def gather(self, values: Floats) -> Floats:
        """(levels,) sum of the values (N,) of each level."""
        return np.asarray(sum(np.bincount(one, values, self.count) for one in self.index))

    def matrix(self, weights: Floats, scale: Floats) -> Factor:
        """Factor of I + S Z' W Z S for weights (N,) and scales (levels,)."""
        start, stop = self.starts[self._large], self.starts[self._large + 1]
        large = self.index[self._large]
        diagonal = 1 + scale[start:stop] ** 2 * np.bincount(large - start, weights, stop - start)
        rest = np.concatenate([np.arange(start), np.arange(stop, self.count)])
        place = np.empty(self.count, np.intp)
        place[rest] = np.arange(len(rest))
        others = [place[one] for number, one in enumerate(self.index) if number != self._large]
        small = len(rest)
        border, corner = np.zeros((stop - start, small)), np.eye(small)
        own = scale[rest]
        for one in others:
            cells = np.bincount((large - start) * small + one, weights, (stop - start) * small)
            border += cells.reshape(-1, small) * scale[start:stop, None] * own[None]
            for other in others:
                cells = np.bincount(one * small + other, weights, small * small)
                corner += cells.reshape(small, small) * own[:, None] * own[None]
        return Factor(slice(int(start), int(stop)), rest, diagonal, border, corner)


class Factor:
    """A factored matrix; see :meth:`Crossed.matrix`."""

    def __init__(self, large: slice, rest: Whole, diagonal: Floats, border: Floats, corner: Floats) -> None:
        self._large, self._rest, self._diagonal, self._border = large, rest, diagonal, border
        self._scaled = border / diagonal[:, None]
        self._corner = linalg.cholesky(corner - border.T @ self._scaled, lower=True) if len(rest) else np.zeros((0, 0))

    def solve(self, right: Floats) -> Floats:
        """Solution (levels,) or (levels, K) of the equations."""
        out = np.empty_like(right)
        diagonal = self._diagonal if right.ndim == 1 else self._diagonal[:, None]
        if len(self._rest):
            left = right[self._rest] - self._scaled.T @ right[self._large]
            out[self._rest] = linalg.cho_solve((self._corner, True), left)
            out[self._large] = right[self._large] / diagonal - self._scaled @ out[self._rest]
        else:
            out[self._large] = right[self._large] / diagonal
        return out

    @property
    def log_determinant(self) -> float:
        """Natural logarithm."""
        corner = 2 * float(np.log(np.diag(self._corner)).sum()) if len(self._rest) else 0.0
        return float(np.log(self._diagonal).sum()) + corner if math.isfinite(corner) else math.inf

"""Second derivatives of a likelihood, for standard errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hessian(function: Callable[[Floats], float], at: Floats, held: NDArray[np.intp]) -> Floats:
    """Second derivatives by central differences, in the held directions."""
    step = 1e-3
    out = np.empty((len(held), len(held)))

    def value(*moves: tuple[int, float]) -> float:
        there = at.copy()
        for place, by in moves:
            there[place] += by
        return function(there)

    middle = value()
    for i, one in enumerate(held):
        # Two widths, so that the error of the fourth order goes out (Richardson).
        near = (value((one, step)) - 2 * middle + value((one, -step))) / step**2
        wide = (value((one, 2 * step)) - 2 * middle + value((one, -2 * step))) / (4 * step**2)
        out[i, i] = (4 * near - wide) / 3
        for j in range(i):
            other = held[j]
            cross = [value((one, a * step), (other, b * step)) * a * b for a in (1, -1) for b in (1, -1)]
            far = [value((one, 2 * a * step), (other, 2 * b * step)) * a * b for a in (1, -1) for b in (1, -1)]
            out[i, j] = out[j, i] = (4 * sum(cross) / (4 * step**2) - sum(far) / (16 * step**2)) / 3
    return out

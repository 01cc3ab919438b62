"""Two pictures in one: swipe, checkerboard and difference, of images that may lie on different grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a picture lie along its two axes.

    Attributes
    ----------
    shape
        Rows and columns.
    first, step
        Place of the middle of the first pixel, and distance of pixels, along rows and columns, in millimetres.
    """

    shape: tuple[int, int]
    first: tuple[float, float]
    step: tuple[float, float]

    def places(self, axis: int) -> NDArray[np.float64]:
        """Places of all pixels along an axis, in millimetres."""
        return self.first[axis] + self.step[axis] * np.arange(self.shape[axis], dtype=np.float64)


def on_grid(picture: NDArray[Any], own: Grid, other: Grid) -> Floats:
    """A picture as seen on another grid, interpolated linearly; NaN where it does not reach.

    Parameters
    ----------
    picture
        (rows, columns) on the grid ``own``.
    """
    if own == other:
        return picture.astype(np.float32)
    weights = [_along(own, other, axis) for axis in (0, 1)]
    (upper, down, inside_rows), (left, right, inside_columns) = weights
    values = picture.astype(np.float32)
    rows = values[upper] * (1 - down)[:, None] + values[np.minimum(upper + 1, own.shape[0] - 1)] * down[:, None]
    found = rows[:, left] * (1 - right) + rows[:, np.minimum(left + 1, own.shape[1] - 1)] * right
    found[~inside_rows] = np.nan
    found[:, ~inside_columns] = np.nan
    return found.astype(np.float32)


def _along(own: Grid, other: Grid, axis: int) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_]]:
    index = (other.places(axis) - own.first[axis]) / own.step[axis]
    # The outer half of a border pixel belongs to it.
    inside = (index >= -0.5) & (index <= own.shape[axis] - 0.5)
    index = index.clip(0, own.shape[axis] - 1)
    lower = np.minimum(np.floor(index).astype(np.intp), max(own.shape[axis] - 2, 0))
    return lower, (index - lower).astype(np.float32), inside


def grey(picture: NDArray[Any], limits: tuple[float, float]) -> Floats:
    """A picture in its window: 0 for black to 1 for white; NaN where there is nothing."""
    low, high = limits
    shown: Floats = ((picture.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)
    return shown


def swipe(first: Floats, second: Floats, at: float, *, upright: bool = True) -> Floats:
    """The first picture on one side of a line and the second on the other.

    Parameters
    ----------
    first, second
        (rows, columns).
    at
        Where the line is, from 0 (all is the second) to 1 (all is the first).
    upright
        Whether the line is upright; otherwise it lies.
    """
    axis = 1 if upright else 0
    edge = round(at * first.shape[axis])
    mixed = second.copy()
    if upright:
        mixed[:, :edge] = first[:, :edge]
    else:
        mixed[:edge] = first[:edge]
    return mixed


def checkerboard(first: Floats, second: Floats, squares: int = 8) -> Floats:
    """The two pictures in turns, in squares; so many along the longer side."""
    side = max(1, round(max(first.shape) / squares))
    rows, columns = np.indices(first.shape) // side
    mixed: Floats = np.where((rows + columns) % 2 == 0, first, second)
    return mixed


def difference(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    """The second less the first, in their own unit; NaN where one of them is missing."""
    change: Floats = second.astype(np.float32) - first.astype(np.float32)
    return change

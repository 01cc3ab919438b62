"""From taps of the pointer to the points of one measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.measurements import POINTS, Kind

Point = NDArray[np.float64]
_BY_DRAGGING = ("length", "ellipse", "Cobb angle", "angle", "hip-knee-ankle angle")


class Pencil:
    """Collects points until a measurement is whole.

    A line can be clicked, one end after the other, or dragged. An outline is closed by a click on its first point or a
    double click.

    Parameters
    ----------
    kind
        What is drawn.

    Attributes
    ----------
    points
        Those that are set.
    hover
        Where the pointer is; None before it moved.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.points: list[Point] = []
        self.hover: Point | None = None
        self._down: Point | None = None
        # An ellipse is drawn by two opposite corners of its rectangle.
        self._wanted = 2 if kind == "ellipse" else POINTS[kind]

    @property
    def begun(self) -> bool:
        """Whether there is a point, and not all of them."""
        return bool(self.points) and not self.whole

    @property
    def whole(self) -> bool:
        """Whether it has all its points."""
        return self._wanted is not None and len(self.points) >= self._wanted

    @property
    def sketch(self) -> NDArray[np.float64]:
        """What there is so far, with where the pointer is (N, axes)."""
        ends = [] if self.hover is None or self.whole else [self.hover]
        return np.array([*self.points, *ends])

    def press(self, place: Point, reach: float) -> bool:
        """The button went down; whether the measurement is whole now.

        Parameters
        ----------
        reach
            How near two places are taken for one.
        """
        self.hover = None
        if self.points and _near(place, self.points[-1], reach):
            return False  # the second click of two quick ones
        if self._wanted is None and len(self.points) >= 3 and _near(place, self.points[0], reach):
            return True
        self.points.append(np.array(place, float))
        self._down = self.points[-1]
        return self.whole

    def move(self, place: Point) -> None:
        """The pointer moved."""
        self.hover = np.array(place, float)

    def release(self, place: Point, reach: float) -> bool:
        """The button went up: a line that was dragged ends here; whether the measurement is whole now."""
        down, self._down = self._down, None
        if down is None or self.kind not in _BY_DRAGGING or self.whole or _near(place, down, 2 * reach):
            return False
        self.hover = None
        self.points.append(np.array(place, float))
        return self.whole

    def double(self) -> bool:
        """Two quick clicks close an outline; whether the measurement is whole now."""
        return self._wanted is None and len(self.points) >= 3

    def result(self, plane: tuple[int, int]) -> NDArray[np.float64]:
        """The points (N, axes) that are kept.

        Parameters
        ----------
        plane
            The two axes along which it was drawn.
        """
        if self.kind != "ellipse":
            return np.array(self.points)
        one, other = self.points
        corners = np.array([one, one, other, other])
        corners[1, plane[1]], corners[3, plane[1]] = other[plane[1]], one[plane[1]]
        return corners


def _near(one: Point, other: Point, reach: float) -> bool:
    return float(np.abs(one - other).max()) <= reach

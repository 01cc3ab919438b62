"""Lengths, angles and regions of an image, in millimetres where its spacing is known and in pixels where it is not.

Points are in the image's indices, pixel centres at whole numbers, as napari's layers have them before scale and place. What
is measured between them is a distance in the image: at a detector, or in a slice of a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medgen.errors import ImageError
from napari_medgen.validity import finite, spacing

Unit = Literal["mm", "px"]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """What a step along each axis of an image is.

    Attributes
    ----------
    steps
        Length of a step along each axis, in ``unit``.
    unit
        ``mm``, or ``px`` where nobody knows; then a step is one pixel.
    source
        Where it comes from: the ``file``, a ``calibration`` by a known length, or ``unknown``.
    """

    steps: tuple[float, ...]
    unit: Unit = "mm"
    source: Literal["file", "calibration", "unknown"] = "file"

    @classmethod
    def of(cls, steps: Sequence[float] | None, axes: int) -> Scale:
        """The spacing that a file says, or pixels where it says none."""
        known = spacing(tuple(steps), axes) if steps is not None else None
        return cls((1.0,) * axes, "px", "unknown") if known is None else cls(known)

    @classmethod
    def calibrated(cls, a: ArrayLike, b: ArrayLike, millimetres: float, aspect: float = 1.0) -> Scale:
        """The scale of a picture (rows, columns) in which two points are a known length apart.

        Parameters
        ----------
        aspect
            Height of a pixel over its width, where only that is known.

        Raises
        ------
        ImageError
            If the points are one, or the length is no length.
        """
        apart = float(np.linalg.norm((_points(b, 2) - _points(a, 2)) * np.array([aspect, 1.0])))
        known = finite(millimetres)
        if known is None or known <= 0:
            raise ImageError("A known length is a number of millimetres above zero.")
        if apart == 0:
            raise ImageError("A known length needs two points that are apart.")
        width = known / apart
        return cls((aspect * width, width), "mm", "calibration")

    def along(self, axes: Sequence[int]) -> Scale:
        """The scale of a plane through an image: of some of its axes, in this order."""
        return Scale(tuple(self.steps[axis] for axis in axes), self.unit, self.source)

    def place(self, points: ArrayLike) -> Points:
        """Points (..., axes) in ``unit``."""
        return np.asarray(_points(points, len(self.steps)) * np.asarray(self.steps), np.float64)


@dataclass(frozen=True)
class Measurement:
    """A number with its unit.

    Attributes
    ----------
    name
        What was measured.
    value
        NaN where it is not defined.
    unit
        ``mm``, ``px``, ``°``, ``mm²``, ``px²``, or empty for grey values.
    """

    name: str
    value: float
    unit: str

    @property
    def text(self) -> str:
        """For a reader, to as many digits as a hand on a mouse can mean."""
        if not np.isfinite(self.value):
            return "not defined"
        digits = 1 if self.unit else 2
        return f"{self.value:.{digits}f}{'' if self.unit == '°' or not self.unit else ' '}{self.unit}"


def distance(a: ArrayLike, b: ArrayLike, scale: Scale) -> Measurement:
    """Length of the straight line between two points."""
    apart = scale.place(b) - scale.place(a)
    return Measurement("length", float(np.linalg.norm(apart)), scale.unit)


def angle(a: ArrayLike, vertex: ArrayLike, b: ArrayLike, scale: Scale) -> Measurement:
    """Angle at a point between the lines to two others, 0 to 180 degrees; of steps it needs the ratio alone."""
    middle = scale.place(vertex)
    return Measurement("angle", _between(scale.place(a) - middle, scale.place(b) - middle), "°")


def cobb_angle(first: ArrayLike, second: ArrayLike, scale: Scale) -> Measurement:
    """Angle between two lines (Cobb 1948), 0 to 90 degrees; each a pair of points (2, axes), in any order."""
    lines = [np.diff(scale.place(line), axis=0)[0] for line in (first, second)]
    found = _between(lines[0], lines[1])
    return Measurement("Cobb angle", min(found, 180 - found), "°")


def hip_knee_ankle_angle(hip: ArrayLike, knee: ArrayLike, ankle: ArrayLike, scale: Scale) -> Measurement:
    """Angle between the mechanical axes of femur and tibia as its deviation from straight, 0 for a straight leg.

    Which way it deviates depends on the side of the body: varus where the knee lies lateral of the line from hip to ankle.
    """
    return Measurement("hip-knee-ankle angle", 180 - angle(hip, knee, ankle, scale).value, "°")


def region(pixels: NDArray[Any], outline: ArrayLike, scale: Scale) -> tuple[Measurement, ...]:
    """Mean, standard deviation, extremes and area within a closed outline.

    Parameters
    ----------
    pixels
        (rows, columns).
    outline
        (N, 2) corners of a polygon that does not cross itself; N at least 3.

    Returns
    -------
    tuple
        Mean, standard deviation (of the pixels, divided by their number), smallest, largest, area. The grey values are of
        the pixels whose centres lie inside, but for those that are no finite number; the area is the polygon's own, not
        that of whole pixels.

    Raises
    ------
    ImageError
        If there are fewer than three corners.
    """
    corners = _points(outline, 2)
    if len(corners) < 3:
        raise ImageError("A region needs an outline of three corners or more.")
    top, left = (max(int(edge), 0) for edge in np.floor(corners.min(0)))
    bottom, right = (max(int(edge) + 1, 0) for edge in np.ceil(corners.max(0)))
    part = pixels[top:bottom, left:right]  # an outline is small beside its picture
    inside = part[within(part.shape, corners - (top, left))].astype(np.float64)
    inside = inside[np.isfinite(inside)]
    found = (inside.mean(), inside.std(), inside.min(), inside.max()) if inside.size else (np.nan,) * 4
    names = ("mean", "standard deviation", "smallest", "largest")
    greys = [Measurement(name, float(value), "") for name, value in zip(names, found, strict=True)]
    return (*greys, Measurement("area", _area(scale.place(corners)), f"{scale.unit}²"))


def within(shape: tuple[int, ...], outline: ArrayLike) -> NDArray[np.bool_]:
    """Pixels (rows, columns) whose centres lie inside a polygon (N, 2), by the even-odd rule.

    A centre on an edge is inside on the upper and left edges and outside on the others, so that neighbours share no pixel.
    """
    corners = _points(outline, 2)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    inside = np.zeros(shape[:2], bool)
    for (row, column), (next_row, next_column) in zip(corners, np.roll(corners, -1, 0), strict=True):
        if row == next_row:
            continue
        crosses = (row <= rows) != (next_row <= rows)
        where = column + (rows - row) / (next_row - row) * (next_column - column)
        inside ^= crosses & (columns < where)
    return inside


def ellipse(rectangle: ArrayLike, corners: int = 256) -> Points:
    """Outline (corners, 2) of the ellipse in a rectangle, which may be turned, of the same area as the ellipse itself.

    Parameters
    ----------
    rectangle
        (4, 2) corners in their order around it.
    """
    around = _points(rectangle, 2)
    centre, first, second = around.mean(0), (around[1] - around[0]) / 2, (around[3] - around[0]) / 2
    turns = 2 * np.pi * np.arange(corners)[:, None] / corners
    grown = np.sqrt(2 * np.pi / (corners * np.sin(2 * np.pi / corners)))  # a polygon within would be smaller
    return np.asarray(centre + grown * (np.sin(turns) * first + np.cos(turns) * second), np.float64)


def _points(values: ArrayLike, axes: int) -> Points:
    points = np.asarray(values, np.float64)
    if points.shape[-1:] != (axes,) or not np.isfinite(points).all():
        raise ImageError(f"A point of this image has {axes} finite numbers.")
    return points


def _between(a: Points, b: Points) -> float:
    """Degrees between two directions; NaN where one has no length. By both sine and cosine: exact also near 0 and 180."""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return float("nan")
    u, v = a / lengths[0], b / lengths[1]
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))


def _area(corners: Points) -> float:
    """The shoelace formula."""
    y, x = corners.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

"""Width of the joint space of a knee on a frontal radiograph, medial and lateral, at fixed places along each compartment.

The places are shares of the width of the bones, from the medial border (Duryea et al. 2003, Med Phys 30:2870; Neumann et al.
2009, Osteoarthritis Cartilage 17:761: 0.15 to 0.30 medial, 0.70 to 0.90 lateral). The lower edge of the femur is where
brightness falls most on the way down into the gap, the edge of the tibial plateau where it rises most on the way out, each
along one smooth line through all columns (dynamic programming); between pixels a parabola through the steepest three. A
width is the distance between both lines across the gap, not down the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measure import Scale

Compartment = Literal["medial", "lateral"]
MEDIAL = (0.15, 0.20, 0.25, 0.30)
LATERAL = (0.70, 0.75, 0.80, 0.85)
# What two measurements of one knee differ by in 95 of 100 cases, in 224ths of the box: 200 real knees, the box placed
# anew (scripts/joint_space_table.py). How a patient stands and how the beam runs comes on top.
REPEATABILITY: dict[Compartment, float] = {"medial": 0.61, "lateral": 1.81}
_NATURAL = 224.0  # pixels along a box in which the lengths below are said
_SOFT = 1.2
_GAP = (4.0, 9.0)  # half widths of gaps that are looked for
_REACH = 15.0  # how far from the middle of the gap its edges may lie
_BORDERS, _USUALLY = (0.08, 0.92), 0.05  # where the bones of a knee in its box end, and how far from there they do
_LEVEL = 0.09  # of the box: what both compartments differ by in height
_ROWS = (0.32, 0.80)  # of the box: where the joint lies
_STEP = 0.6  # rows that a line may rise or fall from column to column
_AROUND = 1.5  # columns on each side that are one place
_FAINT = 0.006  # of black to white in a pixel: a slope that is no edge
_SMALLEST = 64

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Gap:
    """The joint space at one place.

    Attributes
    ----------
    compartment
        ``medial`` or ``lateral``.
    place
        Share of the width of the bones, from their medial border.
    femur, tibia
        Row and column of both ends, in pixels; NaN where no edge was found.
    """

    compartment: Compartment
    place: float
    femur: tuple[float, float]
    tibia: tuple[float, float]

    @property
    def found(self) -> bool:
        """Whether both edges were found."""
        return bool(np.isfinite([*self.femur, *self.tibia]).all())

    def width(self, scale: Scale) -> float:
        """Distance of both ends in the scale's unit; NaN where one was not found."""
        if not self.found:
            return float("nan")
        ends = scale.place(np.array([self.femur, self.tibia]))
        return float(np.linalg.norm(ends[0] - ends[1]))


def joint_space(grey: NDArray[np.floating], laterality: str) -> tuple[Gap, ...]:
    """The gaps of a knee, medial ones first, each compartment from the medial border on.

    Parameters
    ----------
    grey
        (rows, columns), 0 for black to 1 for white: one knee, the joint in its middle, the bones nearly as wide as the
        picture, upright, with the patient's right on the left.
    laterality
        ``L`` or ``R``: says on which side the medial border lies.

    Raises
    ------
    ImageError
        If the picture is too small, or it is not known which knee it shows.
    """
    if laterality not in ("L", "R"):
        raise ImageError("Which compartment is the medial one follows from the side of the knee, which is not known.")
    if min(grey.shape) < _SMALLEST:
        raise ImageError(f"A joint space is measured on {_SMALLEST} x {_SMALLEST} pixels or more.")
    # A left knee in radiological convention has its medial border on the left of the picture.
    upright = np.asarray(grey, np.float32)
    turned = upright if laterality == "L" else upright[:, ::-1]
    unit = min(grey.shape) / _NATURAL
    borders = bone_borders(turned, unit)
    last = grey.shape[1] - 1
    found: list[Gap] = []
    kinds: tuple[tuple[Compartment, tuple[float, ...]], ...] = (("medial", MEDIAL), ("lateral", LATERAL))
    columns = [[borders[0] + place * (borders[1] - borders[0]) for place in places] for _, places in kinds]
    parts = [_Part.of(turned, one, unit) for one in columns]
    # The clearer gap says about where the other one is: bone on bone leaves none, and a seam in the bone is not one.
    clearest = max(parts, key=lambda part: part.clearness)
    height = clearest.height
    for (compartment, places), part in zip(kinds, parts, strict=True):
        for place, (femur, tibia) in zip(places, part.gaps(height), strict=True):
            if laterality == "R":
                femur, tibia = (femur[0], last - femur[1]), (tibia[0], last - tibia[1])
            found.append(Gap(compartment, place, femur, tibia))
    return tuple(found)


def compartment_width(gaps: Sequence[Gap], compartment: Compartment, scale: Scale) -> float:
    """Median width of a compartment's places, in the scale's unit; NaN where more than one place was not found."""
    widths = np.array([gap.width(scale) for gap in gaps if gap.compartment == compartment])
    there = widths[np.isfinite(widths)]
    return float(np.median(there)) if len(there) >= max(len(widths) - 1, 1) else float("nan")


def repeatable_to(compartment: Compartment, shape: tuple[int, int], scale: Scale) -> float:
    """What two measurements of a compartment differ by in 95 of 100 cases where nothing changed, in the scale's unit.

    Parameters
    ----------
    shape
        Rows and columns of the picture of the knee.
    """
    return REPEATABILITY[compartment] * min(shape) / _NATURAL * scale.steps[0]


def bone_borders(grey: Grey, unit: float = 1.0) -> tuple[float, float]:
    """First and last column of the bones above and below the joint: where brightness rises and falls most, on average."""
    rows = grey.shape[0]
    band = ndimage.gaussian_filter(grey, (0, 2 * unit))[int(0.42 * rows) : int(0.72 * rows)]
    slope = np.gradient(np.median(band, 0))
    share = (np.arange(len(slope)) + 0.5) / len(slope)
    first, last = (np.exp(-0.5 * ((share - usual) / _USUALLY) ** 2) for usual in _BORDERS)
    return float((slope * first).argmax()), float((-slope * last).argmax())


@dataclass(frozen=True)
class _Part:
    """The columns of one compartment.

    Attributes
    ----------
    soft
        Grey values, a little blurred.
    gain
        How much like the middle of a gap each pixel is.
    columns
        Where gaps are measured, from the first column of ``soft``.
    origin
        First row and column of ``soft``.
    """

    soft: Grey
    gain: Grey
    columns: tuple[float, ...]
    origin: tuple[int, int]
    unit: float

    @classmethod
    def of(cls, grey: Grey, columns: list[float], unit: float) -> _Part:
        soft = ndimage.gaussian_filter(grey, _SOFT * max(unit, 0.5))
        low, high = int(_ROWS[0] * grey.shape[0]), int(_ROWS[1] * grey.shape[0])
        first = max(int(np.floor(columns[0] - 6 * _AROUND * unit)), 0)
        last = min(int(np.ceil(columns[-1] + 6 * _AROUND * unit)) + 1, grey.shape[1])
        part = soft[low:high, first:last]
        return cls(part, _darkness(part, unit), tuple(column - first for column in columns), (low, first), unit)

    @property
    def clearness(self) -> float:
        """Mean gain along the best line."""
        return float(self.gain[_line(self.gain, self.unit), np.arange(self.gain.shape[1])].mean())

    @property
    def height(self) -> float:
        """Row of the best line, on average."""
        return float(_line(self.gain, self.unit).mean())

    def gaps(self, height: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Ends of the gap (row, column of the picture) at each of the columns, for a gap at about a height."""
        rows = np.arange(self.soft.shape[0])[:, None]
        near = np.abs(rows - height) <= _LEVEL * _NATURAL * self.unit
        middle = _line(self.gain, self.unit, np.broadcast_to(near, self.soft.shape))
        slope = np.gradient(self.soft, axis=0)
        reach = max(int(_REACH * self.unit), 3)
        upper = _edge(-slope, middle - reach, middle, self.unit)
        lower = _edge(slope, middle, middle + reach, self.unit)
        at = np.arange(self.soft.shape[1])
        found = []
        for column in self.columns:
            near_by = np.abs(at - column) <= 4 * _AROUND * self.unit
            (top, tilt_top), (bottom, tilt_bottom) = (
                _height(at[near_by] - column, line[near_by]) for line in (upper, lower)
            )
            # Across the gap: along the common normal of both edges, through the middle.
            tilt = (tilt_top + tilt_bottom) / 2
            half = (bottom - top) / 2 / (1 + tilt * tilt)
            row, place = (top + bottom) / 2 + self.origin[0], column + self.origin[1]
            found.append(((row - half, place + half * tilt), (row + half, place - half * tilt)))
        return found


def _darkness(part: Grey, unit: float) -> Grey:
    """How much darker than above and below a pixel is, at the width of gap that suits it best."""
    best = np.full(part.shape, -np.inf, np.float32)
    for half in _GAP:
        size, away = max(round(half * unit), 1), max(round(2 * half * unit), 2)
        inside = ndimage.uniform_filter1d(part, size, axis=0)
        sides = [ndimage.shift(inside, (step, 0), order=0, mode="nearest") for step in (away, -away)]
        best = np.maximum(best, np.minimum(*sides) - inside)
    return best


def _line(gain: Grey, unit: float, allowed: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The line through all columns, one row each, along which a gain is largest; it bends no more than bone does."""
    rows, columns = gain.shape
    steps = max(round(_STEP * max(unit, 1) * 2), 1)
    score = np.where(allowed, gain, -1e3) if allowed is not None else gain
    total = np.array(score, np.float64)
    came = np.zeros((rows, columns), np.int64)
    toll = 0.002
    for column in range(1, columns):
        options = np.full((2 * steps + 1, rows), -np.inf)
        for number, step in enumerate(range(-steps, steps + 1)):
            start, stop = max(-step, 0), min(rows - step, rows)
            options[number, start:stop] = total[start + step : stop + step, column - 1] - toll * abs(step)
        best = options.argmax(0)
        came[:, column] = best - steps
        total[:, column] += options[best, np.arange(rows)]
    line = np.zeros(columns, np.int64)
    line[-1] = int(total[:, -1].argmax())
    for column in range(columns - 1, 0, -1):
        line[column - 1] = line[column] + came[line[column], column]
    return line


def _edge(slope: Grey, low: NDArray[np.int64], high: NDArray[np.int64], unit: float) -> NDArray[np.float64]:
    """Rows, between pixels, of the line of steepest slope between two others; NaN where it is faint."""
    rows = np.arange(slope.shape[0])[:, None]
    line = _line(slope, unit, (rows >= low) & (rows <= high))
    columns = np.arange(slope.shape[1])
    inner = np.clip(line, 1, slope.shape[0] - 2)
    before, here, after = (slope[inner + step, columns].astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0).clip(-1, 1)
    return np.where(here > _FAINT / max(unit, 1e-9), inner + shift, np.nan)


def _height(at: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[float, float]:
    """Height of a line and its slope at the place 0, by a parabola through its neighbourhood; NaN where most is missing."""
    there = np.isfinite(rows)
    if there.sum() < max(len(rows) * 0.6, 3):
        return float("nan"), float("nan")
    degree = 2 if there.sum() > 4 else 1
    fit = np.polynomial.Polynomial.fit(at[there], rows[there], degree)
    return float(fit(0)), float(fit.deriv()(0))

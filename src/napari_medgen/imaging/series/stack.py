"""Frames that lie behind each other, as one grid: their order, their distances, and the affine that follows (PS3.3 C.7.6.2).

They are sorted along the normal of their planes. File names and ``InstanceNumber`` follow the order of scanning, or nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.orientation import Affine
from napari_medgen.imaging.series.frame import Frame

Places = NDArray[np.float64]
_SAME_PLACE, _SAME_PLACE_MM = 0.02, 1e-2  # of a pixel, and millimetres, along the normal: nearer frames are at one place
_EVEN, _EVEN_MM = 0.1, 0.05  # of a step, and millimetres: what scanners write of places is rounded so
_ROUNDED = 0.02
_DRIFT = 0.25  # of a step: how far all that rounding together may lead
_CLOSE = 0.2  # of a slice's thickness: slices nearer than that are no stack
_THICKER = 1.2
_MOST_MISSING = 0.5  # of the slices of a whole stack
_ALONG_THE_NORMAL = 1e-3  # of a step, sideways
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Layout:
    """How a stack's frames become slices of a grid.

    Attributes
    ----------
    rows
        Which slice of the grid each frame is.
    slices
        How many slices the grid has; more than frames where some are missing.
    affine
        (4, 4), from (slice, row, column) to RAS+ millimetres.
    notes
        What is missing, or guessed, in sentences.
    """

    rows: list[int]
    slices: int
    affine: Affine
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """Frames of one size and direction at different places.

    Attributes
    ----------
    frames
        Sorted along the normal of their planes.
    apart
        What tells it from the other stacks of its series, for a person; empty where it is the only one.
    notes
        What was left out of it, in sentences.
    fault
        Why it is not read, in a sentence; empty where it is.
    """

    frames: tuple[Frame, ...]
    apart: str = ""
    notes: tuple[str, ...] = ()
    fault: str = ""

    @property
    def places(self) -> Places:
        """(N,) millimetres along the normal; they rise."""
        return places_of(self.frames)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        return len(self.frames), self.frames[0].rows, self.frames[0].columns

    @property
    def even(self) -> bool:
        """Whether its slices are even apart, but for some that are missing."""
        return _steps(self.frames, self.places) is not None

    def layout(self) -> Layout:
        """The grid.

        Raises
        ------
        ImageError
            If its slices are unevenly apart, or not behind each other.
        """
        first, places = self.frames[0], self.places
        normal = normal_of(first)
        if self.fault:
            raise ImageError(self.fault)
        steps = _steps(self.frames, places)
        if steps is None:
            apart = np.diff(places)
            raise ImageError(
                f"Its slices are {apart.min():.2f} to {apart.max():.2f} mm apart. Ask for even ones, which resamples them."
            )
        notes = list(self.notes)
        step, rows = steps
        if len(places) == 1:
            step, said = _lonely(first)
            notes += [said] if said else []
            direction = normal * step
        else:
            self._require_straight()
            positions = np.array([frame.position for frame in self.frames])
            direction = (positions[-1] - positions[0]) / rows[-1]
            notes += _unlike_said(first, step)
            if np.linalg.norm(direction - normal * (direction @ normal)) < _ALONG_THE_NORMAL * step:
                direction = normal * (direction @ normal)
        missing = rows[-1] + 1 - len(rows)
        if missing:
            notes.append(_missing(rows, places, missing))
        return Layout(rows, rows[-1] + 1, _affine(first, direction), tuple(notes))

    def at_even_steps(self) -> tuple[Places, Affine]:
        """Where slices lie that are even apart, in millimetres along the normal, and the affine of that grid.

        They go from the first to the last, about as far apart as half of the frames are or less.

        Raises
        ------
        ImageError
            If the slices are not behind each other, or most of them at almost one place.
        """
        if self.fault:
            raise ImageError(self.fault)
        self._require_straight()
        places, first = self.places, self.frames[0]
        step = float(np.median(np.diff(places)))
        if first.thickness and step < _CLOSE * first.thickness:
            raise ImageError("Most of its slices lie at almost the same place, as those of several volumes do.")
        count = max(round((places[-1] - places[0]) / step) + 1, 2)
        step = float(places[-1] - places[0]) / (count - 1)
        positions = np.array([frame.position for frame in self.frames])
        direction = (positions[-1] - positions[0]) / (places[-1] - places[0]) * step
        return places[0] + step * np.arange(count), _affine(first, direction)

    def _require_straight(self) -> None:
        """Refuse slices that are beside each other by more than half a pixel."""
        positions, places = np.array([frame.position for frame in self.frames]), self.places
        along = (places - places[0]) / (places[-1] - places[0])
        astray = positions - positions[0] - np.outer(along, positions[-1] - positions[0])
        if np.linalg.norm(astray, axis=1).max() > 0.5 * min(self.frames[0].spacing or (1.0, 1.0)):
            raise ImageError("Its slices do not lie behind each other on a straight line.")


def normal_of(frame: Frame) -> Places:
    """Unit vector across a frame's plane, in LPS."""
    assert frame.directions is not None
    across = np.cross(*np.asarray(frame.directions, float))
    return np.asarray(across / np.linalg.norm(across), float)


def same_place(frame: Frame) -> float:
    """How near along the normal two frames are at one place, in millimetres."""
    return min(_SAME_PLACE_MM, _SAME_PLACE * min(frame.spacing or (1.0, 1.0)))


def places_of(frames: Sequence[Frame]) -> Places:
    """Where frames lie along the normal of the first, in millimetres."""
    return np.array([frame.position for frame in frames], float) @ normal_of(frames[0])


def _steps(frames: Sequence[Frame], places: Places) -> tuple[float, list[int]] | None:
    """The distance of slices, and which slice each place is; None where they are unevenly apart."""
    if len(places) == 1:
        return 0.0, [0]
    apart = np.diff(places)
    step = float(np.median(apart))
    thick = [frame.thickness for frame in frames if frame.thickness]
    # Thin slices of the base of a skull and thick ones above: none is missing.
    may_miss = not thick or max(thick) <= _THICKER * min(thick)
    # Where every second one is missing the median is no step; the smallest distance may be one.
    for candidate in (step, float(apart.min())):
        whole = np.rint(apart / candidate)
        off = np.abs(apart - whole * candidate)
        if (whole >= 1).all() and off.max() <= min(_EVEN * candidate, _EVEN_MM + _ROUNDED * candidate):
            rows = np.concatenate(([0], np.cumsum(whole))).astype(int)
            mean = (places[-1] - places[0]) / rows[-1]
            if np.abs(places - places[0] - rows * mean).max() > _DRIFT * mean or (rows[-1] >= len(rows) and not may_miss):
                continue
            if len(rows) > 2 and (rows[-1] + 1 - len(rows)) > _MOST_MISSING * (rows[-1] + 1):
                continue
            return float((places[-1] - places[0]) / rows[-1]), [int(row) for row in rows]
    return None


def _unlike_said(first: Frame, step: float) -> list[str]:
    """A sentence where slices are farther apart than their files say: every second one may be missing."""
    said = first.between
    if said and said > 0 and step > (1 + _EVEN) * said:
        return [f"Slices are {step:.3g} mm apart where their files say {said:.3g}: some may be missing throughout."]
    return []


def _lonely(frame: Frame) -> tuple[float, str]:
    """How thick a single slice is, and what is said where nobody knows."""
    known = frame.between or frame.thickness
    if known and known > 0:
        return known, ""
    return 1.0, "The file does not say how thick this slice is; a millimetre is assumed."


def _missing(rows: list[int], places: Places, missing: int) -> str:
    """A sentence on slices that are not there."""
    gap = next(index for index, (a, b) in enumerate(itertools.pairwise(rows)) if b - a > 1)
    where = f"the first gap is between {places[gap]:.1f} and {places[gap + 1]:.1f} mm along the stack"
    what = "1 slice is missing and is" if missing == 1 else f"{missing} slices are missing and are"
    return f"{what} left black; {where}."


def _affine(first: Frame, direction: Places) -> Affine:
    assert first.directions is not None and first.spacing is not None
    along_row, along_column = np.asarray(first.directions, float)
    lps = np.eye(4)
    lps[:3, 0] = direction
    lps[:3, 1] = along_column * first.spacing[0]
    lps[:3, 2] = along_row * first.spacing[1]
    lps[:3, 3] = first.position
    return np.asarray(_LPS_TO_RAS @ lps, float)

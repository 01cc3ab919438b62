"""Where the knees lie on a radiograph: a suggestion that a person accepts or corrects.

Frontal knees look alike in a few things: a dark joint line that rises to a notch in the middle, a bright plateau below it,
the edges of femur and tibia beside it. A linear template of edges (directions in cells, as in Dalal and Triggs 2005, section
6) is laid over the picture at many sizes; where it fits best, a knee is suggested. It is made of knees of both sides. Two
knees on one film are a pair: the second is about as large and lies about as high as the first. ``scripts/knee_boxes.py``
makes the template and measures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.signal import fftconvolve

SIDE = 48  # pixels along a box when the template is laid over it
CELL = 4
DIRECTIONS = 12
MARGIN = SIDE // 4  # what of a knee may lie outside the film
_FIRST, _GROWTH = 0.3, 1.06  # smallest box as a share of the shorter side, and from one size to the next
_LARGEST = 1.25
_LONGEST = 0.18  # smallest box as a share of the longer side
_SURE = 0.0  # a score at which right boxes and wrong ones part (scripts/knee_boxes.py)
_APART = 0.6  # of a side: what the middles of two knees differ by at least
_ALIKE = 1.35  # sizes of two knees of one person on one film
_LEVEL = 0.5  # of a side: what two knees on one film differ by in height
_PEAKS = 3

Features = NDArray[np.float32]


@dataclass(frozen=True)
class KneeBox:
    """A square around a knee, the joint in its middle, as wide as the bones with a little soft tissue.

    Attributes
    ----------
    top, left, side
        In pixels from the film's upper left corner; the square may reach beyond the film.
    score
        How well the template fits: about 1 where it fits as well as on knees that it was made from, below 0 where nothing
        looks like a knee.
    """

    top: float
    left: float
    side: float
    score: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether what lies in it looks like a knee."""
        return self.score > _SURE

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Top, left, bottom, right."""
        return self.top, self.left, self.top + self.side, self.left + self.side

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column."""
        return self.top + self.side / 2, self.left + self.side / 2

    def error(self, other: KneeBox) -> float:
        """Largest distance between edges of the same name, as a share of the other's side."""
        return max(abs(a - b) for a, b in zip(self.edges, other.edges, strict=True)) / other.side


def suggest_boxes(grey: NDArray[np.floating]) -> tuple[KneeBox, ...]:
    """Where knees seem to lie.

    Parameters
    ----------
    grey
        (rows, columns), 0 for black to 1 for white.

    Returns
    -------
    tuple
        One or two boxes, from left to right. The best one is among them even where it is not :attr:`~KneeBox.sure`: somebody
        looks at it.
    """
    template, offset = _template()
    found = best_boxes(grey, template, offset)
    if not found:
        side = float(min(grey.shape))
        return (KneeBox((grey.shape[0] - side) / 2, (grey.shape[1] - side) / 2, side, -1.0),)
    first = found[0]
    second = next((one for one in found[1:] if one.sure and _are_a_pair(first, one)), None)
    return tuple(sorted((first, second), key=lambda box: box.left)) if second is not None else (first,)


def best_boxes(grey: NDArray[np.floating], template: Features, offset: float, count: int = 6) -> list[KneeBox]:
    """Places where a template fits best, the best first, no two of one knee.

    Parameters
    ----------
    template, offset
        (channels, cells, cells) and what is added to the sum.
    """
    grey = np.asarray(grey, np.float32)
    found: list[KneeBox] = []
    for side in _sides(grey.shape):
        channels, steps = channels_at(grey, side)
        if min(channels.shape[1:]) < SIDE:
            continue
        scores = _scores(channels, template) + offset
        for _ in range(_PEAKS):
            row, column = (int(place) for place in np.unravel_index(int(scores.argmax()), scores.shape))
            if not np.isfinite(scores[row, column]):
                break
            found.append(KneeBox((row - MARGIN) * steps[0], (column - MARGIN) * steps[1], side, float(scores[row, column])))
            near = SIDE // 4
            scores[max(row - near, 0) : row + near + 1, max(column - near, 0) : column + near + 1] = -np.inf
    kept: list[KneeBox] = []
    for box in sorted(found, key=lambda one: -one.score):
        if all(_distance(box, one) > _APART * max(box.side, one.side) for one in kept):
            kept.append(box)
    return kept[:count]


def channels_at(grey: NDArray[np.float32], side: float) -> tuple[Features, tuple[float, float]]:
    """What the template is laid over, where a box of ``side`` pixels has :data:`SIDE`: with :data:`MARGIN` around the film.

    Returns
    -------
    tuple
        (channels, rows, columns): strength of edges in each of :data:`DIRECTIONS` around every pixel, relative to all edges
        there, and the grey value relative to what lies around; and how many of the picture's pixels a row and a column are.
    """
    rows, columns = (max(round(n * SIDE / side), 8) for n in grey.shape)
    shrinks = rows < grey.shape[0]
    resampling = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(grey).resize((columns, rows), resampling), np.float32)
    small = np.pad(small, MARGIN, mode="edge")
    blur = 0.11 * SIDE
    detail = small - ndimage.gaussian_filter(small, blur)
    even = np.tanh(detail / np.sqrt(ndimage.gaussian_filter(detail**2, 1.5 * blur) + 0.02**2))
    down, across = (ndimage.gaussian_filter(even, 1, order=order) for order in ((1, 0), (0, 1)))
    strength, turn = np.hypot(down, across), np.arctan2(down, across) / (2 * np.pi) * DIRECTIONS % DIRECTIONS
    edges = np.empty((DIRECTIONS + 1, *small.shape), np.float32)
    for direction in range(DIRECTIONS):
        away = np.abs(turn - direction)
        share = np.maximum(0, 1 - np.minimum(away, DIRECTIONS - away))
        edges[direction] = ndimage.uniform_filter(strength * share, CELL)
    edges[:-1] /= np.sqrt(ndimage.uniform_filter((edges[:-1] ** 2).sum(0), 2 * CELL) + 0.02**2)
    edges[-1] = 0.5 * ndimage.uniform_filter(even, CELL)
    return edges, (grey.shape[0] / rows, grey.shape[1] / columns)


def cells_of(channels: Features, row: int, column: int) -> Features | None:
    """What the template sees (channels, cells, cells) of a box that begins at a row and a column; None off the film."""
    if min(row, column) < 0 or row + SIDE > channels.shape[1] or column + SIDE > channels.shape[2]:
        return None
    start = CELL // 2
    return channels[:, row + start : row + SIDE : CELL, column + start : column + SIDE : CELL]


def _scores(channels: Features, template: Features) -> Features:
    """Fit of a template at every place where a box can begin: (rows, columns)."""
    reach = SIDE - CELL + 1
    spread = np.zeros((len(template), reach, reach), np.float32)
    spread[:, ::CELL, ::CELL] = template
    begun = channels[:, CELL // 2 :, CELL // 2 :]
    each = (fftconvolve(one, other[::-1, ::-1], "valid") for one, other in zip(begun, spread, strict=True))
    fits = reduce(np.add, each)
    rows, columns = (n - SIDE + 1 for n in channels.shape[1:])
    return np.array(fits[:rows, :columns], np.float32)


def _sides(shape: tuple[int, ...]) -> list[float]:
    shortest, longest = min(shape), max(shape)
    smallest = max(_FIRST * shortest, _LONGEST * longest)
    steps = int(np.log(_LARGEST * shortest / smallest) / np.log(_GROWTH)) if smallest < _LARGEST * shortest else 0
    return [smallest * _GROWTH**step for step in range(steps + 1)]


def _distance(one: KneeBox, other: KneeBox) -> float:
    return max(abs(a - b) for a, b in zip(one.middle, other.middle, strict=True))


def _are_a_pair(one: KneeBox, other: KneeBox) -> bool:
    sizes = max(one.side, other.side) / min(one.side, other.side)
    return sizes < _ALIKE and abs(one.middle[0] - other.middle[0]) < _LEVEL * max(one.side, other.side)


@cache
def _template() -> tuple[Features, float]:
    with (files("napari_medgen.imaging") / "knee_template.npz").open("rb") as file, np.load(file) as kept:
        return kept["template"].astype(np.float32), float(kept["offset"])

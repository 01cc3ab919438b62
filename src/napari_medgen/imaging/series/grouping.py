"""Which frames are one stack: of one series, size and direction, and no two of them at one place.

Echoes, time points, b-values and reconstructions that share a series are told apart by what their headers differ in.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.series.frame import TELLING, Frame
from napari_medgen.imaging.series.stack import Stack, normal_of, places_of, same_place
from napari_medgen.validity import finite

_SAME_DIRECTION = 1e-3  # of a unit vector
_SAME_SPACING = 1e-3  # of a pixel: 0.703 and 0.703125 are one
_FEWEST, _OVERLAP = 3, 0.5  # slices of volumes that lie between each other, and the share of the way that they share
_THIN = 0.75  # of a slice's thickness: nearer slices overlap


@dataclass(frozen=True)
class Series:
    """What one series holds.

    Attributes
    ----------
    uid, number, description, modality, body_part
        As its files say.
    stacks
        Volumes.
    images
        Frames that do not say where they lie, or are in colour: pictures each for itself.
    """

    uid: str
    number: int
    description: str
    modality: str
    body_part: str
    stacks: tuple[Stack, ...]
    images: tuple[Frame, ...]

    @property
    def title(self) -> str:
        """What to call it on screen; the description is free text and stays there."""
        parts = (self.modality, self.body_part, self.description)
        return " ".join(part for part in parts if part) or "DICOM series"


def series_of(frames: Iterable[Frame]) -> list[Series]:
    """Series, in the order of their numbers, each with its stacks."""
    by_uid: dict[tuple[str, str], list[Frame]] = defaultdict(list)
    for frame in frames:
        by_uid[frame.person, frame.series].append(frame)  # what has lost its identifiers is still of somebody
    found = [_series(uid, own) for (_, uid), own in by_uid.items()]
    return sorted(found, key=lambda one: (one.number, one.uid))


def _series(uid: str, frames: list[Frame]) -> Series:
    # The same identifier on other slices is an anonymiser's mistake, and they are no copies.
    once = list({(f.uid, f.index, f.tile, f.position, f.instance, f.rows, f.columns): f for f in frames}.values())
    twice = len(frames) - len(once)
    stacks = [stack for group in _alike([f for f in once if f.is_slice]) for stack in _stacks(group)]
    images = tuple(frame for frame in once if not frame.is_slice)
    if twice:
        said = "1 image of its series was there twice." if twice == 1 else f"{twice} images of its series were there twice."
        stacks = [replace(stack, notes=(*stack.notes, said)) for stack in stacks]
    first = frames[0]
    return Series(
        uid, first.number, first.description, first.modality, first.body_part, tuple(stacks),
        tuple(sorted(images, key=lambda frame: (frame.instance, str(frame.path), frame.index))),
    )  # fmt: skip


def _alike(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames of one size, spacing and direction together; a scout in three directions is three groups."""
    kinds: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        kinds[frame.rows, frame.columns, frame.reference, frame.photometric, frame.segment].append(frame)
    return [group for kind in kinds.values() for group in _of_one_direction(kind)]


def _of_one_direction(frames: Sequence[Frame]) -> list[list[Frame]]:
    """By direction and spacing, to what scanners round."""
    shapes: NDArray[np.float64] = np.array(
        [[*np.ravel(np.asarray(frame.directions)), *(frame.spacing or (0, 0))] for frame in frames], np.float64
    )
    allowed: NDArray[np.float64] = np.full(8, _SAME_DIRECTION)
    groups, left = [], np.arange(len(frames))
    while len(left):
        allowed[6:] = _SAME_SPACING * shapes[left[0], 6:]
        goes = (np.abs(shapes[left] - shapes[left[0]]) <= allowed).all(1)
        groups.append([frames[index] for index in left[goes]])
        left = left[~goes]
    return groups


def _stacks(group: list[Frame]) -> list[Stack]:
    """A group as stacks in which no place comes twice."""
    segment = f"segment {group[0].segment}" if group[0].segment else ""
    if not _collides(group):
        return [_stack(part, _joined(segment, words)) for words, part in _between_each_other(group)]
    keywords, found = _telling_keywords(group), []
    for values, part in sorted(_split(group, keywords).items(), key=lambda one: list(map(_natural, one[0]))):
        words = _joined(segment, _words(keywords, values))
        found += _turns(part, words) if _collides(part) else [_stack(part, words)]
    return found


def _between_each_other(group: list[Frame]) -> list[tuple[str, list[Frame]]]:
    """A group in which slices lie nearer than they are thick as the volumes that a keyword divides it into, if one does.

    Two phases of a CT may lie half a step beside each other: together they would be one volume of alternating phases.
    """
    whole, thick = places_of(group), group[0].thickness
    if len(group) < 2 * _FEWEST or not thick or np.median(np.diff(np.sort(whole))) >= _THIN * thick:
        return [("", group)]
    for keyword in TELLING:
        parts = _split(group, [keyword])
        places = [np.sort(places_of(part)) for part in parts.values()]
        if len(parts) < 2 or min(map(len, places)) < _FEWEST:
            continue
        shared = min(own[-1] for own in places) - max(own[0] for own in places)
        if shared > _OVERLAP * np.ptp(whole) and all(np.median(np.diff(own)) >= _THIN * thick for own in places):
            ordered = sorted(parts.items(), key=lambda one: _natural(one[0][0]))
            return [(_words([keyword], values), part) for values, part in ordered]
    return [("", group)]


def _turns(part: list[Frame], words: str) -> list[Stack]:
    """Stacks by turns: told to be a guess, or not read where even that cannot be right."""
    turns = _by_turns(part)
    fault = ""
    if len({len(own) for own in turns}) > 1 or len({(frame.instance, frame.index) for frame in part}) < len(part):
        fault = (
            f"Up to {len(turns)} images lie at one place of it, and nothing in their headers tells which belong together."
        )
    note = "Nothing in the headers tells the images at each place apart; they are in the order of their numbers."
    return [_stack(own, _joined(words, f"number {turn} at each place"), (note,), fault) for turn, own in enumerate(turns, 1)]


def _telling_keywords(group: list[Frame]) -> list[str]:
    """What tells images at one place apart, as few keywords as will do.

    Values that make more parts than there are images at any place change from slice to slice, as times do, and tell nothing.
    """
    chosen: list[str] = []
    whole = crowd = _most_at_a_place(group)
    for keyword in TELLING:
        parts = _split(group, [*chosen, keyword]).values()
        left = max(_most_at_a_place(part) for part in parts)
        if left < crowd and len(parts) <= whole:
            chosen, crowd = [*chosen, keyword], left
        if crowd == 1:
            break
    return chosen


def _split(group: Sequence[Frame], keywords: Sequence[str]) -> dict[tuple[str, ...], list[Frame]]:
    parts: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    for frame in group:
        parts[tuple(frame.telling.get(key, "") for key in keywords)].append(frame)
    return dict(parts)


def _words(keywords: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{TELLING[key]} {value}" for key, value in zip(keywords, values, strict=True) if value)


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _natural(value: str) -> tuple[float, str]:
    """2 before 10."""
    number = finite(value)
    return (number if number is not None else np.inf, value)


def _by_turns(group: list[Frame]) -> list[list[Frame]]:
    """The first frame at each place, then the second ...: in the order in which they were made."""
    parts: list[list[Frame]] = []
    counts: dict[int, int] = defaultdict(int)
    along = places_of(group)
    ranked = np.argsort(along, kind="stable")
    places = np.empty(len(group), int)
    places[ranked] = np.concatenate(([0], np.cumsum(np.diff(along[ranked]) >= same_place(group[0]))))
    order = sorted(range(len(group)), key=lambda i: (group[i].instance, group[i].index, str(group[i].path)))
    for index in order:
        turn = counts[int(places[index])]
        counts[int(places[index])] += 1
        if turn == len(parts):
            parts.append([])
        parts[turn].append(group[index])
    return parts


def _collides(group: Sequence[Frame]) -> bool:
    return _most_at_a_place(group) > 1


def _most_at_a_place(group: Sequence[Frame]) -> int:
    """How many frames lie at the place that most of them share."""
    places, near = np.sort(places_of(group)), same_place(group[0])
    most = run = 1
    for before, after in itertools.pairwise(places):
        run = run + 1 if after - before < near else 1
        most = max(most, run)
    return most


def _stack(frames: Sequence[Frame], apart: str = "", notes: tuple[str, ...] = (), fault: str = "") -> Stack:
    normal = normal_of(frames[0])
    ordered = sorted(frames, key=lambda frame: float(np.dot(frame.position or (0, 0, 0), normal)))
    return Stack(tuple(ordered), apart, notes, fault)

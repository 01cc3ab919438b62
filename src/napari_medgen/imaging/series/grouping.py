"""Which frames are one stack: of one series, size and direction, and no two of them at one place.

Echoes, time points, b-values and reconstructions that share a series are told apart by what their headers differ in.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medgen.imaging.series.frames import TELLING, Frame
from napari_medgen.imaging.series.stack import SAME_PLACE, Stack, normal_of, places_of

_SAME_DIRECTION = 1e-3  # of a unit vector
_SAME_SPACING = 1e-4


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
    by_uid: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_uid[frame.series].append(frame)
    found = [_series(uid, own) for uid, own in by_uid.items()]
    return sorted(found, key=lambda one: (one.number, one.uid))


def _series(uid: str, frames: list[Frame]) -> Series:
    seen: set[tuple[str, int, tuple[int, int] | None]] = set()
    once = [frame for frame in frames if (key := (frame.uid, frame.index, frame.tile)) not in seen and not seen.add(key)]  # type: ignore[func-returns-value]
    twice = len(frames) - len(once)
    placed = [frame for frame in once if frame.placed and frame.samples == 1]
    images = tuple(frame for frame in once if not (frame.placed and frame.samples == 1))
    stacks = [stack for group in _alike(placed) for stack in _stacks(group)]
    if twice:
        said = "1 image was there twice." if twice == 1 else f"{twice} images were there twice."
        stacks = [Stack(stack.frames, stack.apart, (*stack.notes, said)) for stack in stacks]
    first = frames[0]
    return Series(
        uid, first.number, first.description, first.modality, first.body_part, tuple(stacks),
        tuple(sorted(images, key=lambda frame: (frame.instance, str(frame.path), frame.index))),
    )  # fmt: skip


def _alike(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames of one size, spacing and direction together; a scout in three directions is three groups."""
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _goes_with(frame, group[0]):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _goes_with(one: Frame, other: Frame) -> bool:
    if (one.rows, one.columns) != (other.rows, other.columns):
        return False
    assert one.directions and other.directions and one.spacing and other.spacing
    return bool(
        np.abs(np.subtract(one.directions, other.directions)).max() <= _SAME_DIRECTION
        and np.abs(np.subtract(one.spacing, other.spacing)).max() <= _SAME_SPACING
    )


def _stacks(group: list[Frame]) -> list[Stack]:
    """A group as stacks in which no place comes twice."""
    if not _collides(group):
        return [_stack(group)]
    keywords, found = _telling_keywords(group), []
    for values, part in _split(group, keywords).items():
        words = _words(keywords, values)
        if _collides(part):
            turns = enumerate(_by_turns(part), 1)
            found += [_stack(own, f"{words}, number {turn} at each place".lstrip(", ")) for turn, own in turns]
        else:
            found.append(_stack(part, words))
    return found


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


def _by_turns(group: list[Frame]) -> list[list[Frame]]:
    """The first frame at each place, then the second ...: in the order in which they were made."""
    parts: list[list[Frame]] = []
    counts: dict[int, int] = defaultdict(int)
    places = np.rint(places_of(group) / SAME_PLACE).astype(int)
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
    places = np.sort(places_of(group))
    most = run = 1
    for before, after in itertools.pairwise(places):
        run = run + 1 if after - before < SAME_PLACE else 1
        most = max(most, run)
    return most


def _stack(frames: Sequence[Frame], apart: str = "") -> Stack:
    normal = normal_of(frames[0])
    ordered = sorted(frames, key=lambda frame: float(np.dot(frame.position or (0, 0, 0), normal)))
    return Stack(tuple(ordered), apart)

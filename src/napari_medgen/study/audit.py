"""Whether a store is whole: looked at in a copy, so that a window that has it open is not disturbed."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.study.anchor import Head, anchor_of, read_anchor
from napari_medgen.study.database import copied, explained, require_store
from napari_medgen.study.events import Event, chain_faults
from napari_medgen.study.store import read_events

_TRIES = 5  # to look at a store that somebody writes


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes
    ----------
    faults
        What is lost, was changed or does not fit, one sentence each; none of a store that is whole.
    remarks
        What is worth knowing and no fault.
    head
        Number and hash of the last event that can be read, to be compared with what somebody else kept.
    events
        How many can be read.
    """

    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    head: Head | None
    events: int


def check_store(path: Path, known: Head | None = None) -> Audit:
    """Look a store through.

    Parameters
    ----------
    known
        A head that somebody kept elsewhere, of this or an earlier day.

    Raises
    ------
    StudyError
        If there is no file, or it is no store.
    """
    return look_through(path, known)[0]


def look_through(path: Path, known: Head | None = None) -> tuple[Audit, list[Event]]:
    """What :func:`check_store` finds, and the events as far as they can be read.

    Raises
    ------
    StudyError
        If there is no file, or it is no store.
    """
    for _ in range(_TRIES):
        anchor = read_anchor(path)  # before the copy: a store that grows meanwhile has more than it says, and never less
        found = _look(path, anchor, known)
        if not found[0].faults or read_anchor(path) == anchor:
            break
    return found


def _look(path: Path, anchor: Head | None, known: Head | None) -> tuple[Audit, list[Event]]:
    if not path.is_file():
        raise StudyError(f"There is no file {path}.")
    with copied(path) as copy:
        events, faults = _read(copy, path)
    remarks = _remarks(events)
    faults += chain_faults(events)
    faults += _twice(events)
    digests = {event.seq: event.digest for event in events}
    head = Head(events[-1].seq, events[-1].digest) if events else None
    if anchor is None:
        faults.append(f"{anchor_of(path).name} is missing or damaged, so that a lost end would not show")
    for what, kept in ((f"{anchor_of(path).name}", anchor), ("the head that was kept elsewhere", known)):
        if kept is not None and digests.get(kept.seq) != kept.digest:
            last = head.seq if head else 0
            faults.append(
                f"events {last + 1} to {kept.seq} are lost: {what} knows them"
                if kept.seq > last
                else f"event {kept.seq} is not the one that {what} knows: the store was written anew"
            )
    return Audit(tuple(dict.fromkeys(faults)), tuple(remarks), head, len(events)), events


def _read(copy: Path, path: Path) -> tuple[list[Event], list[str]]:
    """Events as far as they can be read, and what SQLite itself finds wrong."""
    events: list[Event] = []
    faults: list[str] = []
    database = sqlite3.connect(copy, isolation_level=None)
    try:
        try:
            require_store(database, path)
        except sqlite3.Error as error:
            raise StudyError(explained(error, path)) from None
        try:
            said = [row[0] for row in database.execute("PRAGMA integrity_check")]
            faults += [f"SQLite finds the file damaged: {one}" for one in said if one != "ok"]
            events.extend(read_events(database))  # as far as it goes: what was read stays
        except (sqlite3.Error, ValueError) as error:
            after = f"after event {events[-1].seq}" if events else "from its beginning"
            faults.append(f"the file cannot be read {after}: {error}")
    finally:
        database.close()
    if not events and not faults:
        faults.append("the store holds no event, and its first says what it is about")
    return events, faults


def _twice(events: list[Event]) -> list[str]:
    """Answers that were kept twice under one name, which no store of ours holds."""
    seen: dict[str, int] = {}
    faults = []
    for event in events:
        name = event.payload.get("id") if event.kind == "answer" else None
        if isinstance(name, str):
            if name in seen:
                faults.append(f"answer {name} stands in event {seen[name]} and again in event {event.seq}")
            seen.setdefault(name, event.seq)
    return faults


def _remarks(events: list[Event]) -> list[str]:
    remarks = []
    for before, after in itertools.pairwise(events):
        if after.wall < before.wall:
            remarks.append(f"the clock was set back before event {after.seq} (from {before.wall} to {after.wall})")
    return remarks

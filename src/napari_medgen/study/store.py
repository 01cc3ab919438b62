"""One reader's store in one study: events are added, and what was acknowledged is on the disk.

An answer is acknowledged when :meth:`Store.add` has returned: its transaction is on the disk by then, with all that was
noted before it. What the viewer notes on the way (slice, window) waits for at most a second or the next answer, so that
scrolling never waits for a disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import napari_medgen
from napari_medgen.errors import StudyError
from napari_medgen.running.writing import write_whole
from napari_medgen.study.anchor import Head, anchor_of, read_anchor, write_anchor
from napari_medgen.study.clock import Clock
from napari_medgen.study.database import JOURNALS, Place, close, connect, copied, explained, place_of
from napari_medgen.study.events import BEGINNING, Event, canonical
from napari_medgen.validity import parse_json

_COLUMNS = "seq, kind, payload, monotonic_ns, wall, version, digest"


class Store:
    """An open store.

    Parameters
    ----------
    path
        Its file; made by :meth:`create`.

    Attributes
    ----------
    place
        What its disk allows, and what a reader should know of that.
    anchor_fault
        Why the head could not be put beside the file the last time; empty where it was. The answers are kept all the same.

    Raises
    ------
    StudyError
        If another window has it open, it is no store, is damaged, or its end is missing.
    """

    def __init__(self, path: Path, clock: Clock | None = None, *, place: Place | None = None) -> None:
        self.path, self.place = path, place or place_of(path.parent)
        self._clock = clock or Clock()
        self._database = connect(path, self.place, new=False)
        self._waiting: list[tuple[str, Mapping[str, Any], int, str]] = []
        self.anchor_fault = ""
        try:
            self._head = self._last()
            self._require_tail()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls, path: Path, about: Mapping[str, Any], clock: Clock | None = None, *, place: Place | None = None
    ) -> Store:
        """A new store, whose first event says what it is about (study, checksum of its protocol, reader's code).

        Raises
        ------
        StudyError
            If there is a file already, or it cannot be written.
        """
        known = read_anchor(path)
        if known is not None and known.seq > 1 and not path.exists():
            raise StudyError(
                f"{path.name} is not here, and {anchor_of(path).name} says that {known.seq} events were kept; put it back."
            )
        require_no_journal(path)
        if path.exists():
            raise StudyError(f"There is a file {path} already; a reader has one store in a study.")
        chosen = place or place_of(path.parent)
        # Made under another name with its first event, so that a kill on the way leaves no store that says nothing.
        part = path.with_name(f".new-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in (part, *(part.with_name(part.name + ending) for ending in JOURNALS), anchor_of(part)):
                left.unlink(missing_ok=True)
            close(connect(part, chosen, new=True))
            with cls(part, clock, place=chosen) as store:
                store.add("created", about)
                write_anchor(path, store.head)
            anchor_of(part).unlink(missing_ok=True)
            os.replace(part, path)
        except OSError as error:
            raise StudyError(f"{path} cannot be made: {error.strerror or error}.") from None
        return cls(path, clock, place=chosen)

    # -- writing --------------------------------------------------------------------------------------------------------

    def add(self, kind: str, payload: Mapping[str, Any]) -> Event:
        """Add an event; it is on the disk when this returns, and so is all that was noted before.

        Raises
        ------
        StudyError
            If it could not be kept: nothing of it was, and all before is. It may be added again.
        """
        waiting = [*self._waiting, (kind, _plain(payload), *self._now())]
        added = self._commit(waiting)
        self._waiting = []
        return added[-1]

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Note an event that may wait: what the viewer showed. :meth:`flush` keeps it, or the next :meth:`add`."""
        self._waiting.append((kind, _plain(payload), *self._now()))

    def flush(self) -> None:
        """Keep what was noted; call it every second.

        Raises
        ------
        StudyError
            If it could not be kept; it still waits.
        """
        if self._waiting:
            self._commit(self._waiting)
            self._waiting = []

    def _now(self) -> tuple[int, str]:
        return self._clock.monotonic(), self._clock.wall().astimezone(UTC).isoformat(timespec="milliseconds")

    def _commit(self, waiting: list[tuple[str, Mapping[str, Any], int, str]]) -> list[Event]:
        events, head = [], self._head
        for kind, payload, monotonic, wall in waiting:
            event = Event(head.seq + 1, kind, payload, monotonic, wall, napari_medgen.__version__)
            event = replace(event, digest=event.computed(head.digest))
            events.append(event)
            head = Head(event.seq, event.digest)
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(
                    f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", [_row(event) for event in events]
                )
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StudyError(explained(error, self.path)) from None
        self._head = head
        try:
            write_anchor(self.path, head)
            self.anchor_fault = ""
        except StudyError as error:  # the answer is kept, and must not be asked for again; the next one anchors it too
            self.anchor_fault = str(error)
        return events

    # -- reading --------------------------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clocks that its events are timed with."""
        return self._clock

    @property
    def head(self) -> Head:
        """Number and hash of the last event."""
        return self._head

    def events(self, kind: str = "") -> Iterator[Event]:
        """All events that are kept, or those of a kind, in their order.

        Raises
        ------
        StudyError
            If the file is damaged.
        """
        try:
            yield from read_events(self._database, kind)
        except ValueError as error:
            raise StudyError(f"{self.path.name} is damaged: {error}.") from None
        except sqlite3.Error as error:
            raise StudyError(explained(error, self.path)) from None

    @property
    def about(self) -> Mapping[str, Any]:
        """What the store is about, as it was created."""
        return next(self.events("created")).payload

    def _last(self) -> Head:
        try:
            row = self._database.execute("SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise StudyError(explained(error, self.path)) from None
        return Head(*row) if row else Head(0, BEGINNING)

    def _require_tail(self) -> None:
        """Refuse to go on where the end is missing: answers would be asked for twice, and nobody would know why."""
        anchor = read_anchor(self.path)
        if anchor is not None and anchor.seq > self._head.seq:
            raise StudyError(
                f"{self.path.name} ends at event {self._head.seq}, and {anchor.seq} were kept: its end is lost. "
                "napari-medgen study check says more; a copy of the file may hold it."
            )

    # -- copying and closing --------------------------------------------------------------------------------------------

    def copy_to(self, path: Path) -> None:
        """Write a whole copy and its head elsewhere, while this one stays open.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        self.flush()
        try:
            content = self._database.serialize()
        except sqlite3.Error as error:
            raise StudyError(explained(error, self.path)) from None
        write_whole(path, content, StudyError)
        write_anchor(path, self._head)

    def close(self) -> None:
        """Keep what was noted, and leave one file to copy."""
        try:
            self.flush()
        finally:
            close(self._database)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def require_no_journal(path: Path) -> None:
    """Refuse to make a store where the journal of another lies: SQLite would take it for the new one's, and damage it.

    Raises
    ------
    StudyError
        If there is one.
    """
    for ending in JOURNALS:
        if not path.exists() and (left := path.with_name(path.name + ending)).exists():
            raise StudyError(f"{left.name} is here without its {path.name}, and may hold answers; put {path.name} back.")


def whole_copy(path: Path) -> bytes:
    """The content of a store that no window has open, with what still stands in its journal, as one file.

    Raises
    ------
    StudyError
        If it cannot be read.
    """
    with copied(path) as copy:
        try:
            database = sqlite3.connect(copy, isolation_level=None)
            try:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                database.close()
            return copy.read_bytes()
        except OSError as error:
            raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from None
        except sqlite3.Error as error:
            raise StudyError(explained(error, path)) from None


def read_events(database: sqlite3.Connection, kind: str = "") -> Iterator[Event]:
    """Events of a database in their order, all or those of a kind.

    Raises
    ------
    ValueError
        If one is damaged; those before were given.
    sqlite3.Error
        If the file cannot be read.
    """
    where, values = ("WHERE kind = ?", (kind,)) if kind else ("", ())
    for seq, name, payload, monotonic, wall, version, digest in database.execute(
        f"SELECT {_COLUMNS} FROM event {where} ORDER BY seq", values
    ):
        known = parse_json(payload) if isinstance(payload, str) else None
        texts = (name, wall, version, digest)
        if not isinstance(known, dict) or not isinstance(monotonic, int) or not all(isinstance(one, str) for one in texts):
            raise ValueError(f"event {seq} is damaged")
        yield Event(seq, name, known, monotonic, wall, version, digest)


def _plain(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as it will be read again: a copy, of JSON's own types.

    Raises
    ------
    StudyError
        If JSON has no word for it.
    """
    try:
        return dict(json.loads(canonical(dict(payload))))
    except ValueError as error:
        raise StudyError(f"This cannot be kept: {error}.") from None


def _row(event: Event) -> tuple[object, ...]:
    payload = canonical(dict(event.payload)).decode()
    return (event.seq, event.kind, payload, event.monotonic_ns, event.wall, event.version, event.digest)

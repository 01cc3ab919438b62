"""Arrays made of files and kept in a file that is mapped: each row is made once, and again only where its file changed.

What is made is noted beside the array while it is made, so that work which is stopped goes on where it was, and one bad
file costs nothing but its own row.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medgen.errors import MedGenError, WritingError
from napari_medgen.running.cluster import spread
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement, Shard, Spread, require_shared
from napari_medgen.running.stamps import fingerprint

Stamp = list[Any]

_ROWS = ".rows"  # folder of rows that workers made
_TOLD = 3  # failures that are said
_UNMADE = "not made yet"  # in the place of what a row's files are: also for rows of which nothing but a name is known


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows on disk.

    Attributes
    ----------
    array
        (N, ...) a memory-mapped file; rows that failed hold zeros.
    failed
        Why a row could not be made, by its number.
    contents
        Fingerprint of what the rows were made of: what is made of them depends on it.
    """

    array: NDArray[Any]
    failed: dict[int, str]
    contents: str


@dataclass(frozen=True)
class RowPlan:
    """What rows are made of.

    Attributes
    ----------
    how
        Everything besides the files that a row depends on, for JSON; another ``how`` makes all rows anew.
    stamps
        For each row a name and what changes when its files do (:func:`napari_medgen.running.stamps.file_stamp`).
    shape, dtype
        Of one row.
    items, make
        What each row is made of, and what makes it; called in several threads where ``threads`` is above one. For a cluster,
        pickle must be able to name them.
    tolerated
        Exceptions of ``make`` that cost the row alone; any other ends the work, and what is done stays.
    noted
        Rows between two notes of what is done: so many are made again after a kill.
    placement
        Where rows are made; workers write them beside the store, which they see.
    elsewhere
        What makes a row on a worker, where that is something else: entered when there is a row to make.
    """

    how: dict[str, Any]
    stamps: Sequence[Stamp]
    shape: tuple[int, ...]
    dtype: DTypeLike
    items: Sequence[Any]
    make: Callable[[Any], NDArray[Any]]
    tolerated: tuple[type[Exception], ...] = ()
    threads: int = 1
    noted: int = 64
    placement: Placement = field(default_factory=Placement)
    elsewhere: Callable[[], contextlib.AbstractContextManager[Callable[[Any], NDArray[Any]]]] | None = None


def fill_rows(store: Path, plan: RowPlan, message: Callable[[int], str]) -> Steps[Rows]:
    """Make the rows that are missing or whose files changed.

    Parameters
    ----------
    store
        ``.npy`` file; the note of what it holds lies beside it as ``.json``.
    message
        What a progress says of a row.

    Yields
    ------
    Progress
        A step a row that has to be made.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    stamps = [json.loads(json.dumps(stamp)) for stamp in plan.stamps]
    how = json.loads(json.dumps(plan.how))
    note = _Note(store.with_suffix(".json"))
    known = note.read(store, how)
    if not store.is_file() or [row.stamp[0] for row in known] != [stamp[0] for stamp in stamps]:
        known = _laid_out(store, note, how, known, stamps, plan)
    # What failed is tried again: a decoder may be there now.
    todo = [index for index, stamp in enumerate(stamps) if known[index].stamp != stamp or known[index].failure]
    if todo:
        array = np.lib.format.open_memmap(store, mode="r+")
        made = _made_here(plan, todo) if plan.placement.here else _made_elsewhere(plan, todo, store.parent)
        unsaid = 0
        try:
            with contextlib.closing(made):
                done = 0
                for row in made:
                    if isinstance(row, Progress):
                        yield Progress(done, len(todo), row.message)
                        continue
                    index, values, failure = row
                    done += 1
                    array[index] = 0 if values is None else values
                    known[index] = _Row(stamps[index], failure)
                    unsaid += 1
                    if unsaid >= plan.noted:
                        array.flush()
                        # Opened anew, or what was written of a file larger than the memory would stay in it.
                        array = np.lib.format.open_memmap(store, mode="r+")
                        note.write(how, known)
                        unsaid = 0
                    yield Progress(done, len(todo), message(index))
        finally:  # a kill, Ctrl-C or a bad file: what was made until then is kept
            array.flush()
            note.write(how, known)
        del array
    failed = {index: row.failure for index, row in enumerate(known) if row.failure}
    return Rows(np.load(store, mmap_mode="r"), failed, fingerprint([how, stamps]))


@dataclass(frozen=True)
class _Row:
    """What is known of a row: of which files it was made, and why it failed; None for a row that is still to be made."""

    stamp: Stamp
    failure: str | None = None


class _Note:
    """The file that says what a store holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, store: Path, how: dict[str, Any]) -> list[_Row]:
        """Rows of an earlier run, in its order; none where they were made in another way or the store is not whole."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            rows = [_Row(stamp, failure) for stamp, failure in content["rows"]]
            length = len(np.load(store, mmap_mode="r"))
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return []
        return rows if content.get("how") == how and length == len(rows) else []

    def write(self, how: dict[str, Any], rows: list[_Row]) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"how": how, "rows": [[row.stamp, row.failure] for row in rows]}), encoding="utf-8")
        os.replace(part, self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


Made = Generator[tuple[int, NDArray[Any] | None, str | None] | Progress, None, None]
"""Number of a row, the row, and why there is none; or what is waited for."""


def _made_here(plan: RowPlan, todo: Sequence[int]) -> Made:
    def make(index: int) -> tuple[NDArray[Any] | None, str | None]:
        try:
            return plan.make(plan.items[index]), None
        except plan.tolerated as error:
            return None, str(error)

    with ThreadPoolExecutor(plan.threads) as pool:
        for start in range(0, len(todo), plan.noted):
            chunk = todo[start : start + plan.noted]
            rows = pool.map(make, chunk) if plan.threads > 1 else map(make, chunk)
            for index, (values, failure) in zip(chunk, rows, strict=True):
                yield index, values, failure


def _made_elsewhere(plan: RowPlan, todo: Sequence[int], folder: Path) -> Made:
    """Rows that workers made; each comes as a file, and so much of one as its name through the scheduler."""
    made_in = (folder / _ROWS).resolve()
    shutil.rmtree(made_in, ignore_errors=True)  # of a run that was killed
    made_in.mkdir(parents=True)
    shards = [Shard(f"{plan.stamps[index][0]} ({index})", (index, plan.items[index])) for index in todo]
    came: list[tuple[int, str, str | None]] = []
    with contextlib.ExitStack() as at_last:
        at_last.callback(shutil.rmtree, made_in, ignore_errors=True)
        make = at_last.enter_context(plan.elsewhere()) if plan.elsewhere else plan.make
        writes = _RowWriter(make, made_in, plan.tolerated)
        steps = at_last.enter_context(
            contextlib.closing(spread(writes, shards, plan.placement, on_done=lambda name, row: came.append(row)))
        )
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                found: Spread[Any] = stop.value
                break
            if not came:
                yield progress
            while came:
                index, name, failure = came.pop()
                yield index, np.load(made_in / name) if name else None, failure
                if name:
                    (made_in / name).unlink()
    if found.failed:
        told = [f"{name.rpartition(' (')[0]}: {why}" for name, why in found.failed.items()]
        more = f" And {len(told) - _TOLD} more." if len(told) > _TOLD else ""
        raise MedGenError(f"{len(told)} of {len(todo)} failed; the others are kept. {' '.join(told[:_TOLD])}{more}")


@dataclass(frozen=True)
class _RowWriter:
    """Makes a row on a worker and writes it as a file of its own."""

    make: Callable[[Any], NDArray[Any]]
    folder: Path
    tolerated: tuple[type[Exception], ...]

    def __call__(self, asked: tuple[int, Any]) -> Steps[tuple[int, str, str | None]]:
        index, item = asked
        yield Progress(0, 1)
        require_shared(self.folder)  # gone, too, when the command that asked has ended
        try:
            values = self.make(item)
        except self.tolerated as error:
            return index, "", str(error)
        name = f"row-{index}-{secrets.token_hex(4)}.npy"
        try:
            np.save(self.folder / name, values)
        except OSError as error:
            (self.folder / name).unlink(missing_ok=True)
            raise WritingError(f"{self.folder / name} cannot be written: {error.strerror or error}.") from None
        return index, name, None


def _laid_out(
    store: Path, note: _Note, how: dict[str, Any], known: list[_Row], stamps: list[Stamp], plan: RowPlan
) -> list[_Row]:
    """A store for another list of files; rows that are in both are taken over."""
    part = store.with_suffix(".part.npy")
    array = np.lib.format.open_memmap(part, mode="w+", dtype=plan.dtype, shape=(len(stamps), *plan.shape))
    rows = [_Row([stamp[0], _UNMADE]) for stamp in stamps]
    old = np.load(store, mmap_mode="r") if known else None
    places = {json.dumps(row.stamp): index for index, row in enumerate(known)}
    for index, stamp in enumerate(stamps):
        place = places.get(json.dumps(stamp))
        if place is not None and old is not None:
            array[index] = old[place]
            rows[index] = known[place]
    array.flush()
    del array, old
    note.remove()
    os.replace(part, store)
    note.write(how, rows)
    return rows

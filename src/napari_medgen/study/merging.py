"""Readings of several places into one folder: done twice, the result is the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import write_all
from napari_medgen.study.anchor import Head, anchor_of
from napari_medgen.study.audit import look_through
from napari_medgen.study.events import Event
from napari_medgen.study.records import record_of
from napari_medgen.study.store import Store, require_no_journal, whole_copy
from napari_medgen.study.study import READINGS, Study


@dataclass(frozen=True)
class Merged:
    """What became of one store: ``new``, ``longer`` (it went on since), or ``known`` (nothing to do)."""

    reader: str
    what: str
    events: int


def merge(study: Study, sources: list[Path]) -> list[Merged]:
    """Take over the readings of other copies of a study.

    Of a reader whom both have, the store that goes on where the other ends is kept; two that part from each other are
    refused, for nobody can say which answers count.

    Parameters
    ----------
    sources
        Folders of the study, or of its readings, or stores.

    Raises
    ------
    StudyError
        If a store is damaged, another study's or nobody's, or two of one reader part: nothing was taken over then.
    """
    chosen: dict[str, tuple[Path, list[Event]]] = {}
    out: dict[str, Merged] = {}
    for path in [one for source in sources for one in _stores(source)]:
        reader, events = _read(path, study)
        own = study.store_of(reader)
        before = chosen[reader][1] if reader in chosen else _read(own, study)[1] if own.is_file() else []
        _require_one_story(reader, before, events)
        if len(events) > len(before):
            chosen[reader] = (path, events)
            was = out.get(reader)
            out[reader] = Merged(
                reader, "new" if (was is None and not before) or (was and was.what == "new") else "longer", len(events)
            )
        else:
            out.setdefault(reader, Merged(reader, "known", len(before)))
    contents: dict[Path, bytes] = {}
    for reader, (path, events) in chosen.items():
        own = study.store_of(reader)
        contents[own] = whole_copy(path)
        contents[anchor_of(own)] = f"{Head(events[-1].seq, events[-1].digest).line}\n".encode()
    for reader in chosen:
        require_no_journal(study.store_of(reader))
        if (own := study.store_of(reader)).is_file():
            Store(own).close()  # no window has it open, and no journal is left beside it
    write_all(contents, StudyError)
    return [out[reader] for reader in sorted(out)]


def _stores(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    folder = source / READINGS if (source / READINGS).is_dir() else source
    found = sorted(path for path in folder.glob("*.sqlite") if not path.name.startswith("."))
    if not found:
        raise StudyError(f"{source} holds no readings.")
    return found


def _read(path: Path, study: Study) -> tuple[str, list[Event]]:
    audit, events = look_through(path)
    if audit.faults:
        raise StudyError(f"{path} is not whole: {audit.faults[0]}; nothing was taken over.")
    record = record_of(audit, events)
    if record.study != study.protocol.study:
        raise StudyError(f"{path} holds readings of the study {record.study}, not of {study.protocol.study}.")
    if record.reader not in study.codes:
        raise StudyError(f"{path} holds readings of {record.reader}, whom the protocol does not have.")
    return record.reader, events


def _require_one_story(reader: str, one: list[Event], other: list[Event]) -> None:
    for first, second in zip(one, other, strict=False):
        if first.digest != second.digest:
            raise StudyError(
                f"There are two stores of {reader} that part at event {first.seq}: the reader read in two places. "
                "Nothing was taken over; keep one of them."
            )

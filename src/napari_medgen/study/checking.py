"""All that can be wrong with a study, before it is read and after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from napari_medgen.errors import StudyError
from napari_medgen.study.anchor import Head, read_anchor, read_head
from napari_medgen.study.audit import look_through
from napari_medgen.study.leaks import find_leaks
from napari_medgen.study.records import Record, record_of
from napari_medgen.study.status import unanswered
from napari_medgen.study.study import READINGS, Study
from napari_medgen.study.unblinding import read_unblinded, require_as_opened


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    kind
        ``fault``: something is lost, was changed or cannot work; ``leak``: something tells what must stay hidden;
        ``remark``: worth knowing.
    text
        A sentence.
    """

    kind: Literal["fault", "leak", "remark"]
    text: str


def check_study(study: Study, known: Mapping[str, Head] | None = None) -> list[Finding]:
    """Look a study through: its files, its blind, and every reader's store.

    Parameters
    ----------
    known
        Heads that somebody kept elsewhere, by reader.
    """
    found: list[Finding] = []

    def fault(text: str) -> None:
        found.append(Finding("fault", text))

    if not study.protocol.cases:
        fault("The study has no case yet; napari-medgen study import-cases adds some.")
    for missing in study.missing_files():
        fault(f"{missing} is not here.")
    key = None
    try:
        key = study.key()
    except StudyError as error:
        fault(str(error))
    if key is None and not study.key_file.is_file() and study.protocol.truth_checksum:
        found.append(Finding("remark", f"{study.key_file.name} is not here, so that leaks cannot be looked for."))
    found += [Finding("leak", f"{text[:1].upper()}{text[1:]}.") for text in find_leaks(study.folder, study.protocol, key)]
    found += [Finding("fault", text) for text in _exchanged(study)]
    opened = read_unblinded(study)
    if opened is not None:
        try:
            require_as_opened(study, opened)
        except StudyError as error:
            fault(str(error))
    for code in study.codes:
        store, head = study.store_of(code), (known or {}).get(code)
        if not store.is_file():
            if (left := read_anchor(store)) is not None and left.seq > 1:
                fault(f"{code}: {store.name} is gone, and {left.seq} events were kept in it.")
            continue
        then = read_head(opened.heads.get(code, "")) if opened is not None else None
        try:
            audit, events = look_through(store, head or then)
        except StudyError as error:
            fault(str(error))
            continue
        found += [Finding("fault", f"{code}: {one}.") for one in audit.faults]
        found += [Finding("remark", f"{code}: {one}.") for one in audit.remarks]
        record = record_of(audit, events)
        found += [Finding("fault", f"{code}: {one}.") for one in _contradictions(study, code, record)]
        if opened is not None and audit.head is not None and audit.head.line != opened.heads.get(code):
            found.append(Finding("remark", f"{code}: something was added after the blind was opened on {opened.at[:10]}."))
    strangers = sorted(path.stem for path in (study.folder / READINGS).glob("*.sqlite") if path.stem not in study.codes)
    for name in strangers:
        if not name.startswith(".new-"):
            fault(f"{READINGS}/{name}.sqlite is of nobody whom the protocol has.")
    return found


def _exchanged(study: Study) -> list[str]:
    """Files that are others than when the protocol was made."""
    out = []
    for name, checksum in study.protocol.checksums.items():
        path = study.folder / name
        try:
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                out.append(f"{name} was changed since it came into the study.")
        except OSError as error:
            out.append(f"{name} cannot be read: {error.strerror}.")
    return out


def _contradictions(study: Study, code: str, record: Record) -> list[str]:
    """What a whole chain says that the program itself never writes: a sign that another program wrote it."""
    out = []
    if record.reader != code or record.study != study.protocol.study:
        out.append(f"the store says that it is of {record.reader or 'nobody'} in {record.study or 'no study'}")
    if record.version > study.protocol.version:
        out.append(
            f"it was read under version {record.version} of the protocol, and here is version {study.protocol.version}"
        )
    out += record.oddities
    if record.protocol != study.protocol.checksum and record.version == study.protocol.version:
        out.append(f"it was read under another protocol of version {record.version} than the one that is here")
    trials = [trial.id for trial in record.trials]
    if len(set(trials)) < len(trials):
        out.append("its order holds one showing twice")
    known, questions = set(trials), {question.id: question for question in study.protocol.questions}
    for one in record.given:
        if one.trial not in known:
            out.append(f"an answer was given to {one.trial}, which was never to be shown")
        elif one.question in questions and one.value is not None:
            try:
                questions[one.question].check(one.value)
            except StudyError as error:
                out.append(str(error).rstrip("."))
    closed = [trial.id for trial in record.counted if trial.id in record.closed and trial.id not in record.expired]
    left = [(trial, unanswered(study.protocol, record, trial)) for trial in closed]
    return out + [f"{trial} was closed without an answer to {missing[0][0]}" for trial, missing in left if missing]

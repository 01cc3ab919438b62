"""Readings as tables that any program reads: one row an answer, and one row a case that was shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import harmless, text_bytes, write_all
from napari_medgen.study.key import Key
from napari_medgen.study.order import Trial
from napari_medgen.study.protocol import Protocol
from napari_medgen.study.questions import YesNo
from napari_medgen.study.records import Record, read_record
from napari_medgen.study.study import Study
from napari_medgen.study.unblinding import read_unblinded, require_as_opened

ANSWERS = {
    "reader": "code of the reader",
    "experience_years": "of the reader; empty where it is not recorded",
    "trial": "name of the showing; says nothing of what was shown",
    "position": "number of the showing in this reader's order, from 1; empty for training",
    "session": "sitting, from 1",
    "training": "1 for a training case, which counts in nothing",
    "part": "first, or aided: after the first answer was locked and the aid was shown",
    "question": "name of the question",
    "answer": "the option's words, yes or no, a number, a text, places as JSON; empty where an answer was taken back",
    "option": "number of the option in its order, from 1; 1 and 0 for yes and no; empty for other kinds",
    "confidence": "how sure, where it was asked",
    "number": "which version of this answer it is, from 1",
    "final": "1 for the last version",
    "asked": "1 where the last answers still ask for it; 0 where its condition no longer holds",
    "seconds": "how long the case had been seen when it was given, pauses not counted",
    "given_at": "date and time (ISO 8601, UTC)",
    "protocol_version": "version of the protocol under which it was given",
}
TRIALS = {
    "reader": "code of the reader",
    "trial": "name of the showing",
    "position": "number of the showing in this reader's order, from 1; empty for training",
    "session": "sitting, from 1",
    "training": "1 for a training case",
    "closed": "1 where the reader has closed it",
    "closed_at": "date and time (ISO 8601, UTC)",
    "seconds": "how long it was seen, pauses not counted",
    "expired": "1 where its time was over",
    "passed": "why it was left, where it could not be shown",
    "comment": "the reader's remark",
}
OPENED = {
    "case": "the protocol's name of the case",
    "group": "of the case",
    "arm": "how it was shown",
    "arm_is": "what the arm is, by the key",
    "repeat": "1 where it was shown for the second time",
    "source": "where the image comes from, by the key",
    "truth": "the right answer, by the key; empty where nobody knows it",
}


def export(study: Study, out: Path) -> list[Path]:
    """Write ``answers.csv``, ``trials.csv`` and ``dictionary.csv``.

    Cases, arms, repeats and truth are in them only once the study was unblinded.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    StudyError
        If nobody has begun, a store is damaged, or the files cannot be written.
    """
    if not study.begun:
        raise StudyError("Nobody has begun yet: there is nothing to export.")
    records = [read_record(study.store_of(code)) for code in study.begun]
    for record in records:
        if record.audit.faults:
            raise StudyError(f"The store of {record.reader} is not whole: {record.audit.faults[0]}; study check says more.")
    key = None
    if (made := read_unblinded(study)) is not None:
        require_as_opened(study, made)
        key = study.key()
        if key is None:
            raise StudyError(f"{study.key_file.name} is not here; a study that was unblinded is exported where it is.")
    opened = dict(OPENED) if key is not None else {}
    of_trials = {name: what for name, what in opened.items() if name != "truth"}
    answers = [row for record in records for row in _answers(study.protocol, record, key)]
    trials = [row for record in records for row in _trials(study.protocol, record, key)]
    dictionary = [
        {"table": table, "column": name, "meaning": what}
        for table, columns in (("answers", ANSWERS | opened), ("trials", TRIALS | of_trials))
        for name, what in columns.items()
    ]
    tables = {
        "answers.csv": _csv([*ANSWERS, *opened], answers),
        "trials.csv": _csv([*TRIALS, *of_trials], trials),
        "dictionary.csv": _csv(["table", "column", "meaning"], dictionary),
    }
    return write_all({out / name: content for name, content in tables.items()}, StudyError)


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: harmless(row.get(name, "")) for name in columns} for row in rows)
    return text_bytes(text.getvalue())


def _answers(protocol: Protocol, record: Record, key: Key | None) -> Iterable[dict[str, Any]]:
    questions = {question.id: question for question in protocol.questions}
    trials = {trial.id: trial for trial in record.trials}
    asked = _asked(protocol, record)
    years = {reader.code: reader.experience_years for reader in protocol.readers}.get(record.reader)
    for one in record.given:
        trial, question = trials[one.trial], questions.get(one.question)
        answer: Any = "" if one.value is None else one.value
        option: int | str = ""
        confidence: int | str = ""
        if isinstance(answer, dict) and "yes" in answer:
            confidence, option, answer = answer.get("confidence", ""), int(answer["yes"]), "yes" if answer["yes"] else "no"
        elif isinstance(answer, (list, dict)):
            answer = json.dumps(answer)
        options: Sequence[str] = getattr(question, "options", ())
        if answer in options:
            option = options.index(answer) + 1
        row = _of_trial(record, trial) | {
            "experience_years": "" if years is None else years,
            "part": one.part,
            "question": one.question,
            "answer": answer,
            "option": option,
            "confidence": confidence,
            "number": one.number,
            "final": int(one.final),
            "asked": int(one.question in asked.get((one.trial, one.part), ())),
            "seconds": one.seconds,
            "given_at": one.at.isoformat(timespec="milliseconds"),
            "protocol_version": one.version,
        }
        if key is not None:
            right = key.truth(trial.case, one.question)
            said = ("yes" if right else "no") if isinstance(question, YesNo) and right is not None else right
            row |= _opened(protocol, trial, key) | {"truth": "" if said is None else said}
        yield row


def _asked(protocol: Protocol, record: Record) -> dict[tuple[str, str], set[str]]:
    """The questions that the last answers ask for, by trial and part."""
    cases = {case.id: case for case in protocol.cases}
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    for one in record.given:
        if one.final and one.value is not None:
            answers.setdefault((one.trial, one.part), {})[one.question] = one.value
    case_of = {trial.id: cases.get(trial.case) for trial in record.trials}
    return {
        (trial, part): {question.id for question in protocol.questions_of(case, given)}
        for (trial, part), given in answers.items()
        if (case := case_of.get(trial)) is not None
    }


def _trials(protocol: Protocol, record: Record, key: Key | None) -> Iterable[dict[str, Any]]:
    for trial in record.trials:
        closed = record.closed.get(trial.id)
        row = _of_trial(record, trial) | {
            "closed": int(closed is not None),
            "closed_at": closed.isoformat(timespec="milliseconds") if closed is not None else "",
            "seconds": record.seconds.get(trial.id, ""),
            "expired": int(trial.id in record.expired),
            "passed": record.passed.get(trial.id, ""),
            "comment": record.comments.get(trial.id, ""),
        }
        yield row | (_opened(protocol, trial, key) if key is not None else {})


def _of_trial(record: Record, trial: Trial) -> dict[str, Any]:
    return {
        "reader": record.reader,
        "trial": trial.id,
        "position": "" if trial.training else record.counted.index(trial) + 1,
        "session": trial.session + 1,
        "training": int(trial.training),
    }


def _opened(protocol: Protocol, trial: Trial, key: Key) -> dict[str, Any]:
    groups = {case.id: case.group for case in protocol.cases}
    known = key.cases.get(trial.case)
    return {
        "case": trial.case,
        "group": groups.get(trial.case, ""),
        "arm": trial.arm,
        "arm_is": key.arms.get(trial.arm, ""),
        "repeat": trial.repeat,
        "source": known.source if known is not None else "",
    }

"""Readings of a study's stores, once its blind is open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from napari_medgen.errors import StudyError
from napari_medgen.study.analysis.readings import ANSWERED, Item, Reading, Readings
from napari_medgen.study.key import Key
from napari_medgen.study.order import Trial
from napari_medgen.study.protocol import Protocol
from napari_medgen.study.questions import Choice, Likert, Number, Question, YesNo
from napari_medgen.study.records import Record, read_record
from napari_medgen.study.study import Study
from napari_medgen.study.unblinding import Unblinded, read_unblinded, require_as_opened

_PARTS = ("first", "aided")


@dataclass(frozen=True)
class Opened:
    """A study whose blind is open: what it takes to analyse it."""

    study: Study
    made: Unblinded
    key: Key
    records: tuple[Record, ...]


def opened(study: Study) -> Opened:
    """What an analysis reads.

    Raises
    ------
    StudyError
        If the blind is closed, a store is damaged, or what was opened was changed since.
    """
    made = read_unblinded(study)
    if made is None:
        raise StudyError(
            "The blind of this study is closed: napari-medgen study unblind opens it when all readers are done."
        )
    require_as_opened(study, made)
    key = study.key()
    if key is None:
        raise StudyError(f"{study.key_file.name} is not here; a study that was unblinded is analysed where it is.")
    records = tuple(read_record(study.store_of(code)) for code in study.begun)
    for record in records:
        if record.audit.faults:
            raise StudyError(f"The store of {record.reader} is not whole: {record.audit.faults[0]}; study check says more.")
        if record.audit.head is not None and made.heads.get(record.reader) not in (None, record.audit.head.line):
            raise StudyError(f"The store of {record.reader} is not as it was when the blind was opened on {made.at[:10]}.")
    return Opened(study, made, key, records)


def readings_of(found: Opened, patients: dict[str, str] | None = None) -> Readings:
    """All readings, training left out.

    Parameters
    ----------
    patients
        Patient of each case, by the protocol's name of the case; each another's by default.
    """
    protocol, key = found.study.protocol, found.key
    items = items_of(protocol)
    arms, parts = protocol.order.arms, _PARTS if protocol.paired is not None else ("first",)
    conditions = tuple(_condition(arm, part, protocol) for arm in arms or ("",) for part in parts)
    readings = tuple(one for record in found.records for one in _of_record(protocol, record))
    by_question = {question.id: question for question in protocol.questions}
    truth = {
        (case, name): coded
        for case, known in key.cases.items()
        for name, value in known.truth.items()
        if math.isfinite(coded := _coded(by_question[name], {"yes": value} if isinstance(value, bool) else value))
    }
    return Readings(
        title=protocol.title,
        source=f"study {protocol.study}, version {protocol.version} of its protocol ({protocol.checksum[:12]})",
        items=items,
        conditions=conditions,
        readings=readings,
        truth=truth,
        patients=patients or {},
        experience={one.code: one.experience_years for one in protocol.readers if one.experience_years is not None},
        labels=_labels(protocol, key),
        facts=_facts(found),
        aided={_condition(arm, "aided", protocol): _condition(arm, "first", protocol) for arm in arms or ("",)}
        if protocol.paired is not None
        else {},
    )


def items_of(protocol: Protocol) -> tuple[Item, ...]:
    """The questions whose answers are figures; places and texts are none."""
    return tuple(one for one in (_item(question) for question in protocol.questions) if one is not None)


def _condition(arm: str, part: str, protocol: Protocol) -> str:
    paired = protocol.paired is not None
    said = {"first": "alone", "aided": "aided"}[part] if paired else ""
    return ", ".join(one for one in (arm, said) if one)


def _labels(protocol: Protocol, key: Key) -> dict[str, str]:
    """What arms are, now that the blind is open; an arm that the key does not know keeps its letter."""
    out = {}
    for arm in protocol.order.arms or ("",):
        for part in _PARTS:
            said = key.arms.get(arm, arm)
            name = _condition(arm, part, protocol)
            shown = {"first": "alone", "aided": "aided"}[part] if protocol.paired is not None else ""
            out[name] = ", ".join(one for one in (said, shown) if one)
    return out


def _item(question: Question) -> Item | None:
    optional = not question.required or question.when is not None or bool(question.groups)
    if isinstance(question, YesNo):
        return Item(question.id, question.text, "yes_no", ("no", "yes"), question.confidence, optional=optional)
    if isinstance(question, Likert):
        return Item(question.id, question.text, "rating", question.options, optional=optional)
    if isinstance(question, Choice):
        return Item(question.id, question.text, "choice", question.options, optional=optional)
    if isinstance(question, Number):
        return Item(question.id, question.text, "number", unit=question.unit, optional=optional)
    return None


def _coded(question: Question, value: Any) -> float:
    if isinstance(question, YesNo) and isinstance(value, dict):
        return float(value["yes"])
    if isinstance(question, (Likert, Choice)) and value in question.options:
        return float(question.options.index(value) + 1)
    if isinstance(question, Number) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return math.nan


def _of_record(protocol: Protocol, record: Record) -> Iterable[Reading]:
    last = {(one.trial, one.question, one.part): one for one in record.given if one.final}
    given_in: dict[tuple[str, str], dict[str, Any]] = {}
    for (trial_id, question_id, part), one in last.items():
        given_in.setdefault((trial_id, part), {})[question_id] = one.value
    cases = {case.id: case for case in protocol.cases}
    for trial in record.counted:
        case = cases.get(trial.case)
        if case is None:
            continue
        for part in _PARTS if protocol.paired is not None else ("first",):
            given = given_in.get((trial.id, part), {})
            asked = {one.id for one in protocol.questions_of(case, {q: v for q, v in given.items() if v is not None})}
            for question in protocol.questions:
                if question.id not in asked or _item(question) is None:
                    continue
                if part == "aided" and protocol.paired is not None and question.id not in protocol.paired.questions:
                    continue
                found = last.get((trial.id, question.id, part))
                status = _status(record, trial, given.get(question.id), taken_back=found is not None)
                if status == "left open" and not question.required:
                    continue
                value = found.value if found is not None else None
                sure = value.get("confidence", math.nan) if isinstance(value, dict) else math.nan
                seconds = record.seconds.get(trial.id, math.nan)
                if found is not None and status == ANSWERED:
                    seconds = found.seconds
                yield Reading(
                    record.reader,
                    trial.case,
                    _condition(trial.arm, part, protocol),
                    question.id,
                    _coded(question, value) if status == ANSWERED else math.nan,
                    float(sure) if status == ANSWERED else math.nan,
                    status,
                    float(seconds),
                    trial.id in record.expired,
                    trial.repeat,
                )


def _status(record: Record, trial: Trial, value: Any, *, taken_back: bool) -> str:
    if value is not None:
        return ANSWERED
    if trial.id in record.passed:
        return "could not be shown"
    if trial.id in record.expired:
        return "time over"
    if trial.id not in record.closed:
        return "not reached"
    return "taken back" if taken_back else "left open"


def _facts(found: Opened) -> dict[str, str]:
    """What a methods paragraph and checklists say of the study."""
    protocol, made = found.study.protocol, found.made
    begun = [record.begun for record in found.records if record.begun is not None]
    ended = [record.last for record in found.records if record.last is not None]
    own = protocol.order
    timing = protocol.timing
    training = sum(case.training for case in protocol.cases)
    order = {
        "random": "an order of their own, drawn at random",
        "fixed": "the order of the protocol",
        "blocked": "blocks by group",
    }
    facts = {
        "protocol": f"{protocol.study}, version {protocol.version}, SHA-256 {protocol.checksum}",
        "registered readers": ", ".join(found.study.codes),
        "readers given up": ", ".join(made.without),
        "read from": min(begun).date().isoformat() if begun else "",
        "read until": max(ended).date().isoformat() if ended else "",
        "unblinded": made.at,
        "order": f"{order[own.kind]} (seed {protocol.seed})",
        "blinding": "readers were not told what each image was" if protocol.blinding.mark else protocol.blinding.why_not,
        "design": {"within": "every reader read every arm", "between": "each reader read one arm", "crossover": "crossover"}[
            own.design
        ]
        if own.arms
        else "",
        "wash-out": f"{own.washout_days} days" if own.washout_days else "",
        "aid": f"after the first answer was locked, {protocol.paired.shows} was shown and asked again"
        if protocol.paired
        else "",
        "repeats": f"{own.repeats} cases were shown again, at least {own.distance} cases later" if own.repeats else "",
        "time limit": f"{timing.limit_seconds:g} seconds a case" if timing.limit_seconds else "none",
        "training": f"{training} training cases with feedback" if training else "none",
        "changes of answers": "readers could go back and change answers"
        if protocol.navigation.change
        else "answers were final",
        "instructions": " ".join(protocol.instructions.split()),
        "audit": "every answer lies in a chain of hashes, whole in every store",
    }
    return {name: text for name, text in facts.items() if text}

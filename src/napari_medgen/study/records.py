"""What a reader's store says, read from a copy: trials, every version of every answer, and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_medgen.study.audit import Audit, look_through
from napari_medgen.study.events import Event
from napari_medgen.study.order import Trial


@dataclass(frozen=True)
class Given:
    """One version of one answer.

    Attributes
    ----------
    trial, question, part, value
        What was answered where: ``part`` is ``first`` or ``aided``.
    seconds
        How long the case had been seen then, pauses not counted.
    at
        Date and time.
    version
        Of the protocol.
    number
        Which version of this answer it is, from 1.
    final
        Whether it is the last.
    """

    trial: str
    question: str
    part: str
    value: Any
    seconds: float
    at: datetime
    version: int
    number: int = 1
    final: bool = True


@dataclass
class Record:
    """What is known of a reader.

    Attributes
    ----------
    reader, study
        Whose, and of which study.
    trials
        In their order.
    given
        Answers in the order in which they were given.
    closed
        When each trial was closed, by its name.
    seconds
        How long each trial was seen, by its name.
    expired
        Trials whose time was over.
    comments
        By trial.
    begun, last
        Date and time of the first and the last event.
    version, protocol
        Version and checksum of the protocol under which it was read last.
    under
        The version under which each trial was closed.
    passed
        Why trials were left that could not be shown.
    oddities
        Events that this program does not write so.
    audit
        Whether the store is whole.
    """

    reader: str
    study: str
    audit: Audit
    trials: list[Trial] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    closed: dict[str, datetime] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    comments: dict[str, str] = field(default_factory=dict)
    begun: datetime | None = None
    last: datetime | None = None
    version: int = 1
    protocol: str = ""
    under: dict[str, int] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    oddities: list[str] = field(default_factory=list)

    @property
    def counted(self) -> list[Trial]:
        """Trials that are none of training."""
        return [trial for trial in self.trials if not trial.training]

    @property
    def done(self) -> bool:
        """Whether all trials are closed."""
        return bool(self.trials) and all(trial.id in self.closed for trial in self.counted)


def read_record(path: Path) -> Record:
    """The record of a store; as much of it as can be read.

    Raises
    ------
    StudyError
        If there is no such file, or it is no store.
    """
    audit, events = look_through(path)
    return record_of(audit, events)


def record_of(audit: Audit, events: Sequence[Event]) -> Record:
    """The record that events make."""
    record = Record("", "", audit)
    for event in events:
        try:
            _follow(record, event)
        except (KeyError, TypeError, ValueError) as error:
            record.oddities.append(f"event {event.seq} ({event.kind}) is not as this program writes it: {error!r}")
    last: dict[tuple[str, str, str], int] = {}
    for index, one in enumerate(record.given):
        before = last.get((one.trial, one.question, one.part))
        if before is not None:
            record.given[before] = replace(record.given[before], final=False)
            record.given[index] = replace(record.given[index], number=record.given[before].number + 1)
        last[(one.trial, one.question, one.part)] = index
    return record


def _follow(record: Record, event: Event) -> None:
    own, at = event.payload, datetime.fromisoformat(event.wall)
    record.begun, record.last = record.begun or at, at
    trial = str(own.get("trial", ""))
    if trial and "seconds" in own and trial not in record.closed:
        record.seconds[trial] = float(own["seconds"])
    if event.kind == "created":
        record.reader, record.study = str(own["reader"]), str(own["study"])
    if event.kind in ("created", "protocol"):
        record.version, record.protocol = int(own["version"]), str(own["protocol"])
    elif event.kind == "order":
        record.trials += [Trial(**one) for one in own["trials"]]
    elif event.kind == "answer":
        seconds = float(own.get("seconds", 0.0))
        record.given.append(Given(trial, own["question"], own["part"], own["value"], seconds, at, record.version))
    elif event.kind in ("closed", "passed"):
        record.closed.setdefault(trial, at)
        record.under[trial] = record.version
        if event.kind == "passed":
            record.passed[trial] = str(own["why"])
    elif event.kind == "expired":
        record.expired.add(trial)
    elif event.kind == "comment":
        record.comments[trial] = str(own["text"])

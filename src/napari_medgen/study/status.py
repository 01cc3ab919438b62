"""Where every reader is, for whoever runs a study: nothing of it opens the blind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Literal

from napari_medgen.errors import StudyError
from napari_medgen.study.protocol import Protocol
from napari_medgen.study.records import Record, read_record
from napari_medgen.study.study import Study

COLUMNS = ("Reader", "State", "Cases", "Today", "7 days", "Median", "Missing", "Last answer", "Store")
State = Literal["not begun", "reading", "done"]


@dataclass(frozen=True)
class ReaderStatus:
    """Where a reader is.

    Attributes
    ----------
    reader, state
        Who, and whether they have begun or are done.
    done, total
        Cases that are read, and all; of one who has not begun, as many as the protocol has.
    a_day
        Answers given on each day, earliest first.
    seconds
        Median time for a case; None before the first.
    missing
        Answers that cases were closed without, because their time was over.
    last
        Date and time of the last event.
    faults
        What is wrong with the store.
    """

    reader: str
    state: State
    done: int
    total: int
    a_day: tuple[tuple[date, int], ...] = ()
    seconds: float | None = None
    missing: int = 0
    last: datetime | None = None
    faults: tuple[str, ...] = ()

    def cells(self, today: date) -> tuple[str, ...]:
        """It in words, in the order of ``COLUMNS``."""
        week = sum(count for day, count in self.a_day if today - timedelta(days=7) < day <= today)
        return (
            self.reader,
            self.state,
            f"{self.done} of {self.total}",
            str(dict(self.a_day).get(today, 0)),
            str(week),
            f"{self.seconds:.0f} s" if self.seconds is not None else "",
            str(self.missing) if self.last else "",
            self.last.astimezone().strftime("%d %b %H:%M") if self.last else "",
            "damaged" if self.faults else "whole" if self.last else "",
        )


def status_of(study: Study) -> tuple[ReaderStatus, ...]:
    """Where all readers of a study are, from copies of their stores, so that open windows are not disturbed."""
    return tuple(_status(study, code) for code in study.codes)


def _status(study: Study, code: str) -> ReaderStatus:
    path = study.store_of(code)
    if not path.is_file():
        return ReaderStatus(code, "not begun", 0, sum(not case.training for case in study.protocol.cases))
    try:
        record = read_record(path)
    except StudyError as error:
        return ReaderStatus(code, "reading", 0, 0, faults=(str(error).rstrip("."),))
    counted = record.counted
    times = [record.seconds[trial.id] for trial in counted if trial.id in record.closed and trial.id in record.seconds]
    days = Counter(one.at.astimezone().date() for one in record.given)
    return ReaderStatus(
        reader=code,
        state="done" if is_done(study.protocol, record) else "reading",
        done=sum(trial.id in record.closed for trial in counted),
        total=len(counted) + len(_not_drawn(study.protocol, record)),
        a_day=tuple(sorted(days.items())),
        seconds=median(times) if times else None,
        missing=sum(len(unanswered(study.protocol, record, trial.id)) for trial in counted if trial.id in record.closed),
        last=record.last,
        faults=(*record.audit.faults, *record.oddities),
    )


def _not_drawn(protocol: Protocol, record: Record) -> set[str]:
    """Cases that came to the protocol since the reader last opened the study."""
    return {case.id for case in protocol.cases if not case.training} - {trial.case for trial in record.trials}


def is_done(protocol: Protocol, record: Record) -> bool:
    """Whether a reader has read all cases that the protocol has now."""
    return record.done and not _not_drawn(protocol, record)


def unanswered(protocol: Protocol, record: Record, trial: str) -> list[tuple[str, str]]:
    """Questions of a trial that had to be answered and were not, with their part.

    Of one that was closed under another version of the protocol, or could not be shown, nobody can say.
    """
    if record.under.get(trial, protocol.version) != protocol.version or trial in record.passed:
        return []
    case = next((one for one in protocol.cases for own in record.trials if own.id == trial and own.case == one.id), None)
    if case is None:
        return []
    out = []
    for part in ("first", "aided") if protocol.paired is not None else ("first",):
        answers = {
            one.question: one.value
            for one in record.given
            if (one.trial, one.part, one.final) == (trial, part, True) and one.value is not None
        }
        asked = protocol.questions_of(case, answers)
        wanted = protocol.paired.questions if protocol.paired is not None and part == "aided" else [one.id for one in asked]
        out += [(one.id, part) for one in asked if one.required and one.id in wanted and one.id not in answers]
    return out

"""Readings as an analysis needs them, wherever they come from: who said what of which case, and what is missing and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["yes_no", "rating", "choice", "number", "score"]
ANSWERED = "answered"
MISSING = (
    "time over",
    "could not be shown",
    "taken back",
    "left open",
    "not reached",
    "not in the table",
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Item:
    """A question.

    Attributes
    ----------
    id, text, kind
        ``yes_no``, ``rating`` (ordered options), ``choice`` (options without an order), ``number``, or ``score`` (a number
        that is higher for more certainly positive).
    options
        Words of a rating or a choice, in their order; the values are their numbers from 1.
    levels
        How many levels of confidence a yes or no has; 0 where none was asked.
    unit
        Of a number.
    optional
        Whether a case may be left without an answer, or is asked only under a condition.
    """

    id: str
    text: str
    kind: Kind
    options: tuple[str, ...] = ()
    levels: int = 0
    unit: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Reading:
    """One answer, or why there is none.

    Attributes
    ----------
    reader, case, condition, item
        ``condition`` is what is compared: an arm, alone or aided, a modality; empty where nothing is.
    value
        1 and 0 for yes and no, the option's number from 1, or the number; NaN where there is none.
    confidence
        From 1; NaN where none was asked or given.
    status
        ``answered``, or one of ``MISSING``.
    seconds
        How long the case was seen until then; NaN where it is not recorded.
    cut
        Whether the time limit ended it.
    repeat
        0 for the first showing, 1 and more for repeats.
    """

    reader: str
    case: str
    condition: str
    item: str
    value: float
    confidence: float = math.nan
    status: str = ANSWERED
    seconds: float = math.nan
    cut: bool = False
    repeat: int = 0

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.status == ANSWERED


@dataclass(frozen=True)
class Readings:
    """All readings of a study.

    Attributes
    ----------
    title, source
        What the study is called, and where the readings come from.
    items, conditions
        Questions, and conditions in their order.
    readings
        In any order.
    truth
        Right answers by case and item, coded as values are.
    patients
        By case; a case that is not in it is a patient of its own.
    experience
        Years by reader, where they are recorded.
    labels
        What conditions are called.
    facts
        What else the report says of the study: design, dates, versions.
    aided
        For a condition that is shown after another one of the same showing was answered, that other: its times have
        those in them.
    """

    title: str
    source: str
    items: tuple[Item, ...]
    conditions: tuple[str, ...]
    readings: tuple[Reading, ...]
    truth: dict[tuple[str, str], float] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    experience: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    aided: dict[str, str] = field(default_factory=dict)

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(dict.fromkeys(one.reader for one in self.readings))

    @cached_property
    def cases(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(dict.fromkeys(one.case for one in self.readings))

    def item(self, name: str) -> Item:
        """A question by its name."""
        return next(one for one in self.items if one.id == name)

    def label(self, condition: str) -> str:
        """What a condition is called."""
        return self.labels.get(condition, condition)

    def of(self, item: str) -> tuple[Reading, ...]:
        """Readings of a question, answered or not."""
        return tuple(one for one in self.readings if one.item == item)

    def missing(self, item: str) -> dict[str, int]:
        """How many answers are missing, by kind; kinds of which none is are left out."""
        counts = Counter(one.status for one in self.of(item) if not one.answered)
        return {kind: counts[kind] for kind in MISSING if counts[kind]}

    def has_truth(self, item: str) -> bool:
        """Whether the right answer of any case is known."""
        return any(name == item for _, name in self.truth)

    def only(self, reader: str) -> Readings:
        """Those of one reader."""
        return replace(self, readings=tuple(one for one in self.readings if one.reader == reader))


@dataclass(frozen=True, eq=False)
class Grid:
    """Answers to one question as a table.

    Attributes
    ----------
    item
        The question.
    conditions, readers, cases
        Names of its axes.
    values, confidence
        (conditions, readers, cases); NaN where there is no answer. First showings only.
    truth
        (cases,); NaN where it is not known.
    patients
        (cases,) number of the patient; None where each case is another's.
    dropped
        What was left out, in sentences.
    """

    item: Item
    conditions: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    values: Floats
    confidence: Floats
    truth: Floats
    patients: NDArray[np.intp] | None
    dropped: tuple[str, ...] = ()

    @property
    def positive(self) -> NDArray[np.bool_]:
        """(cases,) whether the right answer is yes."""
        return np.asarray(self.truth == 1)

    @property
    def scores(self) -> Floats:
        """Answers as a score that is higher for more certainly positive: of a yes or no, signed by its confidence."""
        if self.item.kind != "yes_no" or not self.item.levels:
            return self.values
        return np.where(self.values == 1, self.confidence, np.where(self.values == 0, -self.confidence, np.nan))

    def take(
        self,
        *,
        conditions: Sequence[int] | None = None,
        readers: Sequence[int] | None = None,
        cases: NDArray[np.bool_] | None = None,
        why: Iterable[str] = (),
    ) -> Grid:
        """A part of it, with what is said of the rest."""
        t = list(range(len(self.conditions))) if conditions is None else list(conditions)
        r = list(range(len(self.readers))) if readers is None else list(readers)
        c = np.flatnonzero(np.ones(len(self.cases), bool) if cases is None else cases)
        pick = np.ix_(np.array(t, np.intp), np.array(r, np.intp), c)
        return Grid(
            self.item,
            tuple(self.conditions[i] for i in t),
            tuple(self.readers[i] for i in r),
            tuple(self.cases[i] for i in c),
            self.values[pick],
            self.confidence[pick],
            self.truth[c],
            None if self.patients is None else self.patients[c],
            (*self.dropped, *why),
        )

    def with_truth(self) -> Grid:
        """The cases whose right answer is known."""
        known = np.isfinite(self.truth)
        lost = [name for name, one in zip(self.cases, known, strict=True) if not one]
        why = (f"The right answer of {_named(lost, 'case', capital=False)} is not known: left out.",) if lost else ()
        return self.take(cases=known, why=why)

    def complete(self) -> Grid:
        """What every reader has answered under every condition, as most methods want it.

        Readers who answered nothing under a condition are left out first, then cases that somebody has not answered;
        each is named.
        """
        there = np.isfinite(self.scores)
        full = there.any(2).all(0)
        why = []
        if full.any() and not full.all():
            for index in np.flatnonzero(~full):
                empty = [self.conditions[i] for i in np.flatnonzero(~there[:, index].any(1))]
                shown = " and ".join(empty) if empty != [""] else "anything"
                why.append(f"{self.readers[index]} has not answered {'under ' if empty != [''] else ''}{shown}: left out.")
        kept = np.flatnonzero(full) if full.any() else np.arange(len(self.readers))
        answered = np.asarray(there[:, kept].all((0, 1)))
        lost = [name for name, one in zip(self.cases, answered, strict=True) if not one]
        if lost:
            why.append(f"{_named(lost, 'case')} {'was' if len(lost) == 1 else 'were'} not answered by all: left out.")
        return self.take(readers=kept.tolist(), cases=answered, why=why)


def grid(readings: Readings, item: str) -> Grid:
    """The first showings of a question as a table; a reader, case or condition without any answer is still in it."""
    own = [one for one in readings.of(item) if one.repeat == 0]
    conditions = tuple(one for one in readings.conditions if any(own_.condition == one for own_ in own))
    readers = tuple(one for one in readings.readers if any(own_.reader == one for own_ in own))
    cases = tuple(dict.fromkeys(one.case for one in own))
    place = [{name: index for index, name in enumerate(names)} for names in (conditions, readers, cases)]
    values = np.full(tuple(len(one) for one in place), np.nan)
    confidence = values.copy()
    for one in own:
        where = place[0][one.condition], place[1][one.reader], place[2][one.case]
        values[where], confidence[where] = one.value, one.confidence
    truth = np.array([readings.truth.get((case, item), np.nan) for case in cases])
    patients = None
    if readings.patients:
        names = [readings.patients.get(case, f"\0{case}") for case in cases]
        patients = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1] if names else None
    return Grid(readings.item(item), conditions, readers, cases, values, confidence, truth, patients)


def _named(names: Sequence[str], what: str, *, capital: bool = True) -> str:
    """Few are named, many are counted."""
    head = what.capitalize() if capital else what
    if len(names) == 1:
        return f"{head} {names[0]}"
    if len(names) <= 5:
        return f"{head}s {', '.join(names[:-1])} and {names[-1]}"
    return f"{len(names)} {what}s ({', '.join(names[:3])}, ...)"

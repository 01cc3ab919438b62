"""One reader in one study: what comes next, what may be answered now, and what was.

All of it follows from the events of the reader's store: a session that was killed is opened again and stands where it stood.
A case is read in one part, or in two where the reading is paired: the first part is locked before the aid is shown, and the
lock is an event, so that the store proves the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_medgen.errors import StudyError
from napari_medgen.study.events import Event
from napari_medgen.study.order import Trial, order_of
from napari_medgen.study.protocol import Case, Protocol
from napari_medgen.study.questions import Question
from napari_medgen.study.store import Clock, Store

Part = Literal["first", "aided"]


@dataclass
class _Read:
    """What is known of one trial."""

    answers: dict[Part, dict[str, Any]] = field(default_factory=lambda: {"first": {}, "aided": {}})
    locked: bool = False
    closed: bool = False
    given: int = 0  # answers, every version of each
    comment: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a reader is: trials that are done, and all of them."""

    done: int
    total: int


class Session:
    """A reader's session, from the store's events.

    Parameters
    ----------
    protocol, reader
        What is read, and by whom (a code of the protocol).
    store
        The reader's own; see :meth:`open_in`.

    Raises
    ------
    StudyError
        If the protocol has no such reader, the store is another's, or the protocol was changed without a new version.
    """

    def __init__(self, protocol: Protocol, reader: str, store: Store) -> None:
        codes = [one.code for one in protocol.readers]
        if reader not in codes:
            raise StudyError(f"The protocol has no reader {reader}; it has: {', '.join(codes)}.")
        self.protocol, self.reader, self.store = protocol, reader, store
        self._cases = {case.id: case for case in protocol.cases}
        self._trials: list[Trial] = []
        self._read: dict[str, _Read] = {}
        self._place = 0
        self._known = (0, "")
        for event in store.events():
            self._follow(event)
        self._require_same_study()
        self._draw(codes.index(reader))

    @classmethod
    def open_in(cls, folder: Path, protocol: Protocol, reader: str, clock: Clock | None = None) -> Session:
        """The session of a reader whose store lies in a study's folder, made where there is none.

        Raises
        ------
        StudyError
            See :class:`Session` and :class:`~napari_medgen.study.store.Store`.
        """
        path = folder / "readings" / f"{reader}.sqlite"
        if path.is_file():
            store = Store(path, clock)
        else:
            if reader not in [one.code for one in protocol.readers]:
                raise StudyError(f"The protocol has no reader {reader}.")
            about = {"study": protocol.study, "reader": reader, "protocol": protocol.checksum, "version": protocol.version}
            store = Store.create(path, about, clock)
        try:
            return cls(protocol, reader, store)
        except BaseException:
            store.close()
            raise

    # -- what was -------------------------------------------------------------------------------------------------------

    def _follow(self, event: Event) -> None:
        """Take over one event; those of the viewer change nothing here."""
        own = event.payload
        if event.kind in ("created", "protocol"):
            self._known = (int(own["version"]), str(own["protocol"]))
        elif event.kind == "order":
            self._trials += [Trial(**trial) for trial in own["trials"]]
        elif event.kind == "answer":
            read = self._of(own["trial"])
            read.answers[own["part"]][own["question"]] = own["value"]
            read.given += 1
        elif event.kind == "locked":
            self._of(own["trial"]).locked = True
        elif event.kind == "comment":
            self._of(own["trial"]).comment = own["text"]
        elif event.kind == "opened":
            self._place = self._place_of(own["trial"])
        elif event.kind == "closed":
            self._of(own["trial"]).closed = True
            self._place = self._place_of(own["trial"]) + 1

    def _of(self, trial: str) -> _Read:
        return self._read.setdefault(trial, _Read())

    def _place_of(self, trial: str) -> int:
        return next(place for place, one in enumerate(self._trials) if one.id == trial)

    def _require_same_study(self) -> None:
        about = self.store.about
        if (about.get("study"), about.get("reader")) != (self.protocol.study, self.reader):
            raise StudyError(
                f"{self.store.path.name} holds readings of {about.get('reader')} in {about.get('study')}, "
                f"not of {self.reader} in {self.protocol.study}."
            )
        version, checksum = self._known
        if checksum == self.protocol.checksum:
            return
        if self.protocol.version <= version:
            raise StudyError(
                f"The protocol was changed while it is in use (version {version}): put it back, or call it "
                f"version {version + 1}, and the store will say which answer was given under which."
            )
        self._add("protocol", {"protocol": self.protocol.checksum, "version": self.protocol.version})

    def _draw(self, number: int) -> None:
        cases = [case for case in self.protocol.cases if not case.training]
        names, blocks = [case.id for case in cases], [case.group for case in cases]
        trials = order_of(self.protocol.plan, self.reader, number, names, blocks, self._trials)
        new = trials[len(self._trials) :]
        if new:
            self._add("order", {"trials": [asdict(trial) for trial in new]})

    def _add(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Keep an event, and only then act as if it had happened."""
        self._follow(self.store.add(kind, payload))

    # -- what is --------------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in their order."""
        return tuple(self._trials)

    @property
    def trial(self) -> Trial | None:
        """The trial that is read now; None when all are done."""
        return self._trials[self._place] if self._place < len(self._trials) else None

    @property
    def case(self) -> Case | None:
        """The case that is read now."""
        return self._cases[self.trial.case] if self.trial is not None else None

    @property
    def part(self) -> Part:
        """Which part of the reading it is: the first, or with the aid once the first was locked."""
        trial = self.trial
        return "aided" if trial is not None and self.protocol.paired is not None and self._of(trial.id).locked else "first"

    @property
    def progress(self) -> Progress:
        """How far the reader is."""
        return Progress(sum(self._of(trial.id).closed for trial in self._trials), len(self._trials))

    @property
    def break_is_due(self) -> bool:
        """Whether a break is offered before the case that comes."""
        every = self.protocol.timing.break_every
        return bool(every) and 0 < self._place < len(self._trials) and self._place % every == 0

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is asked now, with what was answered until now in mind."""
        case, paired = self.case, self.protocol.paired
        if case is None:
            return ()
        asked = self.protocol.questions_of(case, self.answers)
        if self.part == "aided" and paired is not None:
            return tuple(question for question in asked if question.id in paired.questions)
        return asked

    @property
    def answers(self) -> dict[str, Any]:
        """What was answered in this part of the case, by question; the newest of each."""
        return dict(self._of(self.trial.id).answers[self.part]) if self.trial is not None else {}

    @property
    def missing(self) -> tuple[Question, ...]:
        """Questions that must be answered before the reader can go on."""
        given = self.answers
        return tuple(question for question in self.questions if question.required and question.id not in given)

    @property
    def aid(self) -> str:
        """The file of the aid, once it may be shown; empty before, so that nothing can show it too early."""
        return self.case.aid if self.case is not None and self.part == "aided" else ""

    @property
    def image(self) -> str:
        """The file that is shown: of the case, or of its arm."""
        case, trial = self.case, self.trial
        return case.images.get(trial.arm, case.image) if case is not None and trial is not None else ""

    # -- what a reader does ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """The case is on the screen now."""
        self._add("opened", {"trial": self._now().id, "part": self.part})

    def answer(self, question: str, value: Any) -> None:
        """Answer a question; on the disk when this returns.

        Raises
        ------
        StudyError
            If it is not asked now, cannot be changed any more, is no answer, or cannot be kept.
        """
        trial, part = self._now(), self.part
        asked = next((one for one in self.questions if one.id == question), None)
        if asked is None:
            raise StudyError(f"{question} is not asked now.")
        read = self._of(trial.id)
        if read.closed and not self.protocol.navigation.change:
            raise StudyError("This case is closed; its answers cannot be changed in this study.")
        asked.check(value)
        payload = {"id": f"{trial.id}.{read.given}", "trial": trial.id, "question": question, "part": part, "value": value}
        self._add("answer", payload)

    def comment(self, text: str) -> None:
        """Keep a remark on the case."""
        self._add("comment", {"trial": self._now().id, "text": text})

    def lock(self) -> None:
        """Lock the first part of a paired reading: its answers stay, and the aid may be shown.

        Raises
        ------
        StudyError
            If the reading is not paired, or an answer is missing.
        """
        if self.protocol.paired is None:
            raise StudyError("In this study no aid is shown.")
        self._require_complete()
        if self.part == "first":
            self._add("locked", {"trial": self._now().id})

    def forward(self) -> None:
        """Close the case and go on to the next.

        Raises
        ------
        StudyError
            If an answer is missing, or the aid of a paired reading was not looked at.
        """
        self._require_complete()
        if self.protocol.paired is not None and self.part == "first":
            raise StudyError("Lock the answer first: the case is read once more with its aid.")
        self._add("closed", {"trial": self._now().id})

    def back(self) -> None:
        """Go back to the case before.

        Raises
        ------
        StudyError
            If the study does not let readers go back, or this is the first case.
        """
        if not self.protocol.navigation.back:
            raise StudyError("In this study readers do not go back.")
        if self._place == 0:
            raise StudyError("This is the first case.")
        self._add("opened", {"trial": self._trials[self._place - 1].id, "part": "first"})

    def _now(self) -> Trial:
        if self.trial is None:
            raise StudyError("All cases are read.")
        return self.trial

    def _require_complete(self) -> None:
        self._now()
        if self.missing:
            raise StudyError("Not answered yet: " + ", ".join(question.text for question in self.missing) + ".")

    def close(self) -> None:
        """Keep what was noted, and leave one file to copy."""
        self.store.close()

"""One reader in one study: what comes next, what may be answered now, and what was.

All of it follows from the events of the reader's store: a session that was killed is opened again and stands where it stood.
A case is read in one part, or in two where the reading is paired: the first part is locked before the aid is shown, and the
lock is an event, so that the store proves the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Literal

from napari_medgen.errors import StudyError
from napari_medgen.study.clock import Clock
from napari_medgen.study.events import Event
from napari_medgen.study.order import Trial, order_of, training_of
from napari_medgen.study.protocol import Case, Protocol
from napari_medgen.study.questions import Question
from napari_medgen.study.stopwatch import Stopwatch
from napari_medgen.study.store import Store

Part = Literal["first", "aided"]


@dataclass
class _Read:
    """What is known of one trial."""

    answers: dict[Part, dict[str, Any]] = field(default_factory=lambda: {"first": {}, "aided": {}})
    locked: bool = False
    aided: bool = False  # the aid was on the screen
    closed: bool = False
    expired: bool = False
    revealed: bool = False
    given: int = 0  # answers, every version of each
    comment: str = ""
    seconds: float = 0.0  # that the case was seen until it was closed, pauses not counted
    before_lock: float = 0.0  # of them, until the first part was locked


@dataclass(frozen=True)
class Progress:
    """How far a reader is.

    Attributes
    ----------
    done, total
        Trials that are done, and all of them; those of training are not counted.
    seconds
        Median time of a case that is done; None before the first.
    """

    done: int
    total: int
    seconds: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """What the rest will take at that pace."""
        return None if self.seconds is None else self.seconds * (self.total - self.done)


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
        self._last_closed: dict[int, datetime] = {}
        self._watch = Stopwatch(store.clock)
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
        """Take over one event; those of the viewer change nothing here but the time."""
        own = event.payload
        if "trial" in own and "seconds" in own and not self._of(own["trial"]).closed:
            self._of(own["trial"]).seconds = own["seconds"]  # who looks back later is not reading it
        if event.kind in ("created", "protocol"):
            self._known = (int(own["version"]), str(own["protocol"]))
        elif event.kind == "order":
            self._trials += [Trial(**trial) for trial in own["trials"]]
        elif event.kind == "answer":
            read = self._of(own["trial"])
            read.given += 1
            if own["value"] is None:
                read.answers[own["part"]].pop(own["question"], None)
            else:
                read.answers[own["part"]][own["question"]] = own["value"]
        elif event.kind == "locked":
            read = self._of(own["trial"])
            read.locked, read.expired, read.before_lock = True, False, read.seconds
        elif event.kind == "aid_shown":
            self._of(own["trial"]).aided = True
        elif event.kind == "comment":
            self._of(own["trial"]).comment = own["text"]
        elif event.kind in ("opened", "back"):
            self._place = self._place_of(own["trial"])
        elif event.kind in ("closed", "passed"):
            read = self._of(own["trial"])
            self._place = self._place_of(own["trial"]) + 1
            if not read.closed:
                self._last_closed[self._trials[self._place - 1].session] = datetime.fromisoformat(event.wall)
            read.closed = True
        elif event.kind == "expired":
            self._of(own["trial"]).expired = True
        elif event.kind == "feedback":
            self._of(own["trial"]).revealed = True

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
        known = [trial for trial in self._trials if not trial.training]
        new = order_of(self.protocol.plan, self.reader, number, names, blocks, known)[len(known) :]
        if not self._trials:
            new = training_of(self.protocol.plan, self.reader, [one.id for one in self.protocol.cases if one.training]) + new
        if new:
            self._add("order", {"trials": [asdict(trial) for trial in new]})
        if gone := next((trial.case for trial in self._trials if trial.case not in self._cases), None):
            raise StudyError(
                f"{self.reader} was shown, or is to be shown, the case {gone}, and the protocol has it no more."
            )

    def _add(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Keep an event, and only then act as if it had happened."""
        self._follow(self.store.add(kind, payload))

    def _act(self, kind: str, **more: Any) -> None:
        """Keep what happened on the case that is read now."""
        self._add(kind, {"trial": self._now().id, "seconds": self.seconds, **more})

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
        counted = [trial for trial in self._trials if not trial.training]
        times = [self._of(trial.id).seconds for trial in counted if self._of(trial.id).closed]
        return Progress(len(times), len(counted), median(times) if times else None)

    @property
    def done(self) -> bool:
        """Whether all cases are read."""
        return self.trial is None

    @property
    def training(self) -> bool:
        """Whether the case that is read is one of training."""
        return self.trial is not None and self.trial.training

    @property
    def place(self) -> int:
        """Number of the case that is read, from 1, among those of training or among the others."""
        before = [one for one in self._trials[: self._place] if one.training == self.training]
        return len(before) + 1

    @property
    def next_image(self) -> tuple[str, ...]:
        """The files that the case after this one shows, so that they can be read ahead; none at the end."""
        coming = self._place + 1
        return self._files(self._trials[coming]) if coming < len(self._trials) else ()

    @property
    def break_is_due(self) -> bool:
        """Whether a break is offered before the case that comes."""
        every, trial = self.protocol.timing.break_every, self.trial
        return bool(every) and trial is not None and not trial.training and self.place > 1 and (self.place - 1) % every == 0

    @property
    def rests_until(self) -> datetime | None:
        """When the case that comes may be read, where the wash-out before its session is not over; None for now."""
        trial = self.trial
        before = self._trials[self._place - 1] if self._place else None
        if trial is None or before is None or before.training or before.session == trial.session or self.closed:
            return None
        ended = self._last_closed.get(before.session)
        if ended is None:
            return None
        until = ended + timedelta(days=self.protocol.order.washout_days)
        return until if self.store.clock.wall() < until else None

    @property
    def seconds(self) -> float:
        """How long the case was seen until now, pauses not counted."""
        trial = self.trial
        return round(self._of(trial.id).seconds if not self._watch.runs else self._watch.seconds, 3) if trial else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until the time of the case, or of this part of it, is over; None where it has no limit."""
        limit, trial = self.protocol.timing.limit_seconds, self.trial
        if not limit or trial is None or trial.training or self.closed:
            return None
        return max(0.0, limit - (self.seconds - self._of(trial.id).before_lock))  # each part has its time

    @property
    def expired(self) -> bool:
        """Whether the case's time is over."""
        return self.trial is not None and self._of(self.trial.id).expired

    @property
    def closed(self) -> bool:
        """Whether the case was closed before, and the reader went back to it."""
        return self.trial is not None and self._of(self.trial.id).closed

    @property
    def can_answer(self) -> bool:
        """Whether answers to this case can be given or changed now."""
        if self.trial is None or (self.closed and not self.protocol.navigation.change) or self.feedback is not None:
            return False
        if self.part == "aided" and not self._of(self.trial.id).aided:
            return False
        return not (self.expired and self.protocol.timing.after == "next")

    @property
    def can_go_back(self) -> bool:
        """Whether the protocol lets the reader go back now; training is left for good."""
        before = self._trials[self._place - 1] if self._place > 0 else None
        return self.protocol.navigation.back and before is not None and self.trial is not None and not before.training

    @property
    def feedback(self) -> Mapping[str, Any] | None:
        """The right answers of a training case, once the reader has answered; None before, and of all other cases."""
        trial, case = self.trial, self.case
        if trial is None or case is None or not trial.training or not self._of(trial.id).revealed:
            return None
        return dict(case.truth)

    @property
    def comment_text(self) -> str:
        """The remark that was kept of this case."""
        return self._of(self.trial.id).comment if self.trial is not None else ""

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
    def first_answers(self) -> dict[str, Any]:
        """What was answered in the first part of the case."""
        return dict(self._of(self.trial.id).answers["first"]) if self.trial is not None else {}

    @property
    def aid_was_shown(self) -> bool:
        """Whether the aid was on the screen."""
        return self.trial is not None and self._of(self.trial.id).aided

    @property
    def missing(self) -> tuple[Question, ...]:
        """Questions that must be answered before the reader can go on."""
        given = self.answers
        if (self.expired and self.protocol.timing.after == "next") or (self.closed and not self.can_answer):
            return ()
        return tuple(question for question in self.questions if question.required and question.id not in given)

    @property
    def aid(self) -> str:
        """The file of the aid, once it may be shown; empty before, so that nothing can show it too early."""
        return self.case.aid if self.case is not None and self.part == "aided" else ""

    @property
    def image(self) -> str:
        """The file that is shown: of the case, or of its arm."""
        return self._files(self.trial)[0] if self.trial is not None else ""

    @property
    def overlay(self) -> str:
        """The file that is laid over it in this arm; empty for none."""
        return self._files(self.trial)[1] if self.trial is not None and len(self._files(self.trial)) > 1 else ""

    def _files(self, trial: Trial) -> tuple[str, ...]:
        case = self._cases[trial.case]
        over = case.overlays.get(trial.arm, "")
        return (case.images.get(trial.arm, case.image), *([over] if over else []))

    # -- what a reader does ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """The case is on the screen now, and its time runs.

        Raises
        ------
        StudyError
            If the wash-out before it is not over.
        """
        trial = self._now()
        if (until := self.rests_until) is not None:
            raise StudyError(
                f"The next session may begin on {until.date().isoformat()}; the study asks for a pause until then."
            )
        self._act("opened", part=self.part)
        self._watch.start(self._of(trial.id).seconds)

    def pause(self) -> None:
        """The image is hidden, and the time stands still."""
        if self._watch.runs:
            self._act("paused")
            self._watch.stop()

    def resume(self) -> None:
        """Go on after a pause."""
        if not self._watch.runs:
            self._act("resumed")
            self._watch.start(self._of(self._now().id).seconds)

    def expire(self) -> None:
        """The case's time is over.

        Raises
        ------
        StudyError
            If it has no limit, or time is left.
        """
        left = self.seconds_left
        if left is None or left > 0:
            raise StudyError("The time of this case is not over.")
        if not self.expired:
            self._act("expired")

    def note(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Note what the viewer showed on this case; kept within a second (:meth:`flush`), or with the next answer."""
        if self.trial is not None:
            self.store.note(kind, {"trial": self.trial.id, "seconds": self.seconds, **payload})

    def flush(self) -> None:
        """Keep what was noted.

        Raises
        ------
        StudyError
            If the disk did not take it; it still waits.
        """
        self.store.flush()

    def answer(self, question: str, value: Any) -> None:
        """Answer a question, or take the answer back (None); on the disk when this returns.

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
        if part == "aided" and not read.aided:
            raise StudyError("The aid is not on the screen yet.")
        if not self.can_answer:
            raise StudyError("This case is closed; its answers cannot be changed in this study.")
        if value is not None:
            asked.check(value)
        self._act("answer", id=f"{trial.id}.{read.given}", question=question, part=part, value=value)

    def comment(self, text: str) -> None:
        """Keep a remark on the case."""
        self._act("comment", text=text)

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
            self._act("locked")

    def show_aid(self) -> None:
        """The aid is on the screen now: what is answered from here on was answered with it.

        Raises
        ------
        StudyError
            If it may not be shown yet.
        """
        if self.part != "aided":
            raise StudyError("Lock the answer first: the case is read once more with its aid.")
        if not self._of(self._now().id).aided:
            self._act("aid_shown")

    def pass_over(self, why: str) -> None:
        """Leave a case that cannot be shown; why is kept."""
        self._act("passed", why=why)
        self._watch.stop()

    def reveal(self) -> None:
        """Show the right answers of a training case; its answers stay as they are from then on.

        Raises
        ------
        StudyError
            If it is no training case, or an answer is missing.
        """
        self._require_complete()
        if self.protocol.paired is not None and self.part == "first":
            raise StudyError("Lock the answer first: the case is read once more with its aid.")
        if not self.training:
            raise StudyError("The right answers are shown of training cases only.")
        if self.feedback is None:
            self._act("feedback")

    def forward(self) -> None:
        """Close the case and go on to the next.

        Raises
        ------
        StudyError
            If an answer is missing, or the aid of a paired reading was not shown.
        """
        self._require_complete()
        over = self.expired and self.protocol.timing.after == "next"
        if self.protocol.paired is not None and self.part == "first" and not over:
            raise StudyError("Lock the answer first: the case is read once more with its aid.")
        if self.part == "aided" and not over and not self._of(self._now().id).aided:
            raise StudyError("The aid is not on the screen yet.")
        case = self.case
        if self.training and case is not None and case.truth and self.feedback is None:
            raise StudyError("Look at the right answers first.")
        self._act("closed")
        self._watch.stop()

    def back(self) -> None:
        """Go back to the case before.

        Raises
        ------
        StudyError
            If the study does not let readers go back, or this is the first case.
        """
        if not self.protocol.navigation.back:
            raise StudyError("In this study readers do not go back.")
        self._now()
        if not self.can_go_back:
            raise StudyError("This is the first case.")
        if self._watch.runs:
            self._act("left")
        before = self._trials[self._place - 1]
        self._add("back", {"trial": before.id})
        self._watch.stop()

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

"""The reader's desk: what the session says is on the screen, and what the reader does goes to the session first.

Nothing is shown as answered that is not on the disk; where the disk fails, one sentence says so and the case stays.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medgen.errors import MedGenError, StudyError
from napari_medgen.study.order import Trial
from napari_medgen.study.questions import Box, Point, Question
from napari_medgen.study.session import Session
from napari_medgen.study.study import Study
from napari_medgen.viewer.layers.volumes import LayerData
from napari_medgen.viewer.study.loading import Wanted, load_aid, load_case
from napari_medgen.viewer.study.panel import Panel
from napari_medgen.viewer.study.stand import Stand
from napari_medgen.viewer.study.viewing import Viewing
from napari_medgen.viewer.work.queue import Job, WorkQueue

if TYPE_CHECKING:
    from napari.layers import Layer

_SECOND = 1000  # milliseconds
_GLANCE = 0.4  # seconds in which nobody has looked at anything
_HURRY = 10.0  # seconds that are left when the clock is shown


class Desk(QObject):
    """One reader at one study.

    Parameters
    ----------
    study, session
        What is read, and where the reader is.
    stand, panel
        What shows the image, and what asks.
    files
        Where images are read in the background.
    parent
        Whoever holds it.

    Signals
    -------
    curtain_requested
        The image is to be hidden: why (``pause``, ``break``, ``rest``), and what is said.
    shown
        A case is on the screen.
    aid_shown
        Its aid is too.
    finished
        All cases are read.
    """

    curtain_requested = Signal(str, str)
    shown = Signal()
    aid_shown = Signal()
    finished = Signal()

    def __init__(
        self, study: Study, session: Session, stand: Stand, panel: Panel, files: WorkQueue, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.study, self.session, self.stand, self.panel = study, session, stand, panel
        self._files = files
        self._ahead: dict[Wanted, tuple[list[LayerData], list[Layer]]] = {}
        self._reading: dict[Wanted, int] = {}
        self._layers: list[LayerData] = []
        self._marking: dict[str, list[float]] = {}  # first corners of boxes, by question
        self._unshown = ""  # why the case, or its aid, cannot be shown
        self._held = False  # a pause was asked for while an image was still being loaded
        self._shown_at = 0.0
        self._opened = False
        self._opening: Trial | None = None
        self._rested = False
        self.viewing = Viewing(session, stand.room, panel.say_fault, self)
        self._clock = QTimer(self)
        self._clock.setInterval(_SECOND)
        self._clock.timeout.connect(self._tick)
        panel.answered.connect(self.answer)
        panel.marking.connect(self.mark)
        panel.forward_requested.connect(self.forward)
        panel.back_requested.connect(self.back)
        panel.pause_requested.connect(self.pause)
        stand.room.moved.connect(self._moved)
        stand.actions.said.connect(panel.say_note)

    @property
    def ready(self) -> bool:
        """Whether a case is on the screen, with its aid where it is time for that, or what there is instead."""
        return bool(self._unshown) or (self._opened and not self._aid_comes())

    # -- a case comes ---------------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Show the case where the reader is, or why there is none now."""
        session, protocol = self.session, self.study.protocol
        self._end_case()
        if session.done:
            self.stand.clear()
            self.finished.emit()
        elif (until := session.rests_until) is not None:
            self.stand.clear()
            day = until.astimezone().strftime("%d %B %Y").lstrip("0")
            self.curtain_requested.emit("rest", f"This session is done. The next one may begin on {day}.")
        elif session.break_is_due and not self._rested and not session.closed:
            self._rested = True
            self.stand.clear()
            every = protocol.timing.break_every
            self.curtain_requested.emit("break", f"{every} cases are done: time for a break. The clock stands still.")
        else:
            self._rested = False
            self._show(self._wanted())

    def _wanted(self) -> Wanted:
        return Wanted(self.session.image, self.session.overlay)

    def _show(self, wanted: Wanted) -> None:
        self._unshown = ""
        if wanted in self._ahead:
            self._show_loaded(*self._ahead[wanted])
            return
        self.stand.clear()
        self.panel.setEnabled(False)
        self.panel.say_note("Loading the image")
        self._read(wanted)

    def _read(self, wanted: Wanted) -> None:
        if wanted in self._reading or wanted in self._ahead:
            return

        def read(layers: list[LayerData]) -> None:
            self._reading.pop(wanted, None)
            self._ahead[wanted] = (layers, self.stand.make(layers))
            if self._waits_for(wanted):
                self._show_loaded(*self._ahead[wanted])

        def failed(error: Exception) -> None:
            self._reading.pop(wanted, None)
            if self._waits_for(wanted):
                self._cannot_show(f"The image of this case cannot be shown. {error}")

        protocol, folder = self.study.protocol, self.study.folder
        job = Job("Loading", lambda: load_case(folder, wanted, protocol), on_result=read, on_error=failed)
        self._reading[wanted] = self._files.submit(job)

    def _waits_for(self, wanted: Wanted) -> bool:
        return not self._opened and not self._held and not self.session.done and wanted == self._wanted()

    def _cannot_show(self, why: str) -> None:
        """Say why the case, or its aid, cannot be shown, and let the reader leave it behind: that is kept too."""
        self._unshown = why
        self.panel.setEnabled(True)
        self.panel.begin()
        self.panel.set_questions((), {})
        self.panel.say_note("Tell whoever runs the study.")
        self.panel.say_fault(why)
        self.panel.forward.setText("Leave this case out (Enter)")
        self.panel.forward.setEnabled(True)

    def _show_loaded(self, layers: list[LayerData], made: list[Layer]) -> None:
        gc.disable()  # a collection takes as long as half of a case's change; it can wait until the image is there
        self.panel.setEnabled(True)
        self.panel.say_note("")
        self._layers = layers
        self._marking = {}
        hidden = self.session.expired and self.study.protocol.timing.after == "hide"
        if not hidden:
            self.stand.show(made)
        self.panel.begin()
        self.show_state()
        if hidden:
            self._hide_expired()
        self._opening = self.session.trial
        self.shown.emit()
        QTimer.singleShot(0, self._after_shown)

    def _after_shown(self) -> None:
        """The image is on the screen: its time begins. What could wait comes now: the aid, marks, the case that comes."""
        gc.enable()
        trial, self._opening = self._opening, None
        if self._held:
            return
        if trial is None or trial != self.session.trial or not self._try(self.session.open):
            return
        self._opened = True
        self._shown_at = time.monotonic()
        self.show_state()
        self.viewing.begin()
        self._clock.start()
        if self.session.aid and not self.session.expired:
            self._show_aid()
        self._draw_marks(centre=True)
        coming = self.session.next_image
        following = Wanted(*coming[:2]) if coming else None
        now = self._wanted()
        self._ahead = {wanted: kept for wanted, kept in self._ahead.items() if wanted in (now, following)}
        if following is not None:
            self._read(following)

    def _end_case(self) -> None:
        self._opened, self._opening = False, None
        self.viewing.end()
        self._clock.stop()
        self.panel.say_note("")
        self.panel.say_fault("")

    # -- what is shown of it --------------------------------------------------------------------------------------------

    def show_state(self) -> None:
        """Show what the session says now."""
        session, panel = self.session, self.panel
        panel.set_questions(session.questions, session.answers, enabled=session.can_answer)
        if session.part == "aided" and not session.closed:
            first = session.first_answers
            for field in panel.fields:
                if field.question.id in first:
                    field.say(f"Your first answer: {field.question.said(first[field.question.id])}")
        self._say_where()
        panel.back.setVisible(self.study.protocol.navigation.back)
        panel.back.setEnabled(session.can_go_back)
        panel.forward.setText(self._way_on())
        panel.forward.setEnabled(
            not session.missing and panel.pending is None and (session.can_answer or not self._aid_comes())
        )
        self._show_feedback()
        paired = self.study.protocol.paired
        if paired is not None and session.part == "first" and not session.missing:
            panel.say_note(f"This answer will be locked, and shown is then: {paired.shows}.")
        if session.closed and not session.can_answer:
            panel.say_note("This case is closed: you can look at it, and its answers stay as they are.")

    def _aid_comes(self) -> bool:
        """Whether the aid is still on its way to the screen."""
        return self.session.part == "aided" and not self.session.closed and not self.session.aid_was_shown

    def _say_where(self) -> None:
        session = self.session
        progress = session.progress
        if session.training:
            total = sum(trial.training for trial in session.trials)
            self.panel.say_where(f"Training case {session.place} of {total}", f"{session.reader}: it does not count", 0.0)
            return
        left = progress.seconds_left
        said = "" if left is None else f"about {max(1, round(left / 60))} min left"
        limit = session.seconds_left
        if limit is not None and not session.expired:
            said = f"{limit:.0f} s for this case" + (f", {said}" if said else "")
        said = f"{session.reader}: {said}" if said else session.reader
        share = progress.done / max(progress.total, 1)
        self.panel.say_where(f"Case {session.place} of {progress.total}", said, share)

    def _way_on(self) -> str:
        session, paired = self.session, self.study.protocol.paired
        if self._feedback_comes():
            return "See the right answers (Enter)"
        if paired is not None and session.part == "first" and not session.closed:
            return "Lock the answer, go on (Enter)"
        last = session.place == session.progress.total and not session.training
        return "Finish (Enter)" if last else "Next case (Enter)"

    def _feedback_comes(self) -> bool:
        """Whether the right answers of a training case are shown next."""
        session, case = self.session, self.session.case
        if not session.training or session.feedback is not None or case is None or not case.truth:
            return False
        return self.study.protocol.paired is None or session.part == "aided"

    def _show_feedback(self) -> None:
        session = self.session
        if session.feedback is None:
            return
        answers = session.answers
        for field in self.panel.fields:
            name = field.question.id
            if name not in session.feedback:
                continue
            truth = session.feedback[name]
            right = name in answers and field.question.is_right(answers[name], truth)
            field.say("Right." if right else f"The right answer: {field.question.said(truth)}", right)

    def _show_aid(self) -> None:
        """Show the aid, once the session says that it may be."""
        file, paired = self.session.aid, self.study.protocol.paired
        if not file or paired is None or not self._layers:
            return
        trial = self.session.trial
        below, folder, protocol = self._layers[0], self.study.folder, self.study.protocol

        def read(layer: LayerData) -> None:
            if self.session.trial != trial or not self._opened or self.session.aid != file or self.session.expired:
                return
            self.stand.add(layer, paired.shows)
            if self._try(self.session.show_aid):
                self.show_state()
                self.panel.say_note(f"Now shown: {paired.shows}. Answer once more.")
                self.aid_shown.emit()

        def failed(error: Exception) -> None:
            if self.session.trial == trial and self._opened:
                self._cannot_show(f"{paired.shows} cannot be shown. {error}")

        self._files.submit(Job("Loading", lambda: load_aid(folder, file, protocol, below), on_result=read, on_error=failed))

    # -- what the reader does -------------------------------------------------------------------------------------------

    def press(self, action: str, digit: int) -> None:
        """A key of the study was pressed."""
        self.viewing.touch()
        if action == "answer":
            if self.panel.current is not None and self._opened:
                self.panel.current.press(digit)
        elif action in ("next_question", "previous_question"):
            before = self.panel.active
            self.panel.commit()
            if self.panel.active == before:  # what was written may have been an answer, and the next is asked already
                count = max(len(self.panel.fields), 1)
                self.panel.choose((before + (1 if action == "next_question" else -1)) % count)
            self.stand.widget.focus()
        elif action.startswith("mark_"):
            down, right = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}[action.removeprefix("mark_")]
            self.stand.move(down, right)
        elif action.startswith("preset_"):
            getattr(self.stand.actions, action)()
        elif action in ("forward", "back", "pause"):
            getattr(self, action)()

    def answer(self, name: str, value: Any) -> None:
        """Keep an answer, and go on to the question that comes."""
        if not self._opened:
            return
        self.viewing.touch()
        if not self._try(lambda: self.session.answer(name, value)):
            self.show_state()  # what is not kept is not shown as answered
            return
        self.show_state()
        self._draw_marks()
        if self.panel.pending is not None:
            return
        asked = self._asked(name)
        if isinstance(asked, Point | Box) and value and len(value) < asked.most:
            return  # more can be marked
        self.panel.choose_open(self.session.missing)

    def forward(self) -> None:
        """Go on: to the right answers of a training case, to the aid, or to the next case."""
        session, protocol = self.session, self.study.protocol
        if self._unshown:
            if self._try(lambda: session.pass_over(self._unshown)):
                self.go_on()
            return
        if not self._opened:
            return
        self.panel.commit()
        if (pending := self.panel.pending) is not None:
            self.panel.choose(pending[0])
            self.panel.say_fault(f"Not answered yet: {pending[1]}")
            return
        if session.missing:
            asked = session.missing[0]
            self.panel.say_fault(f"Not answered yet: {asked.text}")
            self.panel.choose_open(session.missing)
            return
        if self._hurries():
            return
        if self._feedback_comes():
            if self._try(session.reveal):
                self._shown_at = time.monotonic()
                self.show_state()
        elif (
            protocol.paired is not None
            and session.part == "first"
            and not (session.expired and protocol.timing.after == "next")
        ):
            hidden = self.stand.image is None
            if self._try(session.lock):
                if hidden:  # its time was over; the second part has a time of its own
                    self.stand.show(self.stand.make(self._layers))
                self.panel.begin()
                self.show_state()
                self._show_aid()
        elif self._try(session.forward):
            self.go_on()

    def _hurries(self) -> bool:
        """Whether Enter was pressed twice: nothing was answered here, and what is shown has only just come."""
        given = bool(self.session.answers) and self.session.feedback is None
        return not given and time.monotonic() - self._shown_at < _GLANCE

    def back(self) -> None:
        """Take back what was begun; else go back to the case before, where the study allows it."""
        if not self._opened:
            return
        if self.panel.current is not None and self.panel.current.step_back():
            self.show_state()
            return
        self.panel.commit()
        if self._try(self.session.back):
            self._rested = True
            self.go_on()

    def pause(self) -> None:
        """Hide the image, and stop the clock."""
        if not self._opened and not self._unshown and not self.session.done:
            self._held = True  # the image comes when the reader goes on
            self.curtain_requested.emit("pause", "Paused. The image is hidden, and the clock stands still.")
        elif self._opened and self._try(self.session.pause):
            self.panel.commit()
            self._clock.stop()
            self.viewing.end()
            self.curtain_requested.emit("pause", "Paused. The image is hidden, and the clock stands still.")

    def resume(self) -> None:
        """Go on after a pause or a break."""
        self._held = False
        if not self._opened:
            self.go_on()
        elif self._try(self.session.resume):
            self._clock.start()
            self.viewing.begin()
            self.shown.emit()

    def comment(self, text: str) -> None:
        """Keep a remark on the case."""
        if self._opened and text.strip() != self.session.comment_text:
            self._try(lambda: self.session.comment(text.strip()))

    # -- marks ----------------------------------------------------------------------------------------------------------

    def mark(self, name: str, by: int) -> None:
        """Mark a place where the crosshair is, or take the last one away."""
        question = self._asked(name)
        if not isinstance(question, Point | Box) or not self._opened or not self.session.can_answer:
            return
        if self.stand.image is None:
            self.panel.say_fault("The image is hidden: nothing can be marked on it.")
            return
        given = list(self.session.answers.get(name) or [])
        half = self._marking.pop(name, None)
        if by < 0:
            if half is None and given:
                self.answer(name, given[:-1] or None)
            else:
                self.show_state()
            return
        if len(given) >= question.most:
            self.panel.say_fault(f"At most {question.most} can be marked; 2 takes the last one away.")
        elif isinstance(question, Point):
            self.answer(name, [*given, self.stand.place])
        elif half is None:
            self._marking[name] = self.stand.place
            self.panel.say_half(name)
        else:
            self.answer(name, [*given, [half, self.stand.place]])

    def _asked(self, name: str) -> Question | None:
        return next((one for one in self.session.questions if one.id == name), None)

    def _draw_marks(self, *, centre: bool = False) -> None:
        asked = [one for one in self.session.questions if isinstance(one, Point | Box)]
        if not asked:
            return
        if centre:
            self.stand.centre()
        answers = self.session.answers
        points = [place for one in asked if isinstance(one, Point) for place in answers.get(one.id) or []]
        boxes = [box for one in asked if isinstance(one, Box) for box in answers.get(one.id) or []]
        self.stand.draw_marks(points, boxes)

    def _moved(self, event: object = None) -> None:
        self.viewing.touch()

    # -- the clock ------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        session = self.session
        self._say_where()
        left = session.seconds_left
        if left is None or session.expired:
            return
        session.note("time", {})  # a limit counts on, also after a power cut
        if left > 0:
            if left <= _HURRY:
                self.panel.say_note(f"{left:.0f} seconds left for this case.")
            return
        self.panel.commit()  # what was written until now was written in time
        if not self._try(session.expire):
            return
        if self.study.protocol.timing.after == "next":
            if self._try(session.forward):
                self.go_on()
            return
        self._hide_expired()
        self.show_state()

    def _hide_expired(self) -> None:
        self.stand.clear()
        self.panel.say_note("The time for this case is over: the image is hidden. Answer, and go on.")

    def _try(self, action: Callable[[], None]) -> bool:
        """Whether it could be done; else the sentence that says why is shown, and nothing is lost."""
        try:
            action()
        except MedGenError as error:
            self.panel.say_fault(str(error))
            return False
        self.panel.say_fault(self.session.store.anchor_fault)
        return True

    def keep(self) -> str:
        """Keep all that was written; why it could not be, or nothing."""
        if self._opened:
            self.panel.commit()
        try:
            self.session.pause()
            self.session.flush()
        except StudyError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Leave one file to copy."""
        gc.enable()
        self._end_case()
        for number in self._reading.values():
            self._files.cancel(number)
        self.stand.room.moved.disconnect(self._moved)
        with contextlib.suppress(StudyError):  # what could not be kept was said
            self.session.close()

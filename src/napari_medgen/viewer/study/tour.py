"""A study read by keys alone, as a reader does it: for ``make study`` without a display, for films and for tests.

What is pressed follows from what is asked on the screen; the answers are the caller's, or drawn from the seed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_medgen.study.questions import Box, Choice, FreeText, Likert, Number, Point, Question, YesNo
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.window import StudyWindow

_Test: Any = QTest  # whose types do not know that its functions are static
_PATIENCE = 60.0  # seconds
_KEY = Qt.Key
Answer = Callable[[Question], Any]
Step = Callable[[str], None]


def settle(seconds: float = 0.05) -> None:
    """Let the window live."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= end:
            break
        time.sleep(0.002)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def until(condition: Callable[[], Any]) -> None:
    """Let the window live until something holds.

    Raises
    ------
    TimeoutError
        If it does not within a minute.
    """
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the study did not go on")
        settle(0.005)


class KeyReader:
    """Reads a study by keys.

    Parameters
    ----------
    window
        Where.
    answer
        What to answer to a question; drawn by default.
    step
        Called with the name of each step that somebody may want a picture of.
    """

    def __init__(self, window: StudyWindow, answer: Answer | None = None, step: Step = lambda name: None) -> None:
        self.window, self._answer, self._step = window, answer or drawn(random.Random(0)), step

    # -- keys -----------------------------------------------------------------------------------------------------------

    def key(self, code: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the focus is."""
        _Test.keyClick(self._focus(), code, held)
        settle(0.0)

    def digit(self, number: int) -> None:
        """Press a figure; 10 is 0."""
        self.key(getattr(_KEY, f"Key_{number % 10}"))

    def write(self, text: str) -> None:
        """Write where the focus is."""
        _Test.keyClicks(self._focus(), text)
        settle(0.0)

    def _focus(self) -> QWidget:
        focus: QWidget = self.window.focusWidget() or self.window
        return focus

    # -- a study --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Sign in."""
        self._step("sign-in")
        self.key(_KEY.Key_Return)
        self.until_ready()

    def until_ready(self) -> None:
        """Wait for the case, the curtain or the end."""
        window = self.window
        until(
            lambda: (
                window.desk is not None
                and (window.desk.ready or window.pages.currentWidget() in (window.curtain, window.done))
            )
        )

    def read(self, cases: int | None = None) -> int:
        """Read so many cases, or all that are left; how many were read."""
        read = 0
        while self.window.pages.currentWidget() is not self.window.done and (cases is None or read < cases):
            if self.window.pages.currentWidget() is self.window.curtain:
                self._step("curtain")
                before = self.window.desk
                self.key(_KEY.Key_Return)
                if self.window.pages.currentWidget() is self.window.curtain and self.window.desk is before:
                    break  # a rest of days
                self.until_ready()
                continue
            self.read_case()
            read += 1
        if self.window.pages.currentWidget() is self.window.done:
            self._step("done")
        return read

    def read_case(self) -> None:
        """Answer all that is asked of the case, and go on to the next."""
        desk = self.window.desk
        assert desk is not None
        trial = desk.session.trial
        self._step("case")
        while desk.session.trial == trial and not desk.session.done:
            if desk.session.can_answer:
                self.answer_all()
            self._step("answered")
            before = (desk.session.part, desk.session.feedback)
            self.key(_KEY.Key_Return)
            settle(0.02)
            self.until_ready()
            if desk.session.trial == trial and not desk.session.done:
                if (desk.session.part, desk.session.feedback) == before:
                    raise TimeoutError(f"the case does not go on: {self.window.panel.fault.text()}")
                self._step("feedback" if desk.session.feedback is not None else "aid")
                settle(0.45)  # Enter twice is a mistake of the hand, and passes over nothing

    def answer_all(self) -> None:
        """Answer every question that is open, in the order in which the window frames them."""
        desk, panel = self.window.desk, self.window.panel
        assert desk is not None
        for _ in range(100):
            missing = desk.session.missing
            if not missing:
                return
            while panel.current is not None and panel.current.question not in missing:
                self.key(_KEY.Key_Tab)
            question = missing[0] if panel.current is None else panel.current.question
            self.answer(question, self._answer(question))

    def answer(self, question: Question, value: Any) -> None:
        """Press what gives this answer to the question that is framed."""
        if isinstance(question, Likert | Choice):
            self.digit(question.options.index(value) + 1)
        elif isinstance(question, YesNo):
            self.digit(1 if value["yes"] else 2)
            if question.confidence:
                self.digit(value["confidence"])
        elif isinstance(question, Number):
            text = f"{value:g}"
            self.digit(int(text[0]))
            self.write(text[1:])
            self.key(_KEY.Key_Tab)
        elif isinstance(question, FreeText):
            self.digit(1)
            self.write(value)
            self.key(_KEY.Key_Tab)
        elif isinstance(question, Point | Box):
            self._mark(question, value)

    def _mark(self, question: Point | Box, count: int) -> None:
        """Mark so many places: each where the crosshair is moved to."""
        if not count:
            self.digit(3)
        for _ in range(count * (2 if isinstance(question, Box) else 1)):
            for code in (_KEY.Key_Right, _KEY.Key_Down, _KEY.Key_Down):
                self.key(code, Qt.KeyboardModifier.ShiftModifier)
            for code in (_KEY.Key_Up, _KEY.Key_Right) * 2:  # in a volume: another slice of two views
                self.key(code)
            self.digit(1)
        if 0 < count < question.most:
            self.key(_KEY.Key_Tab)


def drawn(lots: random.Random) -> Answer:
    """Answers that are drawn: of places, how many."""

    def answer(question: Question) -> Any:
        if isinstance(question, Likert | Choice):
            return lots.choice(question.options)
        if isinstance(question, YesNo):
            sure = {"confidence": lots.randint(1, question.confidence)} if question.confidence else {}
            return {"yes": lots.random() < 0.5, **sure}
        if isinstance(question, Number):
            return max(question.low, min(question.high, float(lots.randint(1, 9))))
        if isinstance(question, FreeText):
            return "texture"
        return 1

    return answer


def record(folder: Path, reader: str, out: Path) -> None:
    """Read a study by keys, with a picture of each kind of step, and say where they are.

    Raises
    ------
    StudyError
        If there is no study, or no such reader.
    """
    out.mkdir(parents=True, exist_ok=True)
    window = StudyWindow(Study.open(folder), reader)
    window.resize(1366, 768)
    window.show()
    settle(0.5)
    seen: dict[str, int] = {}

    def step(name: str) -> None:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            return
        settle(0.4)
        path = out / f"{len(seen)}-{name}.png"
        window.grab().save(str(path))
        print(f"Wrote {path}")

    reading = KeyReader(window, step=step)
    reading.begin()
    print(f"{reading.read()} cases were read by keys.")
    window.close()
    settle(0.1)

"""What napari's readers and writers wait for runs in a thread, and the window lives meanwhile."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton, QWidget

from napari_medgen.errors import ImageError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work import aside as module
from napari_medgen.viewer.work.aside import Cancelled, aside, aside_steps


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_window_lives_while_it_waits_for_the_result(window: QWidget) -> None:
    turns, turned = [0], threading.Event()

    def turn() -> None:
        turns[0] += 1
        if turns[0] == 5:
            turned.set()

    timer = QTimer()
    timer.timeout.connect(turn)
    timer.start(5)
    assert aside(lambda: turned.wait(20) and threading.get_ident(), "Reading") != threading.get_ident()
    assert turns[0] >= 5


def test_an_error_is_raised_where_it_was_asked_for(window: QWidget) -> None:
    def fail() -> None:
        threading.Event().wait(0.1)
        raise ImageError("No image.")

    with pytest.raises(ImageError, match=r"No image\."):
        aside(fail, "Reading")


def test_cancel_gives_the_window_back(window: QWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0)
    go = threading.Event()

    def press() -> None:
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QProgressDialog) and one.isVisible()]
        if not dialogs:
            QTimer.singleShot(10, press)
            return
        assert dialogs[0].labelText() == "Reading head.nii"
        dialogs[0].findChild(QPushButton).click()

    QTimer.singleShot(10, press)
    with pytest.raises(Cancelled):
        aside(lambda: go.wait(20), "Reading head.nii")
    go.set()


def test_without_a_window_it_is_a_call_like_any_other(qtbot: QtBot) -> None:
    assert aside(threading.get_ident, "Reading") == threading.get_ident()


def test_what_is_read_is_looked_at_while_it_is_read(window: QWidget) -> None:
    seen: list[tuple[str, int, int]] = []
    looked = threading.Event()

    def look() -> None:
        for one in QApplication.topLevelWidgets():
            if isinstance(one, QProgressDialog) and one.isVisible() and "<img" in one.labelText():
                seen.append((one.labelText(), one.value(), one.maximum()))
                looked.set()
                return
        QTimer.singleShot(10, look)

    def steps() -> Steps[int]:
        yield Progress(1, 4, "Reading", np.zeros((8, 8), np.uint8))
        looked.wait(20)
        yield Progress(2, 4, "Reading")
        return 7

    QTimer.singleShot(10, look)
    assert aside_steps(steps, "Reading <b>CT</b>") == 7
    ((text, value, most),) = seen
    assert "Reading &lt;b&gt;CT" in text
    assert (value, most) == (1, 4)


def test_whoever_cancels_ends_the_work(window: QWidget) -> None:
    closed = threading.Event()

    def steps() -> Steps[None]:
        try:
            for step in range(10_000):
                yield Progress(step, 10_000, "Reading", np.zeros((8, 8), np.uint8) if step == 0 else None)
                threading.Event().wait(0.005)
        finally:
            closed.set()

    def press() -> None:
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QProgressDialog) and one.isVisible()]
        if not dialogs:
            QTimer.singleShot(10, press)
            return
        dialogs[0].findChild(QPushButton).click()

    QTimer.singleShot(10, press)
    with pytest.raises(Cancelled):
        aside_steps(steps, "Reading")
    assert closed.wait(20)


def test_without_a_window_the_steps_are_driven_here() -> None:
    def steps() -> Steps[int]:
        yield Progress(0, 1)
        return threading.get_ident()

    assert aside_steps(steps, "Reading") == threading.get_ident()

"""A call that must return its result, while the window lives: for napari's readers and writers, which cannot be jobs."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QEventLoop, QObject, Qt, QThread, QTimer, Signal
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_medgen.running.progress import Progress, Steps

T = TypeVar("T")
_BLINK = 0.03  # seconds: what is over by then needs no second event loop
_APART = 0.05  # seconds between two words of how far it is
_PATIENCE = 600  # milliseconds before the dialog shows


class Cancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The user did not want to wait."""


class _Call(QObject, Generic[T]):
    """A call in a thread of its own."""

    over = Signal()
    told = Signal(object)

    def __init__(self, function: Callable[[Callable[[Progress], bool]], T]) -> None:
        super().__init__()
        self._function = function
        self._given_up = threading.Event()
        self._last = 0.0
        self.said: tuple[Progress, ...] = ()  # the last word
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, name="napari-medgen aside", daemon=True).start()

    def _run(self) -> None:
        try:
            self._results.append(self._function(self._tell))
        except BaseException as error:  # it is raised again in the thread that asked
            self._error = error
        # In this order: whoever finds it not done yet will hear of it.
        self.done.set()
        self.over.emit()

    def _tell(self, progress: Progress) -> bool:
        """Say how far it is, not too often; whether somebody still waits."""
        now = time.monotonic()
        if progress.preview is not None or now - self._last > _APART:
            self._last, self.said = now, (progress,)
            self.told.emit(progress)
        return not self._given_up.is_set()

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._given_up.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


class _Looker(QObject):
    """Shows in the dialog how far it is, and what there is to look at."""

    def __init__(self, dialog: QProgressDialog, title: str) -> None:
        super().__init__(dialog)  # and so in the window's thread, whoever speaks
        self._dialog, self._title = dialog, title

    def show(self, progress: Progress) -> None:
        self._dialog.setMaximum(progress.total)
        self._dialog.setValue(progress.step)
        if progress.preview is not None:
            picture = f"<img src='{_data_url(progress.preview)}'>"
            self._dialog.setLabelText(f"<div>{escape(self._title)}</div><div>{picture}</div>")
            self._dialog.show()  # there is something to look at


class _Gate(QObject):
    """Lets nothing be begun or closed in the moment before the dialog stands before the window."""

    _KEPT_OUT = (
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.KeyPress,
        QEvent.Type.Shortcut,
        QEvent.Type.Drop,
        QEvent.Type.Close,
    )

    def __init__(self, dialog: QProgressDialog) -> None:
        super().__init__()
        self._dialog = dialog

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() not in self._KEPT_OUT or self._dialog.isVisible() or not event.spontaneous():
            return False  # what the program does itself it may do
        event.ignore()
        return True


def aside(function: Callable[[], T], title: str, *, cancel: bool = True) -> T:
    """Call a function in a thread, and let the window paint and move until it is over.

    A dialog stands before the window meanwhile, so that nothing else can be begun. Where no window is
    shown, the function is called as it is.

    Parameters
    ----------
    title
        What is being done, for a person.
    cancel
        Whether the dialog offers to give the result up; what writes a file goes on writing.

    Raises
    ------
    Cancelled
        If the user did not want to wait. The call goes on and its result is dropped.
    """
    return _beside(lambda tell: function(), title, cancel)


def aside_steps(steps: Callable[[], Steps[T]], title: str) -> T:
    """As :func:`aside`, for work that says how far it is, and ends where the user does not want to wait.

    Parameters
    ----------
    steps
        A preview is a picture (rows, columns) 8-bit grey, which is shown at once.
    """

    def run(tell: Callable[[Progress], bool]) -> T:
        work = steps()
        try:
            while True:
                if not tell(next(work)):
                    work.close()
                    raise Cancelled
        except StopIteration as stop:
            result: T = stop.value
            return result

    return _beside(run, title, True)


def _beside(function: Callable[[Callable[[Progress], bool]], T], title: str, cancel: bool) -> T:
    application = QApplication.instance()
    here = isinstance(application, QApplication) and QThread.currentThread() is application.thread()
    if not here or not any(window.isVisible() for window in QApplication.topLevelWidgets()):
        return function(lambda progress: True)
    call = _Call(function)
    if not call.done.wait(_BLINK):
        _wait(call, title, cancel)
    if not call.done.is_set():
        call.give_up()
        raise Cancelled
    return call.result()


def _wait(call: _Call[T], title: str, cancel: bool) -> None:
    loop = QEventLoop()
    dialog = QProgressDialog(title, "Cancel", 0, 0, QApplication.activeWindow())
    dialog.setWindowTitle("napari-medgen")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    timer = QTimer(dialog)
    timer.setSingleShot(True)
    timer.timeout.connect(dialog.show)
    timer.start(_PATIENCE)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if cancel:
        dialog.canceled.connect(loop.quit)
    else:
        dialog.setCancelButton(None)
    call.over.connect(loop.quit)
    dialog.setAutoReset(False)
    dialog.setAutoClose(False)

    looker = _Looker(dialog, title)
    call.told.connect(looker.show)
    for progress in call.said:  # before anybody listened
        looker.show(progress)
    gate = _Gate(dialog)
    application = QApplication.instance()
    if application is not None and not call.done.is_set():
        application.installEventFilter(gate)
        loop.exec()
        application.removeEventFilter(gate)
    call.told.disconnect(looker.show)
    if cancel:
        dialog.canceled.disconnect(loop.quit)
    dialog.close()


def _data_url(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(content, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"

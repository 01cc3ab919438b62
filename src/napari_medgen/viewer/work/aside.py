"""A call that must return its result, while the window lives: for napari's readers and writers, which cannot be jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from qtpy.QtCore import QEvent, QEventLoop, QObject, Qt, QThread, QTimer, Signal
from qtpy.QtWidgets import QApplication, QProgressDialog

T = TypeVar("T")
_BLINK = 0.03  # seconds: what is over by then needs no second event loop
_PATIENCE = 600  # milliseconds before the dialog shows


class Cancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The user did not want to wait."""


class _Call(QObject, Generic[T]):
    """A call in a thread of its own."""

    over = Signal()

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__()
        self._function = function
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, name="napari-medgen aside", daemon=True).start()

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # it is raised again in the thread that asked
            self._error = error
        # In this order: whoever finds it not done yet will hear of it.
        self.done.set()
        self.over.emit()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


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
    application = QApplication.instance()
    if not isinstance(application, QApplication) or QThread.currentThread() is not application.thread():
        return function()
    if not any(window.isVisible() for window in QApplication.topLevelWidgets()):
        return function()
    call = _Call(function)
    if not call.done.wait(_BLINK):
        _wait(call, title, cancel)
    if not call.done.is_set():
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
    gate = _Gate(dialog)
    application = QApplication.instance()
    if application is not None and not call.done.is_set():
        application.installEventFilter(gate)
        loop.exec()
        application.removeEventFilter(gate)
    if cancel:
        dialog.canceled.disconnect(loop.quit)
    dialog.close()

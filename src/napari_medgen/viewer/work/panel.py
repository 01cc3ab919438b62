"""The strip below a widget's button: progress, time left, Cancel, what waits, and what went wrong."""

from __future__ import annotations

import traceback
from pathlib import Path

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.running.progress import Progress
from napari_medgen.viewer.work.queue import Wait
from napari_medgen.viewer.work.toned import Toned


class UnexpectedError(Exception):
    """What went wrong, where, as text.

    napari keeps the errors that it shows as long as the window is open, and an error's frames hold the model that failed:
    gigabytes of a GPU's memory.
    """

    @classmethod
    def of(cls, error: Exception) -> UnexpectedError:
        """The text of an error."""
        told = cls(f"{type(error).__name__}: {error}")
        told.add_note("".join(traceback.format_exception(error)))
        return told


class WorkPanel(QWidget):
    """Shows one piece of work.

    Signals
    -------
    cancel_requested
        Cancel was pressed.
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._bar, self._cancel = QProgressBar(), QPushButton("Cancel")
        self._status, self._error = QLabel(), Toned("", "#ff8a80", "#b00020")
        self._open = QPushButton("Open folder")
        self._folder: Path | None = None
        self._cancel.setToolTip("End what runs here and what waits behind it")
        self._open.setToolTip("Show the folder that was written to")
        # A long line wraps rather than widening the dock.
        for label in (self._status, self._error):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a file may be called like markup
        self._status.setWordWrap(True)
        self._status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        said = QHBoxLayout()
        said.addWidget(self._status, 1)
        said.addWidget(self._open)
        layout.addLayout(said)
        layout.addWidget(self._error)
        self._open.clicked.connect(self._show_folder)
        self._cancel.clicked.connect(self.cancel_requested)
        self.rest()

    def begin(self, title: str, wait: Wait, waiting: int) -> None:
        """Show that a piece of work runs or waits, what it waits for, and how many wait behind it."""
        self._move(0, 0)
        self._cancel.setEnabled(True)
        message = ""
        if wait.before:
            about = f", about {_spoken(wait.seconds)}" if wait.seconds is not None else ""
            message = f"Waits for {wait.before} {'job' if wait.before == 1 else 'jobs'} before it{about}"
        self._say(title, message, waiting)

    def show_progress(self, title: str, progress: Progress, left: float | None, waiting: int) -> None:
        """Move the bar; ``left`` are seconds to go, None where nobody can say."""
        self._move(progress.step, progress.total)
        self._cancel.setEnabled(True)
        self._say(title, f"{progress.message}{'' if left is None else f', {_spoken(left)} left'}", waiting)

    def say(self, text: str, *, folder: Path | None = None) -> None:
        """Say what came of it, until the next piece begins.

        Parameters
        ----------
        folder
            Where files were written: a button opens it.
        """
        self._folder = folder
        self._open.setVisible(folder is not None)
        self._status.setText(text)
        self._status.setToolTip(text)

    def rest(self) -> None:
        """Nothing runs."""
        self._move(0, 1, text=False)
        self._cancel.setEnabled(False)
        self.say("Ready")

    def clear_error(self) -> None:
        """Take the last error away."""
        self._error.setText("")
        self._error.hide()

    def show_error(self, error: Exception) -> None:
        """One sentence for what users can cause; anything else also becomes a napari notification."""
        if isinstance(error, MedGenError):
            self._error.setText(str(error))
        else:
            from napari.utils.notifications import notification_manager

            self._error.setText(f"Something unexpected went wrong: {error}")
            told = UnexpectedError.of(error)
            notification_manager.receive_error(type(told), told, None)
        self._error.show()

    def _show_folder(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    @property
    def error(self) -> str:
        """The sentence that is shown; empty for none."""
        return self._error.text()

    @property
    def status(self) -> str:
        """The line below the bar."""
        return self._status.text()

    def _move(self, step: int, total: int, *, text: bool = True) -> None:
        # Qt's bar paints itself at once, and with it the whole canvas; without updates it waits for its turn.
        self._bar.setUpdatesEnabled(False)
        self._bar.setTextVisible(text)
        self._bar.setRange(0, total)
        self._bar.setValue(step)
        self._bar.setUpdatesEnabled(True)

    def _say(self, title: str, message: str, waiting: int) -> None:
        parts = [title, message, f"{waiting} more waiting" if waiting else ""]
        self.say(". ".join(part for part in parts if part))


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

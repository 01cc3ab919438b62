"""The strip below a widget's button: progress, time left, Cancel, what waits, and what went wrong."""

from __future__ import annotations

import time
import traceback

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.running.progress import Progress


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
        self._status, self._error = QLabel(), QLabel()
        self._cancel.setToolTip("End the running volume and those that wait")
        self._error.setWordWrap(True)
        # A long line is cut off rather than widening the dock; its tooltip has the whole.
        self._status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._error.setStyleSheet("color: #ff8a80; font-weight: bold;")
        row = QHBoxLayout()
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._status)
        layout.addWidget(self._error)
        self._cancel.clicked.connect(self.cancel_requested)
        self._begun = 0.0
        self.rest()

    def begin(self, title: str, waiting: int) -> None:
        """Show that a piece of work runs, and how many wait behind it."""
        self._begun = time.monotonic()
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(True)
        self._cancel.setEnabled(True)
        self._say(title, "", waiting)

    def show_progress(self, title: str, progress: Progress, waiting: int) -> None:
        """Move the bar."""
        self._bar.setRange(0, max(progress.total, 1))
        self._bar.setValue(progress.step)
        left = ""
        if 0 < progress.fraction < 1:
            seconds = (time.monotonic() - self._begun) * (1 - progress.fraction) / progress.fraction
            left = f", {seconds:.0f} s left" if seconds < 120 else f", {seconds / 60:.0f} min left"
        self._say(title, f"{progress.message}{left}", waiting)

    def rest(self) -> None:
        """Nothing runs."""
        self._bar.setRange(0, 1)
        self._bar.setValue(0)
        self._bar.setTextVisible(False)
        self._cancel.setEnabled(False)
        self._status.setText("Ready")

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
            notification_manager.receive_error(type(error), error, error.__traceback__)
            traceback.clear_frames(error.__traceback__)
        self._error.show()

    @property
    def error(self) -> str:
        """The sentence that is shown; empty for none."""
        return self._error.text()

    @property
    def status(self) -> str:
        """The line below the bar."""
        return self._status.text()

    def _say(self, title: str, message: str, waiting: int) -> None:
        parts = [title, message, f"{waiting} more waiting" if waiting else ""]
        text = ". ".join(part for part in parts if part)
        self._status.setText(text)
        self._status.setToolTip(text)

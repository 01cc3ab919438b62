"""The months: which one is on screen, in months and never in steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSlider, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel

ASKED_FOR = (12.0, 24.0, 48.0, 96.0)  # months that studies report


class MonthBar(QWidget):
    """A slider in months, and buttons for those that studies report.

    Signals
    -------
    month_requested
        Months after the baseline.
    """

    month_requested = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._months: Sequence[float] = ()
        self._words = QLabel()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Months after the baseline")
        self._slider.setToolTip("Months after the baseline; the slider below the picture does the same")
        self._slider.valueChanged.connect(self._moved)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(3)
        layout.addWidget(self._slider, 0, 0, 1, len(ASKED_FOR) - 1)
        layout.addWidget(self._words, 0, len(ASKED_FOR) - 1, 1, 2)
        self._buttons: dict[int, QPushButton] = {}
        for column, months in enumerate((0, *(int(month) for month in ASKED_FOR))):
            button = self._buttons[months] = QPushButton(f"{months} mo" if months else "Start")
            button.setMinimumWidth(1)
            button.setToolTip(f"Show the prediction after {months} months" if months else "Show the projected baseline")
            button.clicked.connect(lambda checked=False, months=months: self.month_requested.emit(float(months)))
            layout.addWidget(button, 1, column)

    def set_months(self, months: Sequence[float]) -> None:
        """Offer months; the buttons of others are off."""
        self._months = tuple(float(month) for month in months)
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(len(self._months) - 1, 0))
        self._slider.blockSignals(False)
        for month, button in self._buttons.items():
            button.setEnabled(any(abs(month - there) < 0.5 for there in self._months))

    def show_month(self, months: float) -> None:
        """Say which month is on screen."""
        self._words.setText(f"{months:g} months")
        if self._months:
            self._slider.blockSignals(True)
            self._slider.setValue(int(np.abs(np.asarray(self._months) - months).argmin()))
            self._slider.blockSignals(False)

    @property
    def words(self) -> str:
        """What is said of the month."""
        return self._words.text()

    def _moved(self, index: int) -> None:
        if index < len(self._months):
            self.month_requested.emit(self._months[index])


def name_slider(viewer: ViewerModel, axis: int, words: str) -> None:
    """Let napari's own slider say months, in the place of the number of a step; an empty text gives it back.

    Parameters
    ----------
    axis
        Of the viewer.
    words
        For example ``54``; the axis is called months.
    """
    window = getattr(viewer, "window", None)  # a ViewerModel has none
    if window is None or not 0 <= axis < viewer.dims.ndim:
        return
    sliders = window._qt_viewer.dims.slider_widgets
    if axis >= len(sliders):
        return
    step, last = sliders[axis].curslice_label, sliders[axis].totslice_label
    step.setVisible(not words)
    last.setText(words or str(viewer.dims.nsteps[axis] - 1))
    last.setMinimumWidth(last.fontMetrics().horizontalAdvance(words) + 6 if words else 0)

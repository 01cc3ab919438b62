"""Parts of which the views are made: notices, sentences that wrap, tables, a grid of buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from magicgui.widgets import Container
from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_medgen.viewer.work.toned import Toned


def form(container: Container[Any]) -> QWidget:
    """A form as a widget that keeps its height: squeezed fields cannot be read."""
    native: QWidget = container.native
    native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return native


def notice(text: str) -> QLabel:
    """What a reader must know before anything else of a widget."""
    return Toned(text, "#ff9f1c", "#a04a00")


def sentence(*, bold: bool = False) -> QLabel:
    """A line that wraps, however long, and does not widen the dock."""
    label = QLabel()
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if bold:
        label.setStyleSheet("font-weight: bold;")
    return label


def warning() -> QLabel:
    """A sentence that is only there while something is wrong; :func:`say` fills it."""
    label = sentence()
    label.setStyleSheet("color: #1b1b1b; background: #ffb703; padding: 5px; border-radius: 3px;")
    label.hide()
    return label


def say(label: QLabel, text: str) -> None:
    """Show a text, or nothing at all for an empty one."""
    label.setText(text)
    label.setVisible(bool(text))


def main_button(text: str) -> QPushButton:
    """The button of what the widget is for."""
    button = QPushButton(text)
    button.setStyleSheet("font-weight: bold; padding: 6px;")
    return button


class Table(QTableWidget):
    """A table whose lines are read and chosen, not edited.

    Parameters
    ----------
    headers
        Of the columns.
    single
        Whether one line is chosen at a time.
    """

    def __init__(self, headers: Sequence[str], *, single: bool = False) -> None:
        super().__init__(0, len(headers))
        self.setHorizontalHeaderLabels(list(headers))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        if single:
            self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        if (rows := self.verticalHeader()) is not None:
            rows.hide()

    def size_columns(self, mode: QHeaderView.ResizeMode, *, stretch_last: bool = False) -> None:
        """How the columns share the width."""
        if (header := self.horizontalHeader()) is not None:
            header.setSectionResizeMode(mode)
            header.setStretchLastSection(stretch_last)

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these lines in the place of those before."""
        self.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                self.setItem(row, column, QTableWidgetItem(text))

    @property
    def texts(self) -> list[tuple[str, ...]]:
        """What stands in it."""
        items = ([self.item(row, column) for column in range(self.columnCount())] for row in range(self.rowCount()))
        return [tuple(item.text() if item is not None else "" for item in line) for line in items]


class ButtonGrid(QWidget):
    """Buttons in two columns, each with the signal that it sends and what it says on hover.

    Parameters
    ----------
    buttons
        Text, signal and tip of each.
    """

    def __init__(self, buttons: Iterable[tuple[str, SignalInstance, str]]) -> None:
        super().__init__()
        self._buttons: dict[str, QPushButton] = {}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for place, (text, signal, tip) in enumerate(buttons):
            button = self._buttons[text] = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda checked=False, signal=signal: signal.emit())
            layout.addWidget(button, place // 2, place % 2)

    def __getitem__(self, text: str) -> QPushButton:
        return self._buttons[text]

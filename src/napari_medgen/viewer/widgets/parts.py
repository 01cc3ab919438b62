"""Parts of which the views are made: notices, sentences that wrap, tables, a grid of buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from magicgui.widgets import Container
from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtGui import QFont, QPixmap
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible
from superqt import QFlowLayout as FlowLayout

from napari_medgen.viewer.work.toned import Toned

_AMBER, _ON_AMBER = "#ffb703", "#1b1b1b"
_LONG_TIP = 70  # letters
_EXAMPLE = 110  # points that an example is high


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
    label.setTextFormat(Qt.TextFormat.PlainText)  # a file may be called like markup
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if bold:
        label.setStyleSheet("font-weight: bold;")
    return label


def warning() -> QLabel:
    """A sentence that is only there while something is wrong; :func:`say` fills it."""
    label = sentence()
    label.setStyleSheet(f"color: {_ON_AMBER}; background: {_AMBER}; padding: 5px; border-radius: 3px;")
    label.hide()
    return label


def folded(text: str) -> str:
    """A tip in lines of a readable length: Qt breaks rich text only."""
    return f"<qt>{escape(text)}</qt>" if len(text) > _LONG_TIP else text


def bold(font: QFont) -> QFont:
    """The same font, bold."""
    heavier = QFont(font)
    heavier.setBold(True)
    return heavier


def say(label: QLabel, text: str) -> None:
    """Show a text, or nothing at all for an empty one."""
    label.setText(text)
    label.setVisible(bool(text))


def main_button(text: str) -> QPushButton:
    """The button of what the widget is for."""
    button = QPushButton(text)
    button.setStyleSheet("font-weight: bold; padding: 6px;")
    return button


class Folded(QCollapsible):
    """A section that is folded at first; nothing in it can be reached while it is folded.

    Parameters
    ----------
    title
        What is in it.
    widgets
        Its content.
    """

    def __init__(self, title: str, *widgets: QWidget) -> None:
        super().__init__(title)
        for widget in widgets:
            self.addWidget(widget)
        # A long title does not widen the dock beyond a small screen.
        self.toggleButton().setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.toggleButton().setToolTip(title)
        self.content().setVisible(False)
        self.toggled.connect(self.content().setVisible)
        self.setDuration(0)


class Refusal(QFrame):
    """Why something was not done, and what can be done about it: the reason and its buttons stand together.

    Parameters
    ----------
    buttons
        Text, signal and tip of each that may be offered.
    """

    def __init__(self, buttons: Iterable[tuple[str, SignalInstance, str]]) -> None:
        super().__init__()
        self._reason, self._example, self._buttons = sentence(), QLabel(), {}
        self.setObjectName("refusal")
        self.setStyleSheet(
            f"#refusal {{ background: {_AMBER}; border-radius: 3px; }} #refusal QLabel {{ color: {_ON_AMBER}; }}"
            f"#refusal QPushButton:focus {{ border: 2px solid {_ON_AMBER}; }}"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self._reason)
        layout.addWidget(self._example)
        row = FlowLayout()
        row.setSpacing(6)
        for text, signal, tip in buttons:
            button = self._buttons[text] = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda checked=False, signal=signal: signal.emit())
            row.addWidget(button)
        layout.addLayout(row)
        self.say("")

    def say(self, reason: str, offered: Iterable[str] = (), example: Path | None = None) -> None:
        """Show a reason with some of the buttons, and an example of what is right; nothing at all for an empty reason.

        Parameters
        ----------
        example
            A picture of what the model expects.
        """
        offered = set(offered)
        self._reason.setText(reason)
        for text, button in self._buttons.items():
            button.setVisible(text in offered)
        picture = QPixmap(str(example)) if reason and example is not None else QPixmap()
        if not picture.isNull():
            self._example.setPixmap(picture.scaledToHeight(_EXAMPLE, Qt.TransformationMode.SmoothTransformation))
            self._example.setToolTip("An example of what the model expects")
        self._example.setVisible(not picture.isNull())
        self.setVisible(bool(reason))

    @property
    def reason(self) -> str:
        """What is said; empty for nothing."""
        return self._reason.text()

    @property
    def offered(self) -> list[str]:
        """The buttons that are offered."""
        return [text for text, button in self._buttons.items() if not button.isHidden() and self.reason]


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
        if (corner := self.findChild(QAbstractButton)) is not None:
            corner.setAccessibleName("Choose all lines")

    def size_columns(self, mode: QHeaderView.ResizeMode, *, stretch_last: bool = False) -> None:
        """How the columns share the width."""
        if (header := self.horizontalHeader()) is not None:
            header.setSectionResizeMode(mode)
            header.setStretchLastSection(stretch_last)

    def explain_columns(self, tips: Sequence[str]) -> None:
        """What each column means, on hover."""
        for column, tip in enumerate(tips):
            if (header := self.horizontalHeaderItem(column)) is not None:
                header.setToolTip(folded(tip))

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

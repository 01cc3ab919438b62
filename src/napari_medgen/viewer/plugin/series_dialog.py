"""The series that were found, as a list to choose from: a thumbnail, what it is called, how many images, how large."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medgen.imaging.series.finding import Entry

_SIDE = 72
_HEADINGS = ("Series", "Images", "Rows x columns", "mm", "Remarks")


class SeriesDialog(QDialog):
    """Chooses among series.

    Parameters
    ----------
    entries
        What there is.
    thumbnails
        (72, 72) 8-bit grey for each, or None where it could not be read.
    where
        The name of the folder or the archive.
    failures
        How many files could not be read.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        thumbnails: Sequence[NDArray[np.uint8] | None],
        where: str,
        failures: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose a series")
        self._entries = list(entries)
        self.table = QTableWidget(len(entries), len(_HEADINGS))
        self.table.setHorizontalHeaderLabels(_HEADINGS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setIconSize(QSize(_SIDE, _SIDE))
        self.table.setWordWrap(True)
        self.table.setAccessibleName("Series")
        for row, (entry, picture) in enumerate(zip(entries, thumbnails, strict=True)):
            self._fill(row, entry, picture)
        self._lay_out_columns()
        self.even = QCheckBox("Resample slices that are unevenly apart")
        self.even.setToolTip("Linear, at their median distance. Without it, such a series is not opened.")
        self.even.setVisible(any(entry.stack is not None and not entry.stack.even for entry in entries))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self._open = buttons.button(QDialogButtonBox.StandardButton.Open)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        words = QLabel(_introduction(len(entries), where, failures))
        words.setTextFormat(Qt.TextFormat.PlainText)  # a folder may be called like a piece of HTML
        layout.addWidget(words)
        layout.addWidget(self.table)
        layout.addWidget(self.even)
        layout.addWidget(buttons)
        self.table.itemSelectionChanged.connect(self._follow_selection)
        self.table.itemDoubleClicked.connect(lambda _: self.accept())
        self.table.selectRow(_most_images(entries))
        self.resize(860, min(200 + len(entries) * (_SIDE + 8), 640))

    @property
    def chosen(self) -> list[Entry]:
        """What is selected, in the order of the list."""
        model = self.table.selectionModel()
        rows = {index.row() for index in model.selectedRows()} if model is not None else set()
        return [self._entries[row] for row in sorted(rows)]

    def _fill(self, row: int, entry: Entry, picture: NDArray[np.uint8] | None) -> None:
        texts = (entry.title, str(entry.images), entry.size, entry.steps, " ".join(entry.remarks))
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(f"<span>{html.escape(text)}</span>")
            if column in (1, 2, 3):
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self.table.setItem(row, column, item)
        first = self.table.item(row, 0)
        if picture is not None and first is not None:
            first.setIcon(QIcon(_pixmap(picture)))
        self.table.setRowHeight(row, _SIDE + 6)

    def _lay_out_columns(self) -> None:
        header, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        assert header is not None
        assert rows is not None
        rows.hide()
        for column in range(len(_HEADINGS)):
            grows = column in (0, 4)
            mode = QHeaderView.ResizeMode.Stretch if grows else QHeaderView.ResizeMode.ResizeToContents
            header.setSectionResizeMode(column, mode)

    def _follow_selection(self) -> None:
        if self._open is not None:
            count = len(self.chosen)
            self._open.setEnabled(count > 0)
            self._open.setText("Open" if count < 2 else f"Open {count} series")


def _introduction(count: int, where: str, failures: int) -> str:
    said = f"{where} holds {count} series. Ctrl and click chooses several."
    if failures:
        said += f" {failures} file(s) could not be read."
    return said


def _most_images(entries: Sequence[Entry]) -> int:
    """The volume with most slices is what people mostly look for."""
    return max(range(len(entries)), key=lambda row: (entries[row].stack is not None, entries[row].images))


def _pixmap(grey: NDArray[np.uint8]) -> QPixmap:
    rows, columns = grey.shape
    image = QImage(np.ascontiguousarray(grey).tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.copy())

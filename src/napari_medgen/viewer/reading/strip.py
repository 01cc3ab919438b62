"""The strip of thumbnails below the views: one for each case, the one that is shown chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from napari_medgen.viewer.reading.cases import THUMBNAIL

_LABEL = 26  # points below a thumbnail


class Strip(QListWidget):
    """Thumbnails of a work list.

    Signals
    -------
    chosen
        The case that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.setGridSize(QSize(THUMBNAIL + 16, THUMBNAIL + _LABEL))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setFixedHeight(THUMBNAIL + _LABEL + 22)
        self.setHorizontalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Page up and down stay with the views
        self.setAccessibleName("Cases")
        self._empty = _icon(np.full((THUMBNAIL, THUMBNAIL), 40, np.uint8))
        self.itemClicked.connect(lambda item: self.chosen.emit(self.row(item)))

    def fill(self, names: Sequence[str]) -> None:
        """Show a list, its pictures to come."""
        self.clear()
        for name in names:
            item = QListWidgetItem(self._empty, name)
            item.setToolTip(name)
            self.addItem(item)

    def set_picture(self, index: int, picture: NDArray[np.uint8]) -> None:
        """Show the thumbnail of a case."""
        if (item := self.item(index)) is not None:
            item.setIcon(_icon(picture))

    def set_fault(self, index: int, fault: str) -> None:
        """Say that a case cannot be shown, and why."""
        if (item := self.item(index)) is not None:
            item.setText(f"\N{WARNING SIGN} {item.text()}")
            item.setToolTip(fault)

    def choose(self, index: int) -> None:
        """Show which case is on the screen."""
        self.setCurrentRow(index)
        if (item := self.item(index)) is not None:
            self.scrollToItem(item)


def _icon(picture: NDArray[np.uint8]) -> QIcon:
    pixels = np.ascontiguousarray(picture)
    rows, columns = pixels.shape
    image = QImage(pixels.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QIcon(QPixmap.fromImage(image.copy()))

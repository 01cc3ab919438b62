"""What the colours of a layer mean, as a bar with words and a unit."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QWidget

from napari_medgen.saliency.colours import AGAINST, FOR


class ColourBar(QWidget):
    """What the colours mean: one end on the left, the other on the right, the unit between them.

    Where a colour is see-through, the bar shows the grey of an image.
    """

    def __init__(self) -> None:
        super().__init__()
        self._signed, self.ends, self.unit = True, ("", ""), ""
        self.setMinimumHeight(40)
        self.setToolTip("The strongest colour is reached at the ends. Where there is nothing, nothing is drawn.")
        self.setAccessibleName("What the colours mean")

    def show_meaning(self, ends: tuple[str, str], unit: str, *, signed: bool) -> None:
        """Say what both ends stand for, and what is counted."""
        self.ends, self.unit, self._signed = ends, unit, signed
        self.update()

    def paintEvent(self, event: object) -> None:
        """The bar, and the words below it."""
        painter = QPainter(self)
        bar = self.rect().adjusted(0, 0, -1, -22)
        gradient = QLinearGradient(float(bar.left()), 0.0, float(bar.right()), 0.0)
        base = QColor(90, 90, 90)
        colours = (
            ((0.0, QColor.fromRgbF(*AGAINST)), (0.5, base), (1.0, QColor.fromRgbF(*FOR)))
            if self._signed
            else ((0.0, base), (1.0, QColor.fromRgbF(*FOR)))
        )
        for place, colour in colours:
            gradient.setColorAt(place, colour)
        painter.fillRect(bar, gradient)
        painter.setPen(self.palette().windowText().color())
        text = self.rect().adjusted(0, bar.height() + 2, 0, 0)
        left, right = self.ends
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, left)
        painter.drawText(text, Qt.AlignmentFlag.AlignHCenter, self.unit)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight, right)
        painter.end()

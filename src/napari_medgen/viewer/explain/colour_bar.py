"""What the colours of a map mean, as a bar."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QWidget

from napari_medgen.saliency.colours import AGAINST, FOR


class ColourBar(QWidget):
    """What the colours mean: against the class on the left, for it on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._signed, self._label = True, ""
        self.setMinimumHeight(40)
        self.setToolTip("The strongest colour is reached at the clip. Where the map is zero nothing is drawn.")

    def show_meaning(self, label: str, *, signed: bool) -> None:
        """Say what both ends stand for."""
        self._label, self._signed = label, signed
        self.update()

    @property
    def ends(self) -> tuple[str, str]:
        """Texts of the left and of the right end."""
        what = self._label or "the class"
        return (f"against {what}", f"for {what}") if self._signed else ("no influence", f"much influence on {what}")

    def paintEvent(self, event: object) -> None:
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
        painter.drawText(text, Qt.AlignmentFlag.AlignRight, right)
        painter.end()

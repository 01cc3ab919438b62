"""A transparent widget over a view that paints its furniture: for a crosshair that moves, no image is drawn again."""

from __future__ import annotations

from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_medgen.saliency.colours import signed_colours
from napari_medgen.viewer.reading.furniture import Furniture
from napari_medgen.viewer.reading.words import write

_MARGIN = 7.0
_LETTER, _TEXT, _MARK = "#8ecae6", "#e8eef2", "#ff9f1c"


class Glass(QWidget):
    """Over a canvas; what the pointer does goes through it.

    Parameters
    ----------
    canvas
        The widget that it lies over.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.furniture = Furniture()
        self.mark_place = "upper right"  # or "upper left", "lower left"
        self.rubber: QRectF | None = None

    def set_furniture(self, furniture: Furniture) -> None:
        """Paint something else, if it is something else."""
        if furniture != self.furniture:
            self.furniture = furniture
            self.update()

    def set_rubber(self, rectangle: QRectF | None) -> None:
        """Paint the rectangle that is being drawn."""
        self.rubber = rectangle
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        thing, wide, high = self.furniture, float(self.width()), float(self.height())
        for line in thing.lines:
            painter.setPen(QPen(QColor(line.colour), 1.0))
            painter.drawLine(QLineF(*line.start, *line.end))
        if thing.swipe is not None:
            painter.setPen(QPen(QColor(_TEXT), 1.5))
            painter.drawLine(QLineF(thing.swipe, 0, thing.swipe, high))
            painter.setBrush(QColor(_TEXT))
            painter.drawEllipse(QPointF(thing.swipe, high / 2), 5, 5)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        small, letter = _font(self, 0.92), _font(self, 1.25, bold=True)
        row = QFontMetricsF(small).height()
        top = _MARGIN
        room = wide - 2 * _MARGIN
        title_font = _font(self, 1.0, bold=True)
        mark_width = QFontMetricsF(title_font).horizontalAdvance(thing.mark) + 2 * _MARGIN if thing.mark else 0.0
        beside = room - mark_width if self.mark_place == "upper right" else room
        if thing.mark and self.mark_place == "upper left":
            self._paint_mark(painter, _MARGIN, top, room)
            top += QFontMetricsF(title_font).height() + 4
        if thing.title:
            write(painter, title_font, thing.title, _MARGIN, top, beside, thing.colour)
            top += QFontMetricsF(title_font).height()
        for text in thing.upper:
            write(painter, small, text, _MARGIN, top, beside if top < 2.2 * row else room, _TEXT)
            top += row
        bottom = high - _MARGIN - row
        lowest = bottom
        for text in reversed(thing.window):
            width = QFontMetricsF(small).horizontalAdvance(text)
            write(painter, small, text, wide - _MARGIN - width, bottom, room, _TEXT)
            bottom -= row
        taken = max((QFontMetricsF(small).horizontalAdvance(text) for text in thing.window), default=0.0)
        bottom = lowest
        for text in reversed(thing.lower):
            write(painter, small, text, _MARGIN, bottom, room - taken - _MARGIN, _TEXT)
            bottom -= row
        if thing.mark and self.mark_place == "lower left":
            self._paint_mark(painter, _MARGIN, bottom - 4, room)
        if thing.ruler is not None:
            self._paint_ruler(painter, small, wide, lowest - row * max(len(thing.window), 1))
        written = max((QFontMetricsF(small).horizontalAdvance(text) for text in thing.lower), default=0.0) + 2 * _MARGIN
        crowded = written > wide / 2 - QFontMetricsF(letter).maxWidth()
        self._paint_letters(painter, letter, wide, high - (len(thing.lower) * row if crowded else 0.0), high)
        if thing.bar is not None:
            self._paint_bar(painter, small, wide, high)
        if thing.mark and self.mark_place == "upper right":
            self._paint_mark(painter, wide - mark_width, _MARGIN, room)
        if self.rubber is not None:
            painter.setPen(QPen(QColor(_MARK), 1.0, Qt.PenStyle.DashLine))
            painter.drawRect(self.rubber)
        if thing.active:
            painter.setPen(QPen(QColor(thing.colour), 1.0))
            painter.drawRect(QRectF(0.5, 0.5, wide - 1, high - 1))
        painter.end()

    def _paint_letters(self, painter: QPainter, font: QFont, wide: float, low: float, high: float) -> None:
        measure = QFontMetricsF(font)
        for side, text in self.furniture.edges.items():
            if not text:
                continue
            width, height = measure.horizontalAdvance(text), measure.height()
            place = {
                "top": ((wide - width) / 2, _MARGIN / 2),
                "bottom": ((wide - width) / 2, low - height - _MARGIN / 2),
                "left": (_MARGIN, (high - height) / 2),
                "right": (wide - width - _MARGIN, (high - height) / 2),
            }[side]
            write(painter, font, text, *place, wide, _LETTER)

    def _paint_ruler(self, painter: QPainter, font: QFont, wide: float, above: float) -> None:
        assert self.furniture.ruler is not None
        length, text = self.furniture.ruler
        right, y = wide - _MARGIN, above - 5
        for colour, width in (("#000000", 3.5), (_TEXT, 1.5)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawLine(QLineF(right - length, y, right, y))
            for x in (right - length, right):
                painter.drawLine(QLineF(x, y - 3, x, y + 3))
        measure = QFontMetricsF(font)
        write(painter, font, text, right - measure.horizontalAdvance(text), y - measure.height() - 3, wide, _TEXT)

    def _paint_bar(self, painter: QPainter, font: QFont, wide: float, high: float) -> None:
        assert self.furniture.bar is not None
        low, top = self.furniture.bar
        length, width = min(high * 0.4, 160.0), 10.0
        place = QRectF(wide - _MARGIN - width, (high - length) / 2 - 30, width, length)
        gradient = QLinearGradient(place.bottomLeft(), place.topLeft())
        colours = signed_colours()
        for step in range(0, 255, 16):
            red, green, blue, alpha = (float(value) for value in colours[step])
            gradient.setColorAt(step / 254, QColor.fromRgbF(red * alpha, green * alpha, blue * alpha))
        painter.fillRect(place, gradient)
        painter.setPen(QPen(QColor(_TEXT), 1.0))
        painter.drawRect(place)
        measure = QFontMetricsF(font)
        for text, y in (
            (top, place.top()),
            ("0", place.center().y() - measure.height() / 2),
            (low, place.bottom() - measure.height()),
        ):
            write(painter, font, text, place.left() - 4 - measure.horizontalAdvance(text), y, wide, _TEXT)

    def _paint_mark(self, painter: QPainter, x: float, y: float, room: float) -> None:
        font = _font(self, 1.0, bold=True)
        measure = QFontMetricsF(font)
        text = measure.elidedText(self.furniture.mark, Qt.TextElideMode.ElideRight, room)
        painter.fillRect(QRectF(x, y, measure.horizontalAdvance(text) + 8, measure.height() + 2), QColor("#000000"))
        write(painter, font, text, x + 4, y + 1, room, _MARK)


def _font(widget: QWidget, factor: float, *, bold: bool = False) -> QFont:
    font = QFont(widget.font())
    points = font.pointSizeF()
    if points > 0:
        font.setPointSizeF(points * factor)
    else:
        font.setPixelSize(max(1, round(font.pixelSize() * factor)))
    font.setBold(bold)
    return font

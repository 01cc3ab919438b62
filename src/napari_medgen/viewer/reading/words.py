"""Words with a dark rim, which can be read on bone and on air.

Stroking the rim of thirty words takes longer than drawing a slice, and from one slice to the next few of them change: each
is drawn once and kept as a picture.
"""

from __future__ import annotations

import functools
import math

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap

_RIM = 3.0  # width of the pen; half of it is seen
_KEPT = 300  # of a few kilobytes


def write(painter: QPainter, font: QFont, text: str, x: float, y: float, room: float, colour: str) -> None:
    """Write a text from its upper left corner; cut with dots where there is no room."""
    text = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, max(room, 8.0))
    device = painter.device()
    ratio = device.devicePixelRatioF() if device is not None else 1.0
    # On whole pixels of the screen, or a picture is blurred.
    place = QPointF(round((x - _RIM) * ratio) / ratio, round((y - _RIM) * ratio) / ratio)
    painter.drawPixmap(place, _picture(font.toString(), tuple(font.families()), text, colour, ratio))


@functools.lru_cache(maxsize=_KEPT)
def _picture(described: str, families: tuple[str, ...], text: str, colour: str, ratio: float) -> QPixmap:
    font = QFont()
    font.fromString(described)
    font.setFamilies(list(families))  # the description names the first alone
    measure = QFontMetricsF(font)
    path = QPainterPath()
    path.addText(QPointF(_RIM, _RIM + measure.ascent()), font, text)
    wide = max(measure.horizontalAdvance(text), path.boundingRect().right()) + 2 * _RIM
    picture = QPixmap(math.ceil(wide * ratio), math.ceil((measure.height() + 2 * _RIM) * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rim = QPen(QColor(0, 0, 0, 200), _RIM, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(rim)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.fillPath(path, QColor(colour))
    painter.end()
    return picture

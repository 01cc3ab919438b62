"""The report as a file: HTML as it is, PDF through Qt's text layout, with what must be known at the foot of each page."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.progression.report import NOTICE, report, warning_of
from napari_medgen.running.writing import text_bytes, write_whole

if TYPE_CHECKING:
    from napari_medgen.progression.forecast import Forecast

_MARGIN, _FOOT = 15.0, 14.0  # millimetres
_DPI = 96  # so that the style sheet's pixels are what they are on a screen


def write_report(forecast: Forecast, path: Path, baseline: datetime.date | None = None) -> Path:
    """Write the report as PDF or HTML, by the name's ending (PDF where it has none).

    Parameters
    ----------
    baseline
        When the image was taken; None where nobody said it.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    if path.suffix.lower() not in (".pdf", ".html", ".htm"):
        path = path.with_name(path.name + ".pdf")
    text = report(forecast, baseline=baseline)
    if path.suffix.lower() == ".pdf":
        name = forecast.projected.image.origin_name
        content = _pdf(text, f"{name}: predicted progression", f"{warning_of(forecast)} SYNTHETIC images. {NOTICE}".strip())
    else:
        content = text_bytes(text)
    return write_whole(path, content, ImageError)


def _pdf(text: str, title: str, foot: str) -> bytes:
    from qtpy.QtCore import QBuffer, QIODevice, QMarginsF, QRectF, QSizeF, Qt
    from qtpy.QtGui import QFont, QPageLayout, QPageSize, QPainter, QPdfWriter, QTextDocument

    content = QBuffer()
    content.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(content)
    writer.setTitle(title)
    writer.setCreator("napari-medgen")
    writer.setResolution(_DPI)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(_MARGIN, _MARGIN, _MARGIN, _MARGIN), QPageLayout.Unit.Millimeter)
    width, height = float(writer.width()), float(writer.height())
    room = height - _FOOT / 25.4 * _DPI
    document = QTextDocument()
    document.setDocumentMargin(0)  # the page has its own
    document.setPageSize(QSizeF(width, room))
    document.setHtml(re.sub(r'<p class="foot">.*?</p>', "", text, flags=re.DOTALL))  # the pages have their own
    pages = document.pageCount()
    painter = QPainter(writer)
    small = QFont("sans-serif")
    small.setPixelSize(10)
    for page in range(pages):
        if page:
            writer.newPage()
        painter.save()
        painter.translate(0, -page * room)
        document.drawContents(painter, QRectF(0, page * room, width, room))
        painter.restore()
        painter.setFont(small)
        line = QRectF(0, room + 8, width, height - room - 8)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom), f"{page + 1} of {pages}")
        line.setWidth(width - 60)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap), foot)
    painter.end()
    return content.data().data()

"""The report as a file: HTML as it is, PDF through Qt's text layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.progression.report import report
from napari_medgen.running.writing import text_bytes, write_whole

if TYPE_CHECKING:
    from napari_medgen.progression.forecast import Forecast


def write_report(forecast: Forecast, path: Path) -> Path:
    """Write the report as PDF or HTML, by the name's ending (PDF where it has none).

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    if path.suffix.lower() not in (".pdf", ".html", ".htm"):
        path = path.with_name(path.name + ".pdf")
    text = report(forecast)
    content = _pdf(text) if path.suffix.lower() == ".pdf" else text_bytes(text)
    return write_whole(path, content, ImageError)


def _pdf(text: str) -> bytes:
    from qtpy.QtCore import QBuffer, QIODevice, QMarginsF, QSizeF
    from qtpy.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

    content = QBuffer()
    content.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(content)
    writer.setResolution(96)  # so that the style sheet's pixels are what they are on a screen
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(15, 15, 15, 15), QPageLayout.Unit.Millimeter)
    document = QTextDocument()
    document.setDocumentMargin(0)  # the page has its own
    document.setPageSize(QSizeF(writer.width(), writer.height()))
    document.setHtml(text)
    document.print_(writer) if hasattr(document, "print_") else document.print(writer)
    del writer  # ends the last page
    return content.data().data()

"""The report as a file: HTML as it is, PDF through Qt's text layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.errors import ImageError
from napari_medgen.progression.report import report

if TYPE_CHECKING:
    from napari_medgen.progression.report import Outlook


def write_report(outlook: Outlook, path: Path) -> Path:
    """Write the report as PDF or HTML, by the name's ending (PDF where it has none).

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    if path.suffix.lower() not in (".pdf", ".html", ".htm"):
        path = path.with_name(path.name + ".pdf")
    text = report(outlook)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".pdf":
            path.write_bytes(b"")  # says now whether it can be written: Qt would only warn
            _write_pdf(text, path)
        else:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def _write_pdf(text: str, path: Path) -> None:
    from qtpy.QtCore import QMarginsF, QSizeF
    from qtpy.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

    writer = QPdfWriter(str(path))
    writer.setResolution(96)  # so that the style sheet's pixels are what they are on a screen
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(15, 15, 15, 15), QPageLayout.Unit.Millimeter)
    document = QTextDocument()
    document.setDocumentMargin(0)  # the page has its own
    document.setPageSize(QSizeF(writer.width(), writer.height()))
    document.setHtml(text)
    document.print_(writer) if hasattr(document, "print_") else document.print(writer)

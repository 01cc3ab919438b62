"""What a study found, for its manager when it is over, and for a reader where the protocol allows it."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.qt import get_stylesheet
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QCloseEvent, QDesktopServices, QImage, QTextDocument
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QMainWindow,
    QPushButton,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_medgen.errors import StudyError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.study.analysis.analysis import Analysis, analyse
from napari_medgen.study.analysis.from_study import opened, readings_of
from napari_medgen.study.analysis.parts import Section, Table
from napari_medgen.study.analysis.plan import kept_plan
from napari_medgen.study.report.page import STANDINGS, standing_of
from napari_medgen.study.report.pictures import png
from napari_medgen.study.report.writing import PAGE, write_report
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.style import STYLE
from napari_medgen.viewer.work.queue import Job, WorkQueue, file_queue

_DOTS = 110  # to the inch


@dataclass(frozen=True)
class Shown:
    """An analysis and its pictures, drawn: by number of the section."""

    analysis: Analysis
    pictures: dict[int, tuple[bytes, ...]]


class Results(QMainWindow):
    """The sections of an analysis: sentences, tables and figures, and the report as files.

    Parameters
    ----------
    study
        Whose blind is open.
    reader
        Whose own results are shown; empty for those of all, which are the manager's.
    files
        Where it is computed in the background; the process's own queue by default.
    """

    def __init__(self, study: Study, reader: str = "", files: WorkQueue | None = None) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{study.protocol.title}: {f'results of {reader}' if reader else 'results'}")
        self.setStyleSheet(get_stylesheet("dark") + STYLE)
        self.setObjectName("study")
        self.resize(1180, 720)
        self._study, self._reader, self._files = study, reader, files or file_queue()
        self._job: int | None = None
        self._shown: Shown | None = None
        middle = QWidget()
        middle.setObjectName("page")
        column = QVBoxLayout(middle)
        self.said = QLabel("Analysing")
        self.said.setWordWrap(True)
        column.addWidget(self.said)
        self.sections = QListWidget()
        self.sections.setAccessibleName("Analyses")
        self.sections.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.sections.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sections.currentRowChanged.connect(self._turn)
        self.text = QTextBrowser()
        self.text.setAccessibleName("What was found")
        self.text.setOpenLinks(False)
        self.text.setStyleSheet("QTextBrowser { background: #ffffff; color: #1a1a1a; padding: 8px; }")
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(self.sections)
        parts.addWidget(self.text)
        parts.setSizes([300, 880])
        column.addWidget(parts, 1)
        row = QHBoxLayout()
        self.save_button, self.open_button = QPushButton("Save the report..."), QPushButton("Open the report")
        self.save_button.clicked.connect(self._choose)
        self.open_button.clicked.connect(self._open)
        self.save_button.setEnabled(False)
        self.open_button.hide()
        row.addWidget(self.save_button)
        row.addWidget(self.open_button)
        row.addStretch(1)
        column.addLayout(row)
        self.setCentralWidget(middle)
        self._written: Path | None = None
        self._submit("Analysing", self._analysed, self._show)

    def _analysed(self) -> Steps[Shown]:
        found = opened(self._study)
        if self._reader and not self._study.protocol.own_results:
            raise StudyError("The protocol does not say that readers may see their own results (own_results: true).")
        readings = readings_of(found)
        if self._reader:
            readings = readings.only(self._reader)
        analysis = yield from analyse(readings, kept=kept_plan(self._study, found.made.plan))
        pictures = {}
        for number, section in enumerate(analysis.sections):
            yield Progress(number, len(analysis.sections), "Drawing")
            pictures[number] = tuple(png(picture, _DOTS) for picture in section.pictures)
        return Shown(analysis, pictures)

    def _submit(self, name: str, steps: Callable[[], Steps[Any]], on_result: Callable[[Any], None]) -> None:
        self._job = self._files.submit(
            Job(name, steps, "", self._progress, on_result, on_error=self._fail, on_end=self._over)
        )

    def _progress(self, progress: Progress) -> None:
        self.said.setText(f"{progress.message or 'Analysing'}...")

    def _over(self) -> None:
        self._job = None

    def _fail(self, error: Exception) -> None:
        self.said.setText(str(error))

    def _show(self, shown: Shown) -> None:
        self._shown = shown
        self.said.setText(standing_of(shown.analysis))
        for section in shown.analysis.sections:
            badge = STANDINGS[section.standing]
            mark = badge.split()[0].capitalize() if badge and badge != "exploratory" else ""
            title = f"{mark}: {section.title}" if mark else section.title
            self.sections.addItem(title)
            item = self.sections.item(self.sections.count() - 1)
            if item is not None:
                item.setToolTip(title)
        self.sections.setCurrentRow(0)
        self.save_button.setEnabled(not self._reader)
        self.save_button.setVisible(not self._reader)

    def _turn(self, row: int) -> None:
        if self._shown is None or row < 0:
            return
        section = self._shown.analysis.sections[row]
        document = self.text.document()
        parts = [_words(section)]
        for place, content in enumerate(self._shown.pictures[row]):
            image = QImage.fromData(content)
            image.setDevicePixelRatio(1.0)
            name = f"picture-{row}-{place}"
            if document is not None:
                document.addResource(int(QTextDocument.ResourceType.ImageResource.value), QUrl(name), image)
            picture = section.pictures[place]
            parts.append(f'<p><img src="{name}" width="{image.width()}"></p>')
            parts.append(f"<p><b>{html.escape(picture.title)}.</b> {html.escape(picture.alt)}</p>")
        self.text.setHtml("".join(parts))

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the report", str(self._study.folder))
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Write the report into a folder, in the background."""
        shown = self._shown
        if shown is None or self._job is not None:
            return
        self._submit("Report", lambda: write_report(shown.analysis, folder), self._saved)

    def _saved(self, written: list[Path]) -> None:
        self._written = next(path for path in written if path.name == PAGE)
        self.said.setText(f"The report lies in {self._written.parent}.")
        self.open_button.show()

    def _open(self) -> None:
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written)))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Compute no more."""
        if self._job is not None:
            self._files.cancel(self._job)
        super().closeEvent(event)


def _words(section: Section) -> str:
    """A section's sentences, tables and problems as rich text."""
    parts = [f"<h3>{html.escape(section.title)}</h3>"]
    parts += [f"<p>{html.escape(text)}</p>" for text in section.sentences]
    parts += [_table(table) for table in section.tables]
    if section.problems:
        items = "".join(f"<li>{html.escape(text)}</li>" for text in section.problems)
        parts.append(f"<p><b>What could not be estimated, or was left out</b></p><ul>{items}</ul>")
    return "".join(parts)


def _table(table: Table) -> str:
    columns, rows = table.shown
    heads = "".join(f'<th align="left">{html.escape(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    note = f'<p style="color:#444444"><small>{html.escape(table.note)}</small></p>' if table.note else ""
    return (
        f"<p><b>{html.escape(table.title)}</b></p>"
        f'<table cellspacing="0" cellpadding="4" border="1" style="border-collapse:collapse; border-color:#cccccc">'
        f"<tr>{heads}</tr>{body}</table>{note}"
    )

"""The same report as a PDF: A4 pages laid out by hand, for no browser and no window is at hand where it is made."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from napari_medgen.running.figures import as_written
from napari_medgen.study.analysis.analysis import Analysis
from napari_medgen.study.analysis.parts import Picture, Table
from napari_medgen.study.report.checklists import checklists
from napari_medgen.study.report.methods import methods
from napari_medgen.study.report.page import STANDINGS, standing_of
from napari_medgen.study.report.pictures import png

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

_WIDE, _HIGH = 8.27, 11.69  # A4 in inches
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.75, 0.75, 0.8, 0.8
_LETTER = 0.00735  # width of a letter of DejaVu Sans in inches, per point of size, on average
_DOTS = 220  # of figures, to the inch
_FRONT, _SOFT = "#1a1a1a", "#555555"


def pdf(analysis: Analysis, now: datetime | None = None) -> bytes:
    """The report as a PDF."""
    return _pdf(analysis, now)


@as_written
def _pdf(analysis: Analysis, now: datetime | None) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    at = (now or datetime.now(UTC)).astimezone(UTC)
    written = io.BytesIO()
    info = {"Title": analysis.readings.title, "Creator": "napari-medgen", "CreationDate": at}
    with rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans"}), PdfPages(written, metadata=info) as pages:
        flow = _Flow(pages, analysis.readings.title)
        flow.text(analysis.readings.title, 16, bold=True)
        flow.text(f"{at:%d %B %Y, %H:%M} UTC. {analysis.readings.source}.", 9, colour=_SOFT)
        flow.text(standing_of(analysis), 10, bold=True)
        for section in analysis.sections:
            badge = STANDINGS[section.standing]
            flow.heading(section.title + (f" ({badge})" if badge else ""))
            for text in section.sentences:
                flow.text(text, 9.5)
            for table in section.tables:
                flow.table(table)
            for picture in section.pictures:
                flow.picture(picture)
            if section.problems:
                flow.text("What could not be estimated, or was left out", 9, bold=True)
                for text in section.problems:
                    flow.text(f"\N{BULLET} {text}", 9)
        flow.heading("Methods")
        for text in methods(analysis):
            flow.text(text, 9.5)
        flow.heading("Reporting guidelines")
        for table in checklists(analysis):
            flow.table(table)
        flow.end()
    return written.getvalue()


class _Flow:
    """Text, tables and figures from top to bottom, page after page."""

    def __init__(self, pages: PdfPages, title: str) -> None:
        self._pages, self._title = pages, title
        self._figure: Figure | None = None
        self._number = 0
        self._y = 0.0

    def _page(self) -> Figure:
        from matplotlib.figure import Figure

        if self._figure is None:
            self._number += 1
            self._figure = Figure((_WIDE, _HIGH))
            self._y = _HIGH - _TOP
            foot = f"{textwrap.shorten(self._title, 90)}    {self._number}"
            self._figure.text(0.5, 0.4 / _HIGH, foot, fontsize=7.5, color=_SOFT, ha="center")
        return self._figure

    def end(self) -> None:
        """Write the page that is open."""
        if self._figure is not None:
            self._pages.savefig(self._figure)
            self._figure = None

    def _room(self, height: float) -> Figure:
        """The page, a new one if this has no room for so many inches."""
        figure = self._page()
        if self._y - height < _BOTTOM and self._y < _HIGH - _TOP:
            self.end()
            figure = self._page()
        return figure

    def heading(self, text: str) -> None:
        self._room(1.4)
        self._y -= 0.18
        self.text(text, 12.5, bold=True)

    def text(self, text: str, size: float, *, bold: bool = False, colour: str = _FRONT) -> None:
        wide = int((_WIDE - _LEFT - _RIGHT) / (_LETTER * size * (1.1 if bold else 1.0)))
        step = size * 1.42 / 72
        for line in textwrap.wrap(text, max(wide, 20)):
            figure = self._room(step)
            self._y -= step
            figure.text(
                _LEFT / _WIDE, self._y / _HIGH, line, fontsize=size, fontweight="bold" if bold else "normal", color=colour
            )
        self._y -= step * 0.35

    def table(self, table: Table) -> None:
        columns, rows = table.shown
        size = 7.2 if len(columns) <= 8 else 6.3
        widths = _widths(columns, rows, _WIDE - _LEFT - _RIGHT, size)
        self._room(0.9)
        self.text(table.title, 9.5, bold=True)
        self._line(columns, widths, size, bold=True)
        for row in rows:
            self._line(row, widths, size, head=columns)
        if table.note:
            self.text(table.note, 7.5, colour=_SOFT)
        self._y -= 0.08

    def _line(
        self, cells: Sequence[str], widths: Sequence[float], size: float, *, bold: bool = False, head: Sequence[str] = ()
    ) -> None:
        step = size * 1.3 / 72
        letters = [max(int((width - 0.08) / (_LETTER * size * (1.18 if bold else 1.0))), 3) for width in widths]
        wrapped = [textwrap.wrap(cell, count) or [""] for cell, count in zip(cells, letters, strict=True)]
        height = max(len(lines) for lines in wrapped) * step + 0.05
        before = self._number
        figure = self._room(height)
        if head and self._number != before:  # a table that goes on says once more what its columns are
            self._line(head, widths, size, bold=True)
            figure = self._page()
        x = _LEFT
        for lines, width in zip(wrapped, widths, strict=True):
            for place, line in enumerate(lines):
                y = (self._y - (place + 1) * step) / _HIGH
                figure.text(x / _WIDE, y, line, fontsize=size, color=_FRONT, fontweight="bold" if bold else "normal")
            x += width
        self._y -= height
        from matplotlib.lines import Line2D

        rule = Line2D(
            [_LEFT / _WIDE, 1 - _RIGHT / _WIDE], [self._y / _HIGH] * 2, color="#555555" if bold else "#cccccc", linewidth=0.5
        )
        figure.add_artist(rule)

    def picture(self, picture: Picture) -> None:
        from matplotlib.image import imread

        scale = min(1.0, (_WIDE - _LEFT - _RIGHT) / picture.size[0], (_HIGH - _TOP - _BOTTOM - 0.6) / picture.size[1])
        wide, high = picture.size[0] * scale, picture.size[1] * scale
        figure = self._room(high + 0.6)
        self._y -= high
        image = imread(io.BytesIO(png(picture, _DOTS)))
        axes = figure.add_axes((_LEFT / _WIDE, self._y / _HIGH, wide / _WIDE, high / _HIGH))
        axes.imshow(image, interpolation="lanczos", aspect="auto")
        axes.set_axis_off()
        self._y -= 0.08
        self.text(f"{picture.title}. {picture.alt}", 8, colour=_SOFT)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], whole: float, size: float) -> list[float]:
    """Widths of columns: as wide as they want to be, or what there is shared by what they want."""
    wanted = []
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        longest = max([len(name) * 1.2, *(len(cell) for cell in cells)])
        word = max((len(part) for cell in [name, *cells] for part in cell.split()), default=3)
        wanted.append((min(longest, 60) * _LETTER * size + 0.1, word * 1.18 * _LETTER * size + 0.1))
    total = sum(want for want, _ in wanted)
    if total <= whole:
        return [want for want, _ in wanted]
    least = sum(low for _, low in wanted)
    if least >= whole:
        return [low * whole / least for _, low in wanted]
    spare = (whole - least) / (total - least)
    return [low + (want - low) * spare for want, low in wanted]

"""Everything that an analysis leaves: a page, a PDF, tables for other programs, its numbers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from napari_medgen import __version__
from napari_medgen.errors import StudyError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import json_bytes, text_bytes, write_all
from napari_medgen.study.analysis.analysis import Analysis
from napari_medgen.study.analysis.parts import plain
from napari_medgen.study.report import interchange
from napari_medgen.study.report.bare_names import distinct
from napari_medgen.study.report.methods import methods
from napari_medgen.study.report.page import page
from napari_medgen.study.report.pdf import pdf

PAGE, DOCUMENT, NUMBERS = "report.html", "report.pdf", "results.json"


def write_report(analysis: Analysis, out: Path, now: datetime | None = None) -> Steps[list[Path]]:
    """Write all files into a folder.

    Raises
    ------
    StudyError
        If they cannot be written; what was there is there still.
    """
    yield Progress(0, 3, "report.html")
    contents: dict[str, bytes] = {PAGE: text_bytes(page(analysis, now))}
    yield Progress(1, 3, "report.pdf")
    contents[DOCUMENT] = pdf(analysis, now)
    yield Progress(2, 3, "tables")
    readings = analysis.readings
    contents |= {
        NUMBERS: json_bytes(results(analysis)),
        "readings.csv": interchange.tidy(readings),
        "dictionary.csv": interchange.dictionary(),
    }
    names = distinct([item.id for item in readings.items])
    for item in readings.items:
        stem = names[item.id]
        for name, made in ((f"{stem}.imrmc", interchange.imrmc), (f"{stem}-mrmcaov.csv", interchange.mrmcaov)):
            content = made(readings, item.id)
            if content is not None:
                contents[name] = content
    contents |= interchange.bids(readings)
    return write_all({out / name: content for name, content in contents.items()}, StudyError)


def results(analysis: Analysis) -> dict[str, Any]:
    """All that was found, for programs: numbers with all their digits, None where nothing could be estimated."""
    return {
        "napari_medgen": __version__,
        "title": analysis.readings.title,
        "source": analysis.readings.source,
        "plan": analysis.plan.model_dump(mode="json"),
        "plan_kept": None if analysis.kept is None else analysis.kept.checksum,
        "planned_before_unblinding": analysis.kept is not None and analysis.kept.before,
        "facts": analysis.readings.facts,
        "methods": list(methods(analysis)),
        "sections": [
            {
                "analysis": one.analysis,
                "question": one.item,
                "title": one.title,
                "standing": one.standing,
                "sentences": list(one.sentences),
                "not_estimable_or_left_out": list(one.problems),
                "tables": [
                    {
                        "title": table.title,
                        "columns": list(table.columns),
                        "rows": [[plain(cell) for cell in row] for row in table.rows],
                        "note": table.note,
                    }
                    for table in one.tables
                ],
            }
            for one in analysis.sections
        ],
    }

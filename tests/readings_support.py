"""Readings for tests of analyses: of a table that is written on the spot."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import golden_statistics as golden
from napari_medgen.study.analysis.analysis import Analysis, analyse
from napari_medgen.study.analysis.from_table import Columns, readings_of_table
from napari_medgen.study.analysis.parts import Cell, Section, Table
from napari_medgen.study.analysis.plan import Plan
from napari_medgen.study.analysis.readings import Readings
from study_support import run

PAIRED = Columns(truth="truth", condition="arm", confidence="confidence", patient="patient")
MAPS = Columns(answer="rating", condition="model")
FULL = Columns("reader", "case", "answer", "truth", "condition", "question", "confidence", "seconds", "patient", "repeat")


def paired(columns: Columns = PAIRED) -> Readings:
    """Seven readers, sixty knees, alone and aided (as Han 2022)."""
    return readings_of_table(golden.DATA / "sim_paired.csv", columns, order=("alone", "aided"))


def maps() -> Readings:
    """Six readers, twenty images, three models (as Han 2021)."""
    return readings_of_table(golden.DATA / "sim_ratings.csv", MAPS)


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A table; columns that a row does not have are empty."""
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path, rows: Iterable[Mapping[str, Any]], **how: Any) -> Readings:
    """Readings of rows with the columns of ``FULL``; those that no row has are none."""
    rows = list(rows)
    there = {name for row in rows for name in row}
    columns = Columns(**{field: name if name in there else "" for field, name in vars(FULL).items()})
    return readings_of_table(written(path, rows), columns, **how)


def yes_no(
    readers: int = 3,
    cases: int = 20,
    conditions: Iterable[str] = ("",),
    *,
    skill: float = 0.75,
    seed: int = 0,
    levels: int = 3,
) -> list[dict[str, Any]]:
    """Answers of readers who are right so often; half of the cases are positive."""
    rng = np.random.default_rng(seed)
    rows = []
    for condition in conditions:
        for r in range(readers):
            for c in range(cases):
                truth = c % 2
                right = rng.random() < skill
                rows.append(
                    {
                        "reader": f"R{r + 1}",
                        "case": f"c{c:03d}",
                        "condition": condition,
                        "answer": truth if right else 1 - truth,
                        "confidence": int(rng.integers(1, levels + 1)),
                        "truth": truth,
                    }
                )
    return rows


def analysed(readings: Readings, plan: Plan | None = None) -> Analysis:
    """The analysis."""
    found: Analysis = run(analyse(readings, plan))
    return found


def section(readings: Readings, name: str, item: str = "answer", plan: Plan | None = None) -> Section:
    """One section of it."""
    found = analysed(readings, plan).section(name, item)
    assert found is not None
    return found


def table(found: Section, title: str) -> Table:
    """A table by the beginning of its title."""
    return next(one for one in found.tables if one.title.startswith(title))


def cell(found: Table, column: str, **where: Any) -> Cell:
    """The one cell of a column in the row where other columns hold these values."""
    names = {name: index for index, name in enumerate(found.columns)}
    rows = [row for row in found.rows if all(row[names[key]] == value for key, value in where.items())]
    assert len(rows) == 1, rows
    return rows[0][names[column]]

"""Kellgren-Lawrence grades from the tables of OAI and MOST, joined to images by patient, side and time.

OAI's semi-quantitative files (``kxr_sq_bu*.txt``, one row a knee and visit) have the columns ID, SIDE (1 right, 2 left) and
``V<visit>XRKL``. MOST's ``MOSTV01235XRAY.txt`` has one row a patient with ``V<visit>XRKL`` and ``V<visit>XLKL``. Images
carry dates and not visit numbers, so an image gets the grade of the visit whose nominal time is nearest to the time since
the patient's first.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_medgen.errors import CohortError
from napari_medgen.progression.visits import DAYS_A_MONTH, Visit, parse_grade, parse_side

# Nominal months of the visits, as the studies number them.
OAI_MONTHS = {0: 0, 1: 12, 3: 24, 5: 36, 6: 48, 8: 72, 10: 96}
MOST_MONTHS = {0: 0, 1: 15, 2: 30, 3: 60, 5: 84}
_TOLERANCE = 6.0  # months; visits are a year or more apart

_OAI = re.compile(r"^V(\d+)XRKL$")
_MOST = re.compile(r"^V(\d+)X([RL])KL$")

Key = tuple[str, str]


def read_grades(tables: Sequence[Path]) -> dict[Key, dict[float, int]]:
    """Grades by patient and side, and by the visit's nominal month.

    Raises
    ------
    CohortError
        If a table is missing or has no column of grades.
    """
    grades: defaultdict[Key, dict[float, int]] = defaultdict(dict)
    for table in tables:
        rows = _rows(table)
        names = {name.upper(): name for name in rows[0]} if rows else {}
        patient = names.get("ID") or names.get("MOSTID")
        if patient is None:
            raise CohortError(f"{table.name} has no column ID or MOSTID.")
        oai = "SIDE" in names
        pattern = _OAI if oai else _MOST
        columns = {names[name]: match for name in names if (match := pattern.match(name))}
        if not columns:
            raise CohortError(f"{table.name} has no column of Kellgren-Lawrence grades (V00XRKL, or V0XRKL and V0XLKL).")
        nominal = OAI_MONTHS if oai else MOST_MONTHS
        for row in rows:
            for column, match in columns.items():
                visit, grade = int(match.group(1)), parse_grade(row[column], table.name)
                if grade is None or visit not in nominal:
                    continue
                side = parse_side(row[names["SIDE"]] if oai else match.group(2), table.name)
                grades[row[patient].strip(), side][float(nominal[visit])] = grade
    return dict(grades)


def with_grades(visits: Sequence[Visit], grades: dict[Key, dict[float, int]]) -> list[Visit]:
    """Visits with the grades that belong to them; those that have one, or whose visit has none, stay as they are."""
    starts: dict[str, float] = {}
    for visit in visits:
        if visit.date is not None:
            day = visit.date.toordinal()
            starts[visit.patient] = min(starts.get(visit.patient, day), day)
    graded = []
    for visit in visits:
        known = grades.get((visit.patient, visit.side), {})
        if visit.grade is None and visit.date is not None and known:
            months = (visit.date.toordinal() - starts[visit.patient]) / DAYS_A_MONTH
            nearest = min(known, key=lambda nominal: abs(nominal - months))
            if abs(nearest - months) <= _TOLERANCE:
                visit = replace(visit, grade=known[nearest])
        graded.append(visit)
    return graded


def _rows(table: Path) -> list[dict[str, str]]:
    """Rows of a file whose columns are parted by |, commas or tabs."""
    try:
        with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max("|,\t", key=first.count)
            return list(csv.DictReader(file, delimiter=delimiter))
    except OSError:
        raise CohortError(f"There is no table {table}.") from None

"""Kellgren-Lawrence grades from the tables of OAI and MOST, joined to images by patient, side and time.

OAI's semi-quantitative files (``kxr_sq_bu*.txt``, one row a knee and visit) have the columns ID, SIDE (1 right, 2 left) and
``V<visit>XRKL``. MOST's ``MOSTV01235XRAY.txt`` has one row a patient with ``V<visit>XRKL`` and ``V<visit>XLKL``. Images
carry dates and not visit numbers, so an image gets the grade of the visit whose nominal time is nearest to the time since
the study's first visit. Where a patient's first image is not of that visit, the times of the images tell which it is of, or
leave it open; then none of the patient's images is graded, for each would get the grade of another visit.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort.visits import DAYS_A_MONTH, Visit, parse_grade, parse_patient, parse_side

# Nominal months of the visits, as the studies number them.
OAI_MONTHS = {0: 0, 1: 12, 3: 24, 5: 36, 6: 48, 8: 72, 10: 96}
MOST_MONTHS = {0: 0, 1: 15, 2: 30, 3: 60, 5: 84}
_TOLERANCE = 6.0  # months; visits are a year or more apart

_OAI = re.compile(r"^V(\d+)XRKL$")
_MOST = re.compile(r"^V(\d+)X([RL])KL$")

Key = tuple[str, str]


@dataclass(frozen=True)
class Grades:
    """What tables of grades say.

    Attributes
    ----------
    values
        Grades by patient and side, and by the visit's nominal month.
    schedule
        Nominal months of all visits of a patient's study, by patient.
    """

    values: dict[Key, dict[float, int]]
    schedule: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Graded:
    """Visits with their grades, and the patients whose images no visit number could be told of."""

    visits: list[Visit]
    open: tuple[str, ...]


def read_grades(tables: Sequence[Path]) -> Grades:
    """Grades of all tables.

    Raises
    ------
    CohortError
        If a table is missing or has no column of grades.
    """
    grades: defaultdict[Key, dict[float, int]] = defaultdict(dict)
    schedule: dict[str, tuple[float, ...]] = {}
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
            whose = parse_patient(row[patient], table.name)
            schedule[whose] = tuple(float(months) for months in nominal.values())
            for column, match in columns.items():
                visit, grade = int(match.group(1)), parse_grade(row[column], table.name)
                if grade is None or visit not in nominal:
                    continue
                side = parse_side(row[names["SIDE"]] if oai else match.group(2), table.name)
                grades[whose, side][float(nominal[visit])] = grade
    return Grades(dict(grades), schedule)


def with_grades(visits: Sequence[Visit], grades: Grades, *, first_is_baseline: bool = False) -> Graded:
    """Visits with the grades that belong to them; those that have one, or whose visit has none, stay as they are.

    Parameters
    ----------
    first_is_baseline
        Each patient's first image is of the study's first visit. Without this, a patient is graded only where the times
        of the images fit the study's visits in one way.
    """
    days: defaultdict[str, set[int]] = defaultdict(set)
    for visit in visits:
        if visit.date is not None:
            days[visit.patient].add(visit.date.toordinal())
    begins, left_open = {}, []
    for patient, found in days.items():
        if patient not in grades.schedule:
            continue
        begin = 0.0 if first_is_baseline else _first_visit(found, grades.schedule[patient])
        if begin is None:
            left_open.append(patient)
        else:
            begins[patient] = min(found) - begin * DAYS_A_MONTH
    return Graded([_graded(visit, grades, begins) for visit in visits], tuple(sorted(left_open)))


def _graded(visit: Visit, grades: Grades, begins: dict[str, float]) -> Visit:
    known = grades.values.get((visit.patient, visit.side), {})
    if visit.grade is not None or visit.date is None or not known or visit.patient not in begins:
        return visit
    months = (visit.date.toordinal() - begins[visit.patient]) / DAYS_A_MONTH
    nearest = min(known, key=lambda nominal: abs(nominal - months))
    return replace(visit, grade=known[nearest]) if abs(nearest - months) <= _TOLERANCE else visit


def _first_visit(days: set[int], schedule: Sequence[float]) -> float | None:
    """Nominal month of a patient's first image: the only one from which all images fall on visits; None if it is open."""
    passed = [(day - min(days)) / DAYS_A_MONTH for day in days]
    fitting = [
        begin
        for begin in schedule
        if all(min(abs(begin + months - nominal) for nominal in schedule) <= _TOLERANCE for months in passed)
    ]
    return fitting[0] if len(fitting) == 1 else None


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

"""Readings of anybody's CSV table: one row an answer."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_medgen.errors import StudyError
from napari_medgen.statistics.mrmc_designs import design_of
from napari_medgen.study.analysis.readings import Item, Kind, Reading, Readings

_YES, _NO = frozenset(("yes", "true", "1", "y")), frozenset(("no", "false", "0", "n"))
_NOTHING = frozenset(("", "na", "nan", "n/a", "none", "missing", "."))
_DECIMAL = re.compile(r"^([+-]?\d+),(\d+)$")
_LARGEST = 256 * 2**20  # bytes
_MOST_GRADES = 12  # distinct whole numbers that are still a scale
_MOST_RATINGS, _MOST_CHOICES, _MOST_LEVELS, _MOST_CONDITIONS = 40, 60, 100, 40
_NEARLY = 0.8  # share of numbers, or of yes and no, from which anything else is a slip


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are called.

    Attributes
    ----------
    reader, case, answer
        Must be there.
    truth, condition, question, confidence, seconds, patient, repeat
        May be there; an empty name for none.
    """

    reader: str = "reader"
    case: str = "case"
    answer: str = "answer"
    truth: str = ""
    condition: str = ""
    question: str = ""
    confidence: str = ""
    seconds: str = ""
    patient: str = ""
    repeat: str = ""


@dataclass
class _Row:
    line: int
    cells: dict[str, str]


def readings_of_table(
    path: Path,
    columns: Columns,
    kind: Kind | Literal[""] = "",
    order: Sequence[str] = (),
    title: str = "",
    grades: Sequence[str] = (),
) -> Readings:
    """Read a table.

    Parameters
    ----------
    columns
        What its columns are called.
    kind
        Of the answers; by default told from them: yes and no (or 1 and 0), few whole numbers (a rating), other numbers (a
        score where there is a truth), words (a choice).
    order
        Conditions in the order in which they are compared; that of the table by default.
    title
        Of the report; the file's name by default.
    grades
        Grades of ratings from lowest to highest, where they are words.

    Raises
    ------
    StudyError
        If it cannot be read, or a row says what none may: file, line and column.
    """
    rows = _rows(path, columns)
    questions = list(dict.fromkeys(row.cells.get("question", "") or "answer" for row in rows))
    items: list[Item] = []
    readings: list[Reading] = []
    truth: dict[tuple[str, str], float] = {}
    patients: dict[str, str] = {}
    seen: dict[tuple[str, str, str, str, int], int] = {}
    for name in questions:
        own = [row for row in rows if (row.cells.get("question", "") or "answer") == name]
        item = _item(path, name, own, kind, columns, grades)
        items.append(item)
        for row in own:
            one = _reading(path, row, item, columns)
            mark = (one.reader, one.case, one.condition, one.item, one.repeat)
            if mark in seen:
                under = f" ({one.condition})" if one.condition else ""
                raise _fault(
                    path,
                    row,
                    f"{one.reader} answers case {one.case}{under} twice, first in line {seen[mark]}; a column for repeats "
                    "(--repeat) tells them apart",
                )
            seen[mark] = row.line
            readings.append(one)
            _keep_truth(path, row, item, one, truth)
            patient = row.cells.get("patient", "")
            if patient and patients.setdefault(one.case, patient) != patient:
                raise _fault(path, row, f"case {one.case} is of patient {patients[one.case]} in another line")
    readings = _from_nought(readings)
    found = tuple(dict.fromkeys(one.condition for one in readings))
    if len(found) > _MOST_CONDITIONS:
        raise StudyError(f"{path.name} has {len(found)} conditions; at most {_MOST_CONDITIONS} can be compared.")
    if unknown := [one for one in order if one not in found]:
        raise StudyError(f"{path.name} has no condition {unknown[0]}; it has: {', '.join(found)}.")
    conditions = (*order, *(one for one in found if one not in order))
    return Readings(
        title=title or path.stem,
        source=path.name,
        items=tuple(items),
        conditions=conditions,
        readings=(*readings, *_absent(readings, conditions)),
        truth=truth,
        patients=patients,
    )


def read_patients(path: Path, cases: Sequence[str]) -> dict[str, str]:
    """Patient of each case, of a table with the columns case and patient.

    Raises
    ------
    StudyError
        If it cannot be read, names a case that is none, or leaves one out.
    """
    rows = _rows(path, Columns(reader="", case="case", answer="", patient="patient"))
    out = {}
    for row in rows:
        if row.cells["case"] not in cases:
            raise _fault(path, row, f"the study has no case {row.cells['case']}")
        if not row.cells["patient"]:
            raise _fault(path, row, "column patient is empty")
        out[row.cells["case"]] = row.cells["patient"]
    if lost := [case for case in cases if case not in out]:
        raise StudyError(f"{path.name} has no patient of case {lost[0]}{f' and {len(lost) - 1} more' if lost[1:] else ''}.")
    return out


def _from_nought(readings: list[Reading]) -> list[Reading]:
    """Showings numbered from 0 in their order, whatever a table begins with."""
    seen: dict[tuple[str, str, str, str], list[int]] = {}
    for one in readings:
        seen.setdefault((one.reader, one.case, one.condition, one.item), []).append(one.repeat)
    places = {mark: {repeat: place for place, repeat in enumerate(sorted(own))} for mark, own in seen.items()}
    return [replace(one, repeat=places[one.reader, one.case, one.condition, one.item][one.repeat]) for one in readings]


def _absent(readings: Sequence[Reading], conditions: Sequence[str]) -> list[Reading]:
    """Cells that the table does not have, so that they are counted; not where they are a design."""
    out = []
    for item in dict.fromkeys(one.item for one in readings):
        own = {(one.reader, one.case, one.condition) for one in readings if one.item == item and one.repeat == 0}
        names = [
            list(dict.fromkeys(mark[axis] for mark in sorted(own, key=lambda mark: conditions.index(mark[2]))))
            for axis in (2, 0, 1)
        ]
        read = np.full([len(one) for one in names], np.nan)
        places = [{name: place for place, name in enumerate(one)} for one in names]
        for reader, case, condition in own:
            read[places[0][condition], places[1][reader], places[2][case]] = 0
        if design_of(read) == "partly crossed":
            out += [
                Reading(names[1][r], names[2][c], names[0][t], item, math.nan, status="not in the table")
                for t, r, c in np.argwhere(np.isnan(read))
            ]
    return out


def _rows(path: Path, columns: Columns) -> list[_Row]:
    try:
        if path.stat().st_size > _LARGEST:
            raise StudyError(f"{path.name} is larger than {_LARGEST // 2**20} MB, which no table of readings is.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path.name} is no text in UTF-8; save it as CSV (UTF-8).") from None
    if text[:4].lower() == "sep=":  # Excel's own first line
        text = text.split("\n", 1)[1] if "\n" in text else ""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        heads = [(name or "").strip() for name in reader.fieldnames or ()]
        reader.fieldnames = heads
        if twice := [name for place, name in enumerate(heads) if name and name in heads[:place]]:
            raise StudyError(f"{path.name} has two columns called {twice[0]}.")
        named = {field: name for field, name in vars(columns).items() if name}
        for field, name in named.items():
            if name not in heads:
                raise StudyError(
                    f"{path.name} has no column {name} (--{field}); it has: {', '.join(one for one in heads if one)}."
                )
        rows = []
        for row in reader:
            if None in row:
                raise StudyError(f"{path.name}, line {reader.line_num}: there are more cells than columns.")
            cells = {field: (row.get(name) or "").strip() for field, name in named.items()}
            if delimiter == ";":  # where semicolons part cells, commas part digits
                cells = {field: _DECIMAL.sub(r"\1.\2", text) for field, text in cells.items()}
            if any(cells.values()):
                rows.append(_Row(reader.line_num, cells))
    except csv.Error as error:
        raise StudyError(f"{path.name} is no CSV table: {error}.") from None
    if not rows:
        raise StudyError(f"{path.name} has no row.")
    return rows


def _item(
    path: Path, name: str, rows: Sequence[_Row], kind: Kind | Literal[""], columns: Columns, grades: Sequence[str]
) -> Item:
    said = [row.cells["answer"] for row in rows if row.cells["answer"].lower() not in _NOTHING]
    if not said:
        raise StudyError(f"{path.name}: column {columns.answer} holds no answer{'' if name == 'answer' else ' to ' + name}.")
    levels = 0
    if columns.confidence:
        for row in rows:
            one = _number(row.cells["confidence"])
            if one is not None and not (one.is_integer() and 1 <= one <= _MOST_LEVELS):
                raise _fault(path, row, f"column {columns.confidence} is to hold a whole level from 1 to {_MOST_LEVELS}")
        known = [one for row in rows if (one := _number(row.cells["confidence"])) is not None]
        levels = int(max(known)) if known else 0
    found = kind or _kind_of(said, truth=any(row.cells.get("truth", "").lower() not in _NOTHING for row in rows))
    if found == "yes_no":
        return Item(name, name, "yes_no", ("no", "yes"), levels)
    if found == "rating":
        return Item(name, name, "rating", _grades(path, name, said, grades))
    if found == "choice":
        kinds = tuple(sorted(set(said)))
        if len(kinds) > _MOST_CHOICES:
            raise StudyError(
                f"{path.name}: {name} has {len(kinds)} different answers in words, which is a text and no "
                "choice; leave it out."
            )
        return Item(name, name, "choice", kinds)
    return Item(name, name, found)


def _grades(path: Path, name: str, said: Sequence[str], grades: Sequence[str]) -> tuple[str, ...]:
    """Grades from lowest to highest: those that were named, or numbers in their order."""
    if grades:
        if unknown := [one for one in said if one not in grades]:
            raise StudyError(
                f"{path.name}: {name} is answered {unknown[0]!r}, which is none of the grades {', '.join(grades)}."
            )
        return tuple(grades)
    known = {one: number for one in said if (number := _number(one)) is not None}
    if words := [one for one in said if one not in known]:
        raise StudyError(
            f"{path.name}: nobody can tell the order of grades such as {words[0]!r}; name them from low to high (--grades)."
        )
    low, high = min(known.values()), max(known.values())
    if all(one.is_integer() for one in known.values()) and high - low < _MOST_RATINGS:
        return tuple(str(one) for one in range(int(low), int(high) + 1))
    if len(set(known.values())) > _MOST_RATINGS:
        raise StudyError(
            f"{path.name}: {name} has {len(set(known.values()))} different grades; such numbers are --kind number."
        )
    return tuple(sorted(known, key=lambda one: known[one]))


def _kind_of(said: Sequence[str], *, truth: bool) -> Kind:
    lower = {one.lower() for one in said}
    if lower <= _YES | _NO:
        return "yes_no"
    if sum(one.lower() in _YES | _NO for one in said) > _NEARLY * len(said):
        return "yes_no"
    numbers = [_number(one) for one in said]
    if any(one is None for one in numbers):
        # Among numbers a word is a slip, which the row that holds it will say.
        if sum(one is not None for one in numbers) <= _NEARLY * len(numbers):
            return "choice"
        return "score" if truth else "number"
    known = {one for one in numbers if one is not None}
    whole = all(one.is_integer() for one in known)
    if truth:
        return "score"
    return "rating" if whole and len(known) <= _MOST_GRADES else "number"


def _reading(path: Path, row: _Row, item: Item, columns: Columns) -> Reading:
    cells = row.cells
    for field in ("reader", "case"):
        if not cells[field]:
            raise _fault(path, row, f"column {getattr(columns, field)} is empty")
    answer = cells["answer"]
    there = answer.lower() not in _NOTHING
    value = _value(path, row, item, answer, columns.answer) if there else math.nan
    confidence = _optional(path, row, "confidence", columns.confidence)
    if item.kind == "yes_no" and item.levels and there and not confidence >= 1:
        raise _fault(path, row, f"column {columns.confidence} is to hold a level from 1")
    repeat = cells.get("repeat", "")
    number = 0 if not repeat else _number(repeat)
    if number is None or number < 0 or number != int(number):
        raise _fault(path, row, f"column {columns.repeat} is to hold 0 for the first showing, 1 and more for repeats")
    seconds = _optional(path, row, "seconds", columns.seconds)
    if seconds < 0:
        raise _fault(path, row, f"column {columns.seconds} holds a time below zero")
    return Reading(
        cells["reader"],
        cells["case"],
        cells.get("condition", ""),
        item.id,
        value,
        confidence if there else math.nan,
        "answered" if there else "left open",
        seconds,
        repeat=int(number),
    )


def _value(path: Path, row: _Row, item: Item, said: str, column: str) -> float:
    if item.kind == "yes_no":
        if said.lower() in _YES | _NO:
            return float(said.lower() in _YES)
        raise _fault(path, row, f"column {column} holds {said!r}, and is to hold yes or no (1 or 0)")
    if item.kind in ("rating", "choice"):
        number = _number(said)
        plain = str(int(number)) if number is not None and number.is_integer() else said
        if plain in item.options or said in item.options:
            return float(item.options.index(plain if plain in item.options else said) + 1)
        raise _fault(path, row, f"column {column} holds {said!r}, which is no grade of {item.id}")
    number = _number(said)
    if number is None:
        raise _fault(path, row, f"column {column} holds {said!r}, which is no number")
    return number


def _optional(path: Path, row: _Row, field: str, column: str) -> float:
    text = row.cells.get(field, "")
    if text.lower() in _NOTHING:
        return math.nan
    number = _number(text)
    if number is None:
        raise _fault(path, row, f"column {column} holds {text!r}, which is no number")
    return number


def _keep_truth(path: Path, row: _Row, item: Item, one: Reading, truth: dict[tuple[str, str], float]) -> None:
    said = row.cells.get("truth", "")
    if said.lower() in _NOTHING:
        return
    if item.kind in ("yes_no", "score"):
        if said.lower() not in _YES | _NO:
            raise _fault(path, row, f"the truth of case {one.case} is {said!r}, and is to be yes or no (1 or 0)")
        value = float(said.lower() in _YES)
    else:
        value = _value(path, row, item, said, "truth")
    if truth.setdefault((one.case, item.id), value) != value:
        raise _fault(path, row, f"the truth of case {one.case} is another than in a line before")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _fault(path: Path, row: _Row, what: str) -> StudyError:
    return StudyError(f"{path.name}, line {row.line}: {what}.")

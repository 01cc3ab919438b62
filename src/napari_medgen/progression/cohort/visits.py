"""Visits: which image shows which knee of which patient, when, and how it was graded."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from napari_medgen.errors import CohortError
from napari_medgen.imaging.listing import list_files

Side = Literal["", "L", "R"]
DAYS_A_MONTH = 365.25 / 12

_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")
_SPLITS = {"": "train", "train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "val"
)
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:\.0+|[T ]\d{2}:\d{2}.*)?")
_FIRST_YEAR = 1896  # there were no radiographs before
_SIDES: dict[str, Side] = {"l": "L", "r": "R", "left": "L", "right": "R", "2": "L", "1": "R"}


@dataclass(frozen=True)
class Visit:
    """One image of one knee.

    Attributes
    ----------
    patient, side
        Whose knee, and which: "L" or "R".
    trajectory
        Visits of one trajectory follow each other in time: those of one knee.
    months
        Since the trajectory's first visit.
    date
        Of the visit; None where only the months are known.
    grade
        Kellgren-Lawrence grade 0 to 4, or None.
    image
        File, relative to the cohort's image folder.
    split
        ``train``, ``val`` or ``test``.
    """

    patient: str
    side: Side
    trajectory: str
    months: float
    date: date | None
    grade: int | None
    image: str
    split: str = "train"


def visits_of_names(root: Path, split: str = "train") -> list[Visit]:
    """Visits of a folder whose files are named as OAI and MOST name them, ``ID_BARCODE_YYYYMMDD_side.png``.

    Raises
    ------
    CohortError
        If there is no such file, or a name says no date or side.
    """
    files = list_files(root, "**/*", _SUFFIXES)
    if not files:
        raise CohortError(f"{root} holds no image.")
    rows = [_of_name(str(path.relative_to(root))) | {"split": split} for path in files]
    return in_time(_visit(row) for row in rows)


def visits_of_table(table: Path, root: Path) -> list[Visit]:
    """Visits of a CSV or Parquet table.

    Its columns are ``image`` and, where the file's name does not say them, ``patient``, ``date`` (YYYY-MM-DD or YYYYMMDD)
    and ``side``; ``grade`` and ``split`` may be missing. The official code's ``name baseline`` and ``fold`` are understood
    too.

    Raises
    ------
    CohortError
        If the table or an image it names is missing, a date or side is not one, or a visit is named twice.
    """
    rows = [_known_names(row) for row in _read_rows(table)]
    if not rows:
        raise CohortError(f"The table {table.name} has no rows.")
    if "image" not in rows[0]:
        raise CohortError(f"The table {table.name} has no column image.")
    visits, seen = [], set()
    for number, row in enumerate(rows, 2):
        where = f"{table.name}, line {number}"
        row = {key: value for key, value in row.items() if value not in (None, "")}
        row["image"] = str(row.get("image", "")).strip()
        if not row["image"]:
            raise CohortError(f"{where}: no image is named.")
        if not (root / str(row["image"])).is_file():
            raise CohortError(f"{where}: {row['image']} is not in {root}.")
        if not {"patient", "date", "side"} <= row.keys():
            row = _of_name(str(row["image"])) | row
        visit = _visit(row, where)
        if visit.image in seen:
            raise CohortError(f"{where}: {visit.image} was named before.")
        seen.add(visit.image)
        visits.append(visit)
    return in_time(visits)


def visits_of_grades(
    root: Path, folders: Mapping[str, str], grades: Mapping[str, int], subject: str, side: str
) -> list[Visit]:
    """Visits of class folders: one visit of each knee, with no date.

    Parameters
    ----------
    folders
        Folder of each split.
    grades
        Grade of each class folder.
    subject, side
        Regular expressions on a file's stem whose first group is the patient, and the side.

    Raises
    ------
    CohortError
        If there is no image, or a name does not match.
    """
    visits = []
    for split, place in folders.items():
        for folder, grade in grades.items():
            for path in list_files(root / place / folder, "*", _SUFFIXES):
                patient, found = re.search(subject, path.stem), re.search(side, path.stem)
                if patient is None or found is None:
                    raise CohortError(f"The name {path.name} does not say whose knee it is, or which.")
                which = parse_side(found.group(1), path.name)
                name = patient.group(1)
                visits.append(Visit(name, which, f"{name}{which}", 0.0, None, grade, str(path.relative_to(root)), split))
    if not visits:
        raise CohortError(f"{root} holds no image where the recipe looks for them.")
    return visits


def surrogate(visits: Sequence[Visit], months_per_grade: float, months_unchanged: float) -> list[Visit]:
    """Pairs that stand for a follow-up: a patient's less affected knee, then the more affected one.

    No time passed between the two. Whatever is learned from such pairs is a surrogate, never a validated forecast.

    Parameters
    ----------
    visits
        One visit of each knee.
    months_per_grade
        Time that is said to have passed for each grade between the knees.
    months_unchanged
        The same between two knees of one grade, of which the left one comes first; 0 leaves such patients out.

    Returns
    -------
    list of Visit
        Two a patient, one trajectory each; patients with one knee are left out.
    """
    knees: defaultdict[tuple[str, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        knees[visit.split, visit.patient].append(visit)
    pairs = []
    for (_, patient), both in sorted(knees.items()):
        if len(both) != 2 or None in (both[0].grade, both[1].grade):
            continue
        first, last = sorted(both, key=lambda visit: (visit.grade or 0, visit.side))
        apart = (last.grade or 0) - (first.grade or 0)
        months = apart * months_per_grade if apart else months_unchanged
        if months > 0:
            pairs += [replace(first, trajectory=patient, months=0.0), replace(last, trajectory=patient, months=months)]
    return pairs


def in_time(visits: Iterable[Visit]) -> list[Visit]:
    """Visits by trajectory and date, their months counted from each trajectory's first."""
    trajectories: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        trajectories[visit.trajectory].append(visit)
    ordered = []
    for _, own in sorted(trajectories.items()):
        own.sort(key=lambda visit: (visit.date or date.min, visit.months, visit.image))
        start = own[0].date
        for visit in own:
            passed = (visit.date - start).days / DAYS_A_MONTH if visit.date and start else visit.months
            ordered.append(replace(visit, months=passed))
    return ordered


def parse_side(text: str, where: str) -> Side:
    """The side that a name or a table gives: l, r, L, R, left, right, or OAI's 1 (right) and 2 (left).

    Raises
    ------
    CohortError
        If it is none of these.
    """
    side = _SIDES.get(text.strip().lower().removesuffix(".0"))
    if side is None:
        raise CohortError(f"{where}: the side is {text!r}; it must be L or R.")
    return side


def parse_date(text: str, where: str) -> date:
    """A date written YYYYMMDD or YYYY-MM-DD, with or without a time; also as a spreadsheet's number (20040301.0).

    Raises
    ------
    CohortError
        If it is none, is written otherwise (1.2.2004 has two meanings), or lies in no patient's life.
    """
    found = _DATE.fullmatch(text.strip())
    try:
        when = date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        when = None
    if when is None or not _FIRST_YEAR <= when.year <= datetime.now().year + 1:
        raise CohortError(f"{where}: {text!r} is not a date written YYYY-MM-DD.")
    return when


def parse_patient(value: Any, where: str) -> str:
    """A patient's number or name as it is meant: without blanks around it, and without the ``.0`` of a joined table.

    Raises
    ------
    CohortError
        If there is none.
    """
    text = str(value if value is not None else "").strip()
    if re.fullmatch(r"\d+\.0+", text):
        text = text.partition(".")[0]
    if not text or text.lower() in ("nan", "none"):
        raise CohortError(f"{where}: no patient is named.")
    return text


def parse_split(value: Any, where: str) -> str:
    """``train``, ``val`` or ``test``, however they are written; ``train`` where nothing is said.

    Raises
    ------
    CohortError
        If it is none of them.
    """
    text = str(value if value is not None else "").strip().lower()
    split = _SPLITS.get(text)
    if split is None:
        raise CohortError(f"{where}: the split is {str(value)!r}; it must be train, val or test.")
    return split


def _read_rows(table: Path) -> list[dict[str, Any]]:
    try:
        if table.suffix.lower() == ".parquet":
            from pyarrow import parquet

            rows: list[dict[str, Any]] = parquet.read_table(table).to_pylist()
            return rows
        with table.open(newline="", encoding="utf-8-sig") as file:
            return [dict(row) for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise CohortError(f"There is no table {table}.") from None
    except Exception as error:
        raise CohortError(f"{table.name} cannot be read as a table: {error}.") from None


_SYNONYMS = {"name baseline": "image", "name": "image", "file": "image", "fold": "split", "kl": "grade", "id": "patient"}


def _known_names(row: Mapping[str, Any]) -> dict[str, Any]:
    lowered = {str(key).strip().lower(): value for key, value in row.items()}
    return {_SYNONYMS.get(key, key): value for key, value in lowered.items()}


def _of_name(image: str) -> dict[str, Any]:
    parts = Path(image).stem.split("_")
    if len(parts) < 3:
        raise CohortError(
            f"The name {Path(image).name} does not say patient, date and side as ID_BARCODE_YYYYMMDD_side does."
        )
    return {"image": image, "patient": parts[0], "date": parts[-2], "side": parts[-1][-1:]}


def _visit(row: Mapping[str, Any], where: str = "") -> Visit:
    image = str(row["image"])
    where = where or Path(image).name
    when = row["date"]
    when = when.date() if isinstance(when, datetime) else when
    when = when if isinstance(when, date) else parse_date(str(when), where)
    side = parse_side(str(row["side"]), where)
    patient = parse_patient(row["patient"], where)
    grade = parse_grade(row.get("grade"), where)
    split = parse_split(row.get("split"), where)
    return Visit(patient, side, f"{patient}{side}", 0.0, when, grade, image, split)


def parse_grade(value: Any, where: str) -> int | None:
    """A Kellgren-Lawrence grade; None for a gap and for the codes of OAI and MOST that mean one (P, S, X, Z, 8, 9).

    Raises
    ------
    CohortError
        If it is neither.
    """
    text = str(value if value is not None else "").strip()
    if text.endswith(".0"):
        text = text[:-2]
    if text.upper() in ("", ".", "NAN", "P", "S", "X", "Z", "8", "9"):
        return None
    if text not in ("0", "1", "2", "3", "4"):
        raise CohortError(f"{where}: the grade is {text!r}; it must be 0 to 4.")
    return int(text)

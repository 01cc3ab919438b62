"""Visits from names, tables and folders of grades; bad ones get a sentence."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort.grade_tables import Grades, read_grades, with_grades
from napari_medgen.progression.cohort.progressors import LABEL, outcomes, write_labels
from napari_medgen.progression.cohort.visits import (
    Visit,
    in_time,
    parse_date,
    parse_grade,
    parse_patient,
    parse_split,
    surrogate,
    visits_of_grades,
    visits_of_names,
    visits_of_table,
)
from progression_support import write_graded, write_visits


def test_names_of_oai_and_most_say_patient_date_and_side(tmp_path: Path) -> None:
    visits = visits_of_names(write_visits(tmp_path, patients=2))
    assert len(visits) == 12
    first = visits[0]
    assert (first.patient, first.side, first.trajectory) == ("9000", "L", "9000L")
    assert first.date == datetime.date(2004, 3, 1)
    assert [round(visit.months, 1) for visit in visits[:3]] == [0.0, 12.0, 48.0]
    assert {visit.trajectory for visit in visits} == {"9000L", "9000R", "9001L", "9001R"}


def test_a_table_may_say_what_names_do_not(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    table = tmp_path / "visits.csv"
    table.write_text("Image,patient,date,side,grade,fold\nb.png,7,2010-01-01,right,3.0,valid\na.png,7,20080101,r,X,valid\n")
    visits = visits_of_table(table, tmp_path)
    assert [visit.image for visit in visits] == ["a.png", "b.png"]  # by date, though the table has them out of order
    assert [visit.grade for visit in visits] == [None, 3]
    assert {visit.split for visit in visits} == {"val"}
    assert visits[1].months == pytest.approx(24, abs=0.1)


def test_a_parquet_table_is_read_too(tmp_path: Path) -> None:
    write_visits(tmp_path, patients=1)
    names = sorted(path.name for path in tmp_path.iterdir())
    parquet.write_table(pa.table({"name baseline": names, "grade": [1] * 6}), tmp_path / "visits.parquet")
    visits = visits_of_table(tmp_path / "visits.parquet", tmp_path)
    assert len(visits) == 6
    assert visits[0].grade == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("image\nmissing_0_20040101_l.png\n", "line 2: missing_0_20040101_l.png is not in"),
        ("image,patient,date,side\na.png,7,2010-01-01,up\n", "line 2: the side is 'up'; it must be L or R"),
        ("image,patient,date,side\na.png,7,yesterday,l\n", "line 2: 'yesterday' is not a date"),
        ("image,patient,date,side,grade\na.png,7,20100101,l,7\n", "line 2: the grade is '7'"),
        ("image,patient,date,side\na.png,7,20100101,l\na.png,7,20100101,l\n", "line 3: a.png was named before"),
        ("image\na.png\n", "does not say patient, date and side"),
        ("file name\na.png\n", "no column image"),
        ("image\n", "no rows"),
    ],
)
def test_a_bad_table_gets_a_sentence(tmp_path: Path, rows: str, sentence: str) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "visits.csv").write_text(rows)
    with pytest.raises(CohortError, match=sentence):
        visits_of_table(tmp_path / "visits.csv", tmp_path)


def test_a_missing_table_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="There is no table"):
        visits_of_table(tmp_path / "visits.csv", tmp_path)


@pytest.mark.parametrize(("code", "grade"), [("P", None), ("s", None), ("8", None), ("9", None), ("", None), ("2.0", 2)])
def test_codes_of_most_are_gaps(code: str, grade: int | None) -> None:
    assert parse_grade(code, "here") == grade


def test_a_surrogate_goes_from_the_less_to_the_more_affected_knee(tmp_path: Path) -> None:
    write_graded(tmp_path, patients=4)
    visits = visits_of_grades(tmp_path, {"train": "train"}, {"0": 0, "2": 2}, r"^(\d+)", "([LR])$")
    pairs = surrogate(visits, months_per_grade=24, months_unchanged=12)
    assert len(pairs) == 8
    by_patient = {p: [v for v in pairs if v.patient == p] for p in ("9000", "9001")}
    same, apart = by_patient["9000"], by_patient["9001"]
    assert [(v.side, v.months) for v in same] == [("L", 0), ("R", 12)]
    assert [(v.side, v.grade, v.months) for v in apart] == [("L", 0, 0), ("R", 2, 48)]
    assert {v.trajectory for v in apart} == {"9001"}
    assert len(surrogate(visits, 24, 0)) == 4  # without patients whose knees are alike


def test_grades_of_oai_and_most_find_their_images(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_visits(images, patients=2)
    visits = visits_of_names(images)
    (tmp_path / "kxr_sq_bu00.txt").write_text("ID|SIDE|READPRJ|V00XRKL\n9000|1|15|1\n9000|2|15|0\n")
    (tmp_path / "kxr_sq_bu06.txt").write_text("ID|SIDE|READPRJ|V06XRKL\n9000|1|15|3\n9000|2|15|P\n")
    grades = read_grades([tmp_path / "kxr_sq_bu00.txt", tmp_path / "kxr_sq_bu06.txt"])
    told = with_grades(visits, grades, first_is_baseline=True).visits
    graded = {(v.trajectory, v.date.year if v.date else 0): v.grade for v in told}
    assert graded["9000R", 2004] == 1
    assert graded["9000R", 2008] == 3
    assert graded["9000L", 2004] == 0
    assert graded["9000L", 2008] is None
    assert graded["9000R", 2005] is None  # OAI's 12-month visit is not in these tables
    assert graded["9001R", 2004] is None
    (tmp_path / "MOSTV01235XRAY.txt").write_text("MOSTID,V0XRKL,V0XLKL,V1XRKL\n9001,2,8,3\n")
    told = with_grades(visits, read_grades([tmp_path / "MOSTV01235XRAY.txt"]), first_is_baseline=True).visits
    most = {(v.trajectory, v.months): v.grade for v in told}
    assert most["9001R", 0.0] == 2
    assert most["9001L", 0.0] is None


def test_a_table_without_grades_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ID|SIDE|AGE\n1|1|60\n")
    with pytest.raises(CohortError, match="no column of Kellgren-Lawrence grades"):
        read_grades([tmp_path / "a.txt"])


def test_outcomes_are_first_and_last_graded_visit(tmp_path: Path) -> None:
    write_graded(tmp_path, patients=6)
    visits = visits_of_grades(tmp_path, {"train": "train", "val": "val"}, {"0": 0, "2": 2}, r"^(\d+)", "([LR])$")
    found = outcomes(surrogate(visits, 24, 24))
    assert len(found) == 9
    assert sum(outcome.fast for outcome in found) == 4
    assert all(outcome.eligible for outcome in found)
    assert write_labels(surrogate(visits, 24, 24), tmp_path / "labels.csv") == 9
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    assert lines[0] == f"image,fold,{LABEL}"
    assert sum(line.endswith("test,1") for line in lines) == 1


def test_visits_are_ordered_in_time_within_each_knee(tmp_path: Path) -> None:
    visits = visits_of_names(write_visits(tmp_path, patients=2))
    assert in_time(reversed(visits)) == visits


def seen_at(*months: int) -> list[Visit]:
    """Visits of one knee, so many months after the first of March 2004."""
    start = datetime.date(2004, 3, 1)
    dates = [start + datetime.timedelta(days=round(m * 365.25 / 12)) for m in months]
    return [Visit("9000", "R", "9000R", 0.0, when, None, f"{when}.png") for when in dates]


GRADES = Grades({("9000", "R"): {0.0: 0, 12.0: 1, 24.0: 2, 36.0: 3, 48.0: 4}}, {"9000": (0, 12, 24, 36, 48, 72, 96)})


def test_images_without_the_baselines_get_their_own_visits_grades() -> None:
    found = with_grades(seen_at(12, 24, 36, 60 + 12), GRADES)  # 0, 12, 24, 60 months after the first: only 12 can begin
    assert [visit.grade for visit in found.visits] == [1, 2, 3, None]
    assert found.open == ()


def test_images_whose_visits_cannot_be_told_are_not_graded_unless_the_user_says() -> None:
    found = with_grades(seen_at(12, 24), GRADES)
    assert [visit.grade for visit in found.visits] == [None, None]
    assert found.open == ("9000",)
    assert [visit.grade for visit in with_grades(seen_at(0, 12), GRADES, first_is_baseline=True).visits] == [0, 1]


@pytest.mark.parametrize(("written", "patient"), [("9001.0", "9001"), (" 9001", "9001"), (9001.0, "9001"), ("A7", "A7")])
def test_a_patient_is_one_however_a_table_writes_it(written: object, patient: str) -> None:
    assert parse_patient(written, "here") == patient
    with pytest.raises(CohortError, match="no patient is named"):
        parse_patient(" ", "here")


@pytest.mark.parametrize(
    "written", ["20040301", "2004-03-01", "20040301.0", " 2004-03-01 ", "2004-03-01 00:00:00", "2004-03-01T10:30:00"]
)
def test_a_date_is_read_as_it_is_meant(written: str) -> None:
    assert parse_date(written, "here") == datetime.date(2004, 3, 1)


@pytest.mark.parametrize(
    "written", ["01-03-2004", "1.3.2004", "20041399", "20040301xyz", "00010101", "2004-3-1", "99991231"]
)
def test_a_date_that_may_mean_something_else_is_refused(written: str) -> None:
    with pytest.raises(CohortError, match="not a date written YYYY-MM-DD"):
        parse_date(written, "here")


@pytest.mark.parametrize(
    ("written", "split"), [("Train", "train"), (" TEST ", "test"), ("Validation", "val"), (None, "train")]
)
def test_a_split_is_read_by_meaning(written: object, split: str) -> None:
    assert parse_split(written, "here") == split


@pytest.mark.parametrize("written", ["0", "1", "0.0", "dev"])
def test_a_split_that_says_nothing_is_refused(written: str) -> None:
    with pytest.raises(CohortError, match="must be train, val or test"):
        parse_split(written, "here")


def test_hidden_copies_are_no_visits(tmp_path: Path) -> None:
    write_visits(tmp_path, patients=1)
    names = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / f"._{names[0]}").write_bytes(b"x")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / names[0]).write_bytes(b"x")
    assert len(visits_of_names(tmp_path)) == 6

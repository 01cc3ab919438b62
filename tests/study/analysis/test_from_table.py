"""Anybody's table: what is told from it, and what is refused, by file, line and column."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.analysis.from_table import Columns, read_patients, readings_of_table
from readings_support import maps, paired, read, written, yes_no


def test_a_paired_study_is_read_with_all_it_says() -> None:
    found = paired()
    assert (len(found.readers), len(found.cases), found.conditions) == (7, 60, ("alone", "aided"))
    assert (found.items[0].kind, found.items[0].levels) == ("yes_no", 5)
    assert len(set(found.patients.values())) == 40
    assert sum(found.truth.values()) == 12


def test_whole_numbers_without_a_truth_are_ratings_with_their_own_words() -> None:
    found = maps()
    assert found.items[0].kind == "rating"
    assert found.items[0].options == ("0", "1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("answers", "truth", "kind"),
    [
        (("yes", "No", "TRUE"), None, "yes_no"),
        (("0.2", "0.7", "0.1"), ("0", "1", "0"), "score"),
        (("12.5", "13", "900"), None, "number"),
        (("left", "right", "left"), None, "choice"),
        (("-2", "0", "2"), None, "rating"),
    ],
)
def test_what_answers_are_is_told_from_them(tmp_path: Path, answers: Any, truth: Any, kind: str) -> None:
    rows = [{"reader": "R1", "case": n, "answer": one} for n, one in enumerate(answers)]
    if truth is not None:
        rows = [row | {"truth": one} for row, one in zip(rows, truth, strict=True)]
    assert read(tmp_path / "t.csv", rows).items[0].kind == kind


def test_ratings_below_zero_keep_their_order(tmp_path: Path) -> None:
    rows = [{"reader": "R1", "case": n, "answer": one} for n, one in enumerate((-2, 0, 2))]
    found = read(tmp_path / "t.csv", rows)
    assert found.items[0].options == ("-2", "-1", "0", "1", "2")
    assert [one.value for one in found.readings] == [1, 3, 5]


@pytest.mark.parametrize(
    "text", ["reader;case;answer\nR1;a;1\nR1;b;0\n", "\ufeffreader,case,answer\r\nR1,a,1\r\nR1,b,0\r\n"]
)
def test_semicolons_and_the_mark_of_excel_are_no_matter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert [one.value for one in readings_of_table(path, Columns()).readings] == [1, 0]


def test_cells_that_a_table_leaves_out_are_counted(tmp_path: Path) -> None:
    rows = yes_no()[:-1]
    found = read(tmp_path / "t.csv", rows)
    assert found.missing("answer") == {"not in the table": 1}
    half = [row for row in yes_no(2, 20) if (row["reader"] == "R1") == (int(row["case"][1:]) < 10)]
    assert found.missing("answer") != read(tmp_path / "h.csv", half).missing("answer") == {}  # a design, and nothing missing


def test_an_empty_answer_is_left_open(tmp_path: Path) -> None:
    rows = yes_no()
    rows[3] = rows[3] | {"answer": "NA", "confidence": ""}
    found = read(tmp_path / "t.csv", rows)
    assert found.missing("answer") == {"left open": 1}
    assert math.isnan(found.readings[3].value)


WRONG: tuple[tuple[Any, str], ...] = (
    (
        lambda rows: rows + rows[:1],
        r"line 62: R1 answers case c000 twice, first in line 2; a column for repeats \(--repeat\)",
    ),
    (lambda rows: [rows[0] | {"answer": "maybe"}, *rows[1:]], "grade|yes or no|column answer"),
    (lambda rows: [rows[0] | {"reader": ""}, *rows[1:]], "line 2: column reader is empty"),
    (lambda rows: [rows[0] | {"truth": "x"}, *rows[1:]], "line 2: the truth of case c000 is 'x'"),
    (
        lambda rows: [rows[0] | {"confidence": "0"}, *rows[1:]],
        "line 2: column confidence is to hold a whole level from 1 to 100",
    ),
    (lambda rows: [rows[0] | {"confidence": "high"}, *rows[1:]], "line 2: column confidence holds 'high'"),
    (lambda rows: [rows[0] | {"truth": "1"}, *rows[1:]], "line 22: the truth of case c000 is another"),
    (lambda rows: [row | {"answer": ""} for row in rows], "holds no answer"),
)


@pytest.mark.parametrize(("change", "says"), WRONG)
def test_a_row_that_says_what_none_may_is_named(tmp_path: Path, change: Any, says: str) -> None:
    with pytest.raises(StudyError, match=says):
        read(tmp_path / "t.csv", change(yes_no()), kind="yes_no")


def test_files_that_are_no_table_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        readings_of_table(tmp_path / "none.csv", Columns())
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="UTF-8"):
        readings_of_table(tmp_path / "b.csv", Columns())
    (tmp_path / "e.csv").write_text("reader,case,answer\n")
    with pytest.raises(StudyError, match="no row"):
        readings_of_table(tmp_path / "e.csv", Columns())
    with pytest.raises(StudyError, match=r"no column arm \(--condition\); it has: reader, case, answer"):
        readings_of_table(written(tmp_path / "t.csv", [{"reader": 1, "case": 1, "answer": 1}]), Columns(condition="arm"))
    with pytest.raises(StudyError, match="no condition with"):
        read(tmp_path / "u.csv", yes_no(conditions=("a", "b")), order=("with",))


def test_patients_of_a_study_are_all_named(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", [{"case": "a", "patient": 1}, {"case": "b", "patient": 1}])
    assert read_patients(path, ["a", "b"]) == {"a": "1", "b": "1"}
    with pytest.raises(StudyError, match="no patient of case c"):
        read_patients(path, ["a", "b", "c"])
    with pytest.raises(StudyError, match="line 3: the study has no case b"):
        read_patients(path, ["a"])


def test_showings_are_numbered_from_nought_whatever_a_table_begins_with(tmp_path: Path) -> None:
    rows = [row | {"repeat": n} for n in (1, 2) for row in yes_no(2, 8)]
    found = read(tmp_path / "t.csv", rows)
    assert {one.repeat for one in found.readings} == {0, 1}
    assert len(found.readers) == 2


def test_a_modality_that_one_of_two_readers_lacks_is_counted(tmp_path: Path) -> None:
    rows = [row for row in yes_no(2, 20, ("a", "b")) if not (row["reader"] == "R1" and row["condition"] == "b")]
    assert read(tmp_path / "t.csv", rows).missing("answer") == {"not in the table": 20}


def test_grades_in_words_need_their_order(tmp_path: Path) -> None:
    rows = [{"reader": "R1", "case": n, "answer": one} for n, one in enumerate(("poor", "good", "fair"))]
    with pytest.raises(StudyError, match=r"order of grades such as 'poor'.*--grades"):
        read(tmp_path / "t.csv", rows, kind="rating")
    found = read(tmp_path / "t.csv", rows, kind="rating", grades=("poor", "fair", "good"))
    assert [one.value for one in found.readings] == [1, 3, 2]
    halves = [{"reader": "R1", "case": n, "answer": one} for n, one in enumerate((10, 0.5, 2.5))]
    assert read(tmp_path / "h.csv", halves, kind="rating").items[0].options == ("0.5", "2.5", "10")


def test_commas_part_digits_where_semicolons_part_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sep=;\nreader;case;answer\nR1;a;3,5\nR1;b;4,25\n")
    assert [one.value for one in readings_of_table(path, Columns()).readings] == [3.5, 4.25]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reader,case,answer,answer\nR1,a,1,0\n", "two columns called answer"),
        ("reader,case,answer\nR1,a,1,7\n", "line 2: there are more cells than columns"),
        ("reader,case,answer\n" + "".join(f"R1,c{n},{n}.5\n" for n in range(9)) + "R1,x,1e999\n", "line 11: .*'1e999'"),
        ("reader,case,answer\n" + "".join(f"R1,c{n},word {n}\n" for n in range(99)), "a text and no choice"),
    ],
)
def test_slips_of_a_table_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(StudyError, match=says):
        readings_of_table(path, Columns())


def test_more_conditions_than_anybody_compares_are_refused(tmp_path: Path) -> None:
    rows = [{"reader": "R1", "case": "a", "condition": f"m{n}", "answer": 1} for n in range(300)]
    with pytest.raises(StudyError, match="has 300 conditions; at most 40"):
        read(tmp_path / "t.csv", rows)

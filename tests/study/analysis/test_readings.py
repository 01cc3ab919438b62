"""Answers as a table, and what is left out of it, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medgen.study.analysis.readings import grid
from readings_support import paired, read, yes_no


def test_confidence_signs_a_yes_or_no() -> None:
    table = grid(paired(), "answer")
    assert set(np.unique(table.scores)) == {-5, -4, -3, -2, -1, 1, 2, 3, 4, 5}
    assert ((table.scores > 0) == (table.values == 1)).all()


def test_a_reader_without_a_condition_goes_before_any_case_does(tmp_path: Path) -> None:
    rows = [row for row in yes_no(4, 20, ("a", "b")) if not (row["reader"] == "R4" and row["condition"] == "b")]
    rows = [row for row in rows if not (row["reader"] == "R1" and row["case"] == "c003" and row["condition"] == "a")]
    whole = grid(read(tmp_path / "t.csv", rows), "answer").complete()
    assert whole.readers == ("R1", "R2", "R3")
    assert len(whole.cases) == 19
    assert whole.dropped == ("R4 has not answered under b: left out.", "Case c003 was not answered by all: left out.")


def test_cases_without_a_truth_are_named(tmp_path: Path) -> None:
    rows = [row | ({"truth": ""} if row["case"] in ("c001", "c002") else {}) for row in yes_no()]
    table = grid(read(tmp_path / "t.csv", rows), "answer").with_truth()
    assert len(table.cases) == 18
    assert table.dropped == ("The right answer of cases c001 and c002 is not known: left out.",)


def test_many_lost_cases_are_counted(tmp_path: Path) -> None:
    rows = [row | ({"answer": ""} if row["reader"] == "R1" and row["case"] < "c008" else {}) for row in yes_no()]
    assert grid(read(tmp_path / "t.csv", rows), "answer").complete().dropped == (
        "8 cases (c000, c001, c002, ...) were not answered by all: left out.",
    )

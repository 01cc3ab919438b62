"""Agreement between readers, and of readers with themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import golden_statistics as golden
from napari_medgen.statistics.bootstrap import Estimate
from readings_support import analysed, cell, maps, read, section, table, yes_no


def test_ratings_have_the_coefficients_of_r() -> None:
    known = golden.stats()["sim_ratings"]["agreement"]["A"]
    found = table(section(maps(), "agreement"), "Agreement")
    for name, value in (
        ("Fleiss' kappa", known["fleiss"]),
        ("Krippendorff's alpha, ordinal", known["alpha"]["ordinal"]),
        ("ICC(2,1)", known["ICC"]["ICC2"]),
    ):
        one = cell(found, "Value (95 % CI)", Condition="A", Coefficient=name)
        assert isinstance(one, Estimate)
        assert one.value == pytest.approx(value, abs=1e-9)


def test_one_reader_agrees_with_nobody(tmp_path: Path) -> None:
    assert "agreement needs two" in section(read(tmp_path / "t.csv", yes_no(1)), "agreement").problems[0]


def test_one_category_has_no_kappa(tmp_path: Path) -> None:
    rows = [row | {"answer": 1} for row in yes_no(3)]
    found = section(read(tmp_path / "t.csv", rows), "agreement")
    assert sum("one category only" in text for text in found.problems) >= 2


def test_repeats_are_compared_and_few_of_them_are_not(tmp_path: Path) -> None:
    rows = [row | {"repeat": 0} for row in yes_no(2)]
    again = [row | {"repeat": 1} for row in rows if row["reader"] == "R1" and row["case"] < "c008"]
    again += [row | {"repeat": 1} for row in rows if row["reader"] == "R2" and row["case"] < "c002"]
    found = section(read(tmp_path / "t.csv", rows + again), "repeats")
    assert cell(table(found, "The same case"), "Same answer", Reader="R1") == "8 of 8"
    assert "R2 has answered 2 cases twice; fewer than 5 say nothing." in found.problems


def test_nothing_shown_twice_has_no_section(tmp_path: Path) -> None:
    assert analysed(read(tmp_path / "t.csv", yes_no())).section("repeats", "answer") is None

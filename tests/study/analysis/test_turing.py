"""Real or synthetic: chance, margins, and cases of one kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.study.analysis.parts import P
from napari_medgen.study.analysis.plan import Plan
from readings_support import analysed, cell, paired, read, section, table, yes_no


def test_readers_who_can_tell_are_counted_after_correction(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(4, 60, skill=0.8)), "turing")
    assert "4 of 4 readers were right more often than by chance" in found.sentences[0]
    rows = table(found, "Right answers by reader").rows
    assert len(rows) == 4


def test_without_a_margin_nobody_can_claim_that_readers_cannot_tell(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(2, 60, skill=0.5)), "turing")
    assert any("No margin was stated" in text and "215 answers" in text for text in found.problems)


def test_with_a_margin_both_sides_are_tested(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(2, 600, skill=0.5)), "turing", plan=Plan(margin=0.1))
    p = cell(table(found, "Right answers by reader"), "p, within 0.1 of chance", Reader="R1")
    assert isinstance(p, P)
    assert p.value < 0.05
    assert not any("No margin" in text for text in found.problems)
    assert any("within 0.1 of one half is" in text for text in found.sentences)


def test_cases_of_one_kind_say_nothing(tmp_path: Path) -> None:
    rows = [row | {"truth": 0} for row in yes_no()]
    found = section(read(tmp_path / "t.csv", rows), "turing")
    assert "All cases are of one kind" in found.problems[0]
    assert not found.tables


def test_unequal_kinds_are_warned_of(tmp_path: Path) -> None:
    rows = [row | {"truth": int(int(row["case"][1:]) % 4 == 0)} for row in yes_no()]
    found = section(read(tmp_path / "t.csv", rows), "turing")
    assert any("who always says so" in text for text in found.problems)
    assert "told the kinds apart" in found.sentences[0]


def test_who_always_says_the_commoner_kind_cannot_tell(tmp_path: Path) -> None:
    rows = [row | {"truth": int(int(row["case"][1:]) % 10 == 0), "answer": 0} for row in yes_no(3, 100)]
    assert "0 of 3 readers told the kinds apart" in section(read(tmp_path / "t.csv", rows), "turing").sentences[0]


def test_compared_conditions_are_no_turing_test() -> None:
    assert analysed(paired()).section("turing", "answer") is None


@pytest.mark.parametrize("answer", [0, 1])
def test_who_always_says_the_same_has_a_d_prime_of_nothing(tmp_path: Path, answer: int) -> None:
    rows = [row | {"answer": answer} for row in yes_no(2, 40)]
    found = section(read(tmp_path / "t.csv", rows), "turing")
    d = cell(table(found, "Right answers by reader"), "d' (95 % CI)", Reader="R1")
    assert d.value == 0  # type: ignore[union-attr]

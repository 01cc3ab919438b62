"""Ratings of models: golden numbers on case means and in the mixed model, and ratings that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.study.analysis.parts import P
from readings_support import cell, maps, read, section, table


def test_case_means_and_the_mixed_model_are_those_of_r() -> None:
    found = section(maps(), "ratings")
    assert "chi-squared 29.04 (2 df), p < 0.001" in found.sentences[0]
    odds = cell(table(found, "Conditions in an ordinal"), "Odds ratio of a higher rating (95 % CI)", Condition="B against A")
    assert isinstance(odds, Estimate)
    assert odds.value == pytest.approx(3.6315, abs=1e-3)  # exp(1.28965)
    pair = table(found, "Conditions by pairs")
    gap = cell(pair, "Mean difference (95 % CI)", Comparison="B less A")
    assert isinstance(gap, Estimate)
    assert gap.value == pytest.approx(0.741667, abs=1e-6)
    assert gap.low > 0
    # Readers may differ in how models differ for them, which clmm's golden model (57.15) has not: less is certain.
    assert "chi-squared 25.3" in table(found, "Conditions in an ordinal").note


def test_options_that_are_numbers_have_a_median_that_is_one_of_them() -> None:
    counts = table(section(maps(), "ratings"), "How often")
    assert counts.columns[2:8] == ("0", "1", "2", "3", "4", "5")
    assert cell(counts, "Median", Condition="A", Reader="1") == "2"


def rated(values: dict[str, int], readers: int = 2, cases: int = 6) -> list[dict[str, object]]:
    return [
        {"reader": f"R{r}", "case": f"c{c}", "condition": name, "answer": value}
        for name, value in values.items()
        for r in range(readers)
        for c in range(cases)
    ]


def test_equal_ratings_say_so(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", rated({"a": 3, "b": 3}), kind="rating"), "ratings")
    assert any("alike throughout" in text for text in found.problems)
    assert any("All ratings are equal" in text for text in found.problems)


def test_models_that_separate_have_no_odds_ratio(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", rated({"a": 1, "b": 5}), kind="rating"), "ratings")
    assert any("separate" in text for text in found.problems)
    assert cell(table(found, "Conditions in an ordinal"), "p", Condition="b against a") == P(
        pytest.approx(float("nan"), nan_ok=True)
    )


def test_the_ranks_are_those_of_the_difference_that_is_named() -> None:
    """V of B less A: all ranks but those in which A is higher (R: 3.5 of 210)."""
    pair = table(section(maps(), "ratings"), "Conditions by pairs")
    assert float(str(cell(pair, "V", Comparison="C less A"))) == 210


def test_several_images_of_a_patient_are_one_pair(tmp_path: Path) -> None:
    rng = __import__("numpy").random.default_rng(0)
    rows = [
        {"reader": f"R{r}", "case": f"c{c}", "patient": c // 4, "condition": m, "answer": int(rng.integers(1, 6))}
        for r in range(3)
        for c in range(24)
        for m in "ab"
    ]
    found = section(read(tmp_path / "t.csv", rows), "ratings")
    assert "Over 6 patient means" in found.sentences[0]
    assert "patients" in table(found, "Conditions in an ordinal").note

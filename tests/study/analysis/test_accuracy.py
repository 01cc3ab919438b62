"""Rates, areas and what an aid changes, against golden numbers, and what cannot be estimated."""

from __future__ import annotations

from pathlib import Path

import pytest

import golden_statistics as golden
from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.proportions import Proportion
from napari_medgen.study.analysis.from_table import Columns
from napari_medgen.study.analysis.parts import P
from readings_support import cell, paired, read, section, table, yes_no


def test_pooled_and_mean_rates_are_both_there_and_named() -> None:
    known = golden.stats()["sim_paired"]["spec"]
    rates = table(section(paired(), "accuracy"), "Rates")
    pooled = cell(rates, "Specificity", Condition="aided", Reader="pooled")
    assert isinstance(pooled, Proportion)
    assert (pooled.count, pooled.of, pooled.error) == (291, 336, pytest.approx(known["aided"]["cluster_se"]))
    assert cell(rates, "Specificity", Condition="aided", Reader="mean of readers") == "86.6%"


def test_pooled_comparisons_go_by_patient() -> None:
    known = golden.stats()["sim_paired"]["spec"]["by_patient"]
    changes = table(section(paired(), "accuracy"), "What changes")
    where = {"Of": "specificity", "Reader": "pooled"}
    assert cell(changes, "p", **where) == P(pytest.approx(known["obuchowski"][1]))
    assert cell(changes, "Right only before / after", **where) == "30 / 50"
    gap = cell(changes, "Difference (95 % CI)", **where)
    assert isinstance(gap, Estimate)
    assert gap.value == pytest.approx((291 - 271) / 336)


def test_few_differing_answers_are_not_tested_and_say_so() -> None:
    changes = table(section(paired(), "accuracy"), "What changes")
    assert "only 3 answers differ" in str(cell(changes, "Test", Of="sensitivity", Reader="7"))


def test_without_patients_readers_are_compared_by_exact_tests() -> None:
    own = paired(Columns(truth="truth", condition="arm", confidence="confidence"))
    changes = table(section(own, "accuracy"), "What changes")
    assert cell(changes, "Test", Of="specificity", Reader="2") == "exact McNemar"


def test_areas_of_perfect_readers_have_no_interval(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(2, 24, skill=1.0)), "accuracy")
    assert any("the two kinds are separated perfectly" in text for text in found.problems)
    area = cell(table(found, "Areas"), "Empirical (DeLong)", Reader="R1")
    assert isinstance(area, Estimate)
    assert area.value == 1
    assert str(area.low) == "nan"


def test_cases_of_one_kind_have_rates_and_no_area(tmp_path: Path) -> None:
    rows = [row | {"truth": 1} for row in yes_no()]
    found = section(read(tmp_path / "t.csv", rows), "accuracy")
    assert any("All cases are of one kind" in text for text in found.problems)
    assert not any(one.title.startswith("Areas") for one in found.tables)


def test_answers_without_confidence_have_points_and_no_curve(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "confidence"} for row in yes_no()]
    found = section(read(tmp_path / "t.csv", rows), "accuracy")
    assert any("two levels only" in text for text in found.problems)
    assert [one.title for one in found.pictures] == ["Operating points of all readers"]


def test_the_published_readers_of_han_2022_have_the_mean_that_was_plotted() -> None:
    import json

    han = json.loads((golden.DATA / "papers.json").read_text())["han2022"]
    for points, mean in zip((han["points_FPR_TPR_without"], han["points_with"]), han["plotted_mean"], strict=True):
        assert [sum(one[k] for one in points) / len(points) for k in (0, 1)] == pytest.approx(mean, abs=0.005)


def test_a_binormal_area_has_no_interval_where_patients_give_several_cases() -> None:
    with_patients = cell(table(section(paired(), "accuracy"), "Areas"), "Binormal", Condition="alone", Reader="1")
    assert isinstance(with_patients, float)
    alone = paired(Columns(truth="truth", condition="arm", confidence="confidence"))
    assert isinstance(cell(table(section(alone, "accuracy"), "Areas"), "Binormal", Condition="alone", Reader="1"), Estimate)

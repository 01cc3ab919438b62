"""Multi-reader multi-case sections: the golden answer, designs, and studies that break the analysis."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.study.analysis.from_table import Columns
from napari_medgen.study.analysis.parts import P
from napari_medgen.study.analysis.plan import Plan
from readings_support import cell, paired, read, section, table, yes_no

ALONE = Columns(truth="truth", condition="arm", confidence="confidence")


def test_the_difference_is_that_of_mrmcaov_turned_so_that_gain_is_positive() -> None:
    found = section(paired(ALONE), "readers-and-cases")
    tests = table(found, "Area under the ROC curve: differences")
    gap = cell(tests, "Difference (95 % CI)", Random="readers and cases", Comparison="aided less alone")
    assert isinstance(gap, Estimate)
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.107391, 0.000300, 0.214482), abs=1e-6)
    assert cell(tests, "p", Random="readers and cases", Comparison="all equal") == P(pytest.approx(0.049519, abs=1e-6))
    assert "+" not in found.sentences[1]
    assert "Area under the ROC curve, aided less alone: 0.107 (0.000 to 0.214), p = 0.050." in found.sentences


def test_patients_with_several_cases_are_taken_as_one() -> None:
    alone, together = (section(paired(*columns), "readers-and-cases") for columns in ((ALONE,), ()))
    errors = []
    for found in (alone, together):
        means = table(found, "Area under the ROC curve: mean")
        errors.append(cell(means, "Standard error", Condition="alone", Random="cases; these readers"))
    assert errors[0] != errors[1]
    assert any("clustered DeLong" in text for text in together.methods)


def test_a_plan_may_take_readers_as_fixed_and_another_figure() -> None:
    plan = Plan(merit="partial-auc", partial=(0, 0.3), readers="fixed", covariance="jackknife")
    found = section(paired(ALONE), "readers-and-cases", plan=plan)
    assert found.tables[0].title.startswith("Partial area up to a false positive rate of 0.3")
    assert "for other cases and these readers" in found.methods[0]


def test_one_reader_can_say_nothing_of_others(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(1, 30, ("a", "b"))), "readers-and-cases")
    assert not found.tables
    assert "There is one reader" in found.problems[0]


def test_two_readers_have_an_interval_that_is_called_useless(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(2, 12, seed=3)), "readers-and-cases")
    assert any("intervals leave 0 to 1" in text for text in found.problems)


def test_perfect_separation_says_that_nothing_can_be_tested(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(3, 20, ("a", "b"), skill=1.0)), "readers-and-cases")
    assert any("denominator of F is zero" in text for text in found.problems)
    assert not any("nan" in str(word) for one in found.tables for row in one.shown[1] for word in row)


def test_a_design_that_nests_is_taken_as_it_is(tmp_path: Path) -> None:
    rows = [row for row in yes_no(6, 40, ("a", "b"), seed=1) if (row["reader"] <= "R3") == (row["condition"] == "a")]
    found = section(read(tmp_path / "t.csv", rows), "readers-and-cases")
    assert "readers nested in conditions" in found.sentences[0]
    assert table(found, "Area under the ROC curve: differences").rows
    rows = [row for row in yes_no(4, 40, ("a", "b"), seed=1) if (int(row["case"][1:]) < 20) == (row["condition"] == "a")]
    assert "cases nested in conditions" in section(read(tmp_path / "c.csv", rows), "readers-and-cases").sentences[0]


def test_a_missing_modality_of_one_reader_is_named(tmp_path: Path) -> None:
    rows = [row for row in yes_no(4, 30, ("a", "b")) if not (row["reader"] == "R2" and row["condition"] == "b")]
    found = section(read(tmp_path / "t.csv", rows), "readers-and-cases")
    assert "R2 has not answered under b: left out." in found.problems
    assert "3 readers" in found.sentences[0]


def test_thousands_of_cases_are_analysed(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(3, 3000, ("a", "b"))), "readers-and-cases")
    assert "3000 cases" in found.sentences[0]


def test_readers_who_answer_alike_have_no_infinite_f(tmp_path: Path) -> None:
    """Their figures differ by the error of the arithmetic only, which is no variance."""
    one = yes_no(1, 30, ("a", "b"), seed=2, levels=5)
    rows = [row | {"reader": f"R{n}"} for n in range(3) for row in one]
    found = section(read(tmp_path / "t.csv", rows), "readers-and-cases")
    said = " ".join(str(cell) for one in found.tables for row in one.rows for cell in row)
    assert "e+" not in said
    assert not any(len(str(cell)) > 60 for one in found.tables for row in one.shown[1] for cell in row)


def test_a_figure_that_scores_do_not_have_is_not_computed(tmp_path: Path) -> None:
    rows = [row | {"answer": row["answer"] * 2 + row["confidence"]} for row in yes_no(3, 30, ("a", "b"))]
    plan = Plan(merit="sensitivity")
    found = section(read(tmp_path / "t.csv", rows, kind="score"), "readers-and-cases", plan=plan)
    assert any("sensitivity, cannot be computed" in text for text in found.problems)
    assert not any(one.title.startswith("Sensitivity") for one in found.tables)


def test_several_pairs_are_corrected(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", yes_no(4, 40, ("a", "b", "c"))), "readers-and-cases")
    tests = table(found, "Area under the ROC curve: differences")
    raw = cell(tests, "p", Random="readers and cases", Comparison="b less a")
    after = cell(tests, "p, Holm", Random="readers and cases", Comparison="b less a")
    assert after.value >= raw.value  # type: ignore[union-attr]


def test_answers_without_confidence_have_no_area_and_no_word_of_a_plan(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "confidence"} for row in yes_no(3, 30)]
    found = section(read(tmp_path / "t.csv", rows), "readers-and-cases")
    assert not any("The plan" in text for text in found.problems)
    assert "Means of readers are given for other readers and cases" in found.methods[0]
    assert "(sample covariances" in found.methods[0]

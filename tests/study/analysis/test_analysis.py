"""The whole analysis: what is in it, in which order, and studies that break it."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.analysis.analysis import analyse
from napari_medgen.study.analysis.plan import KeptPlan, Plan, Planned
from readings_support import analysed, maps, paired, read, yes_no
from study_support import run


def test_the_plan_orders_the_sections() -> None:
    plan = Plan(
        primary=Planned(question="answer", analysis="readers-and-cases"),
        secondary=(Planned(question="answer", analysis="agreement"),),
    )
    found = analysed(paired(), plan)
    assert [(one.analysis, one.standing) for one in found.sections] == [
        ("overview", "description"),
        ("readers-and-cases", "primary"),
        ("agreement", "planned"),
        ("accuracy", "exploratory"),
    ]
    assert {one.standing for one in analysed(paired()).sections[1:]} == {"exploratory"}


def test_questions_of_several_kinds_are_analysed_each_in_its_way(tmp_path: Path) -> None:
    rows = [row | {"question": "real"} for row in yes_no()]
    rows += [
        row | {"question": "quality", "answer": 1 + int(row["case"][1:]) % 4, "truth": "", "confidence": ""}
        for row in yes_no()
    ]
    found = analysed(read(tmp_path / "t.csv", rows))
    assert found.section("ratings", "quality") is not None
    assert found.section("turing", "real") is not None
    assert found.section("turing", "quality") is None


def test_a_case_that_nobody_read_is_named(tmp_path: Path) -> None:
    rows = [row | ({"answer": "", "confidence": ""} if row["case"] == "c004" else {}) for row in yes_no()]
    found = analysed(read(tmp_path / "t.csv", rows))
    assert "Nobody read case c004: left out of every analysis." in found.sections[0].problems


def test_a_study_without_truth_still_has_agreement(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "truth"} for row in yes_no()]
    found = analysed(read(tmp_path / "t.csv", rows))
    assert [one.analysis for one in found.sections] == ["overview", "agreement"]
    assert "nothing can be said of accuracy" in found.sections[0].problems[0]


def test_one_reader_and_one_condition_have_what_there_is(tmp_path: Path) -> None:
    found = analysed(read(tmp_path / "t.csv", yes_no(1)))
    said = " ".join(text for one in found.sections for text in one.problems)
    assert said.count("There is one reader") == 3
    assert found.section("accuracy", "answer") is not None


def test_all_answers_equal_says_so_everywhere(tmp_path: Path) -> None:
    found = analysed(read(tmp_path / "t.csv", [row | {"answer": 1, "confidence": 3} for row in yes_no(3, 20, ("a", "b"))]))
    said = " ".join(text for one in found.sections for text in one.problems)
    assert "one category only" in said
    assert "two levels only" in said


def test_a_plan_that_names_no_question_of_the_table_is_refused() -> None:
    with pytest.raises(StudyError, match="names a question real; there is: answer"):
        analysed(maps(), Plan(primary=Planned(question="real", analysis="turing")))


def test_nothing_answered_is_nothing_to_analyse(make_study: object, tmp_path: Path) -> None:
    import dataclasses

    found = read(tmp_path / "t.csv", yes_no())
    empty = dataclasses.replace(
        found, readings=tuple(dataclasses.replace(one, status="left open") for one in found.readings)
    )
    with pytest.raises(StudyError, match="Nobody answered anything"):
        analysed(empty)


def test_a_plan_that_does_not_count_has_no_primary_result_and_no_margin(tmp_path: Path) -> None:
    plan = Plan(primary=Planned(question="answer", analysis="readers-and-cases"), margin=0.1)
    kept = KeptPlan(plan, plan.checksum, "2026-01-01", "", before=False)
    found = run(analyse(read(tmp_path / "t.csv", yes_no()), kept=kept))
    assert {one.standing for one in found.sections[1:]} == {"exploratory"}
    assert not any("primary result" in text for one in found.sections for text in one.sentences)
    assert any("No margin was stated" in text for one in found.sections for text in one.problems)

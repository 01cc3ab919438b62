"""A plan counts when it was kept before the blind was opened, and not otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.analysis.from_study import items_of, opened
from napari_medgen.study.analysis.plan import NAME, Plan, keep_plan, kept_plan, read_plan
from napari_medgen.study.plan_mark import KEPT
from napari_medgen.study.study import Study
from napari_medgen.study.unblinding import unblind
from study_support import MakeStudy, read_with_skill

TEXT = """
primary: {question: real, analysis: turing}
secondary:
  - {question: real, analysis: agreement}
margin: 0.1
remarks: Twenty cases, for that is what there is.
"""


def kept(study: Study, tmp_path: Path, text: str = TEXT) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    keep_plan(study, path, items_of(study.protocol))
    return path


def done(study: Study) -> None:
    for code in study.codes:
        read_with_skill(study, code, 0.8)


def test_what_a_plan_names_stands_before_what_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT)
    plan = read_plan(path)
    standings = [plan.standing("real", name) for name in ("turing", "agreement", "accuracy")]
    assert standings == ["primary", "planned", "exploratory"]
    assert plan.standing("why", "turing") == "exploratory"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("primary: {question: reel, analysis: turing}", "line 1.*no question is called reel; there is: real, why"),
        ("primary: {question: real, analysis: magic}", "line 1"),
        ("margin: 0.7", "line 1, margin: .* less than 0.5"),
        ("partial: [0.3, 0.1]", "a range of false positive rates"),
        ("colour: red", "line 1, colour: there is no such entry"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(make_study: MakeStudy, tmp_path: Path, text: str, says: str) -> None:
    study = make_study()
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=says):
        keep_plan(study, path, items_of(study.protocol))
    assert not (study.folder / KEPT).exists()


def test_a_plan_kept_before_the_blind_was_opened_counts(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    kept(study, tmp_path)
    done(study)
    made = unblind(study)
    found = kept_plan(study, made.plan)
    assert found is not None
    assert found.before
    assert found.checksum == made.plan
    assert found.protocol == study.protocol.checksum
    assert opened(study).made.plan == made.plan


def test_another_plan_is_refused_and_the_same_one_is_not(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    path = kept(study, tmp_path)
    first = keep_plan(study, path, items_of(study.protocol), datetime(2030, 1, 1, tzinfo=UTC))
    assert first.at[:4] != "2030"
    with pytest.raises(StudyError, match="Another plan was kept"):
        kept(study, tmp_path, TEXT.replace("0.1", "0.2"))


def test_a_plan_after_the_end_of_the_blind_is_none(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    done(study)
    unblind(study)
    with pytest.raises(StudyError, match="The blind of this study is open"):
        kept(study, tmp_path)


def test_a_plan_that_was_put_there_after_the_end_of_the_blind_does_not_count(make_study: MakeStudy, tmp_path: Path) -> None:
    """Somebody makes both files as this program does, with a date of long ago."""
    study, other = make_study(), make_study(folder="other")
    kept(other, tmp_path)
    done(study)
    made = unblind(study)
    for name in (NAME, KEPT):
        (study.folder / name).write_bytes((other.folder / name).read_bytes())
    found = kept_plan(study, made.plan)
    assert found is not None
    assert not found.before


def test_a_plan_that_was_changed_is_refused(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    kept(study, tmp_path)
    (study.folder / NAME).write_text(TEXT.replace("turing", "accuracy"))
    with pytest.raises(StudyError, match="was changed since it was kept"):
        kept_plan(study)
    (study.folder / KEPT).write_text("{}")
    with pytest.raises(StudyError, match="cannot be read"):
        kept_plan(study)


def test_how_a_plan_is_laid_out_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("margin: 0.10  # a tenth\n\nprimary:\n  question: real\n  analysis: turing\n")
    assert (
        read_plan(path).checksum
        == Plan.model_validate({"margin": 0.1, "primary": {"question": "real", "analysis": "turing"}}).checksum
    )

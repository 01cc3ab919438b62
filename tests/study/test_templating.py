"""Templates: each is a whole protocol, and says what the papers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.protocol import Protocol, read_protocol
from napari_medgen.study.questions import Likert
from napari_medgen.study.templating import TEMPLATES, protocol_text


def made(template: str, folder: Path, **more: str) -> Protocol:
    path = folder / "protocol.yaml"
    path.write_text(protocol_text(template, "a-study", ["R1", "R2", "R7"], 3, **more))
    return read_protocol(path)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_protocol(template: str, tmp_path: Path) -> None:
    protocol = made(template, tmp_path)
    assert protocol.study == "a-study"
    assert [reader.code for reader in protocol.readers] == ["R1", "R2", "R7"]
    assert protocol.seed == 3
    assert protocol.instructions
    assert protocol.title


def test_a_title_may_hold_what_yaml_reads_otherwise(tmp_path: Path) -> None:
    for title in ("Knees: now and then", "#1 'study'", "yes", "a\u00e4\u00df {x}"):
        assert made("turing", tmp_path, title=title).title == title
    for name in ("2024", "no", "1e3"):
        (tmp_path / "protocol.yaml").write_text(protocol_text("turing", name, ["R1"], 1))
        assert read_protocol(tmp_path / "protocol.yaml").study == name
    with pytest.raises(StudyError, match="no template other; there are: turing"):
        protocol_text("other", "a", ["R1"], 1)


def test_khaders_questions_have_the_published_words(tmp_path: Path) -> None:
    questions = made("volume-quality", tmp_path).questions
    assert [question.text for question in questions] == [
        "Realistic image appearance",
        "Consistency between slices",
        "Anatomic correctness",
    ]
    first, second, third = questions
    assert isinstance(first, Likert)
    assert isinstance(second, Likert)
    assert isinstance(third, Likert)
    assert first.options[3] == "Can't tell whether fake or not"
    assert second.options[2] == "Majority of slices (> 10) are consistent"
    assert third.options[1] == ("Anatomic region recognizable, but major parts of the images exhibit anatomic incorrectness")
    assert all(isinstance(one, Likert) and len(one.options) == 4 for one in questions)


def test_han_reads_twice_and_rates_three_models(tmp_path: Path) -> None:
    progression = made("progression", tmp_path)
    assert progression.paired is not None
    assert progression.paired.questions == ("fast",)
    assert made("saliency", tmp_path).order.arms == ("a", "b", "c")

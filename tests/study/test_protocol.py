"""Protocols: what one says, and that a mistake in any field is named by file, line and field with what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.located import read_located
from napari_medgen.study.order import order_of
from napari_medgen.study.protocol import Protocol, read_protocol

PROTOCOL = """\
study: turing-brain
title: Real or synthetic
seed: 7
instructions: Look at each brain as long as you like.
readers:
  - code: R1
    experience_years: 9
  - code: R2
order:
  kind: blocked
  arms: [plain, map]
  design: crossover
  washout_days: 28
  repeats: 1
  distance: 2
questions:
  - id: real
    kind: yes_no
    text: Is this a real scan?
    confidence: 5
  - id: why
    kind: choice
    text: What gave it away?
    options: [Texture, Anatomy, Something else]
    when: {question: real, answers: [false]}
  - id: quality
    kind: likert
    text: How good is the image?
    options: [Bad, Fair, Good]
    groups: [brain]
  - id: where
    kind: box
    text: Where?
    most: 3
    required: false
  - id: note
    kind: text
    text: Anything else?
    required: false
cases:
  - id: c1
    image: images/a.nii.gz
    group: brain
    aid: aids/a.nii.gz
  - id: c2
    image: images/b.nii.gz
    group: brain
    aid: aids/b.nii.gz
    images: {map: images/b-map.nii.gz}
  - id: c3
    image: images/c.png
    group: knee
    aid: aids/c.png
  - id: c4
    image: images/d.png
    group: knee
    aid: aids/d.png
    training: true
    truth: {real: true}
paired:
  shows: The follow-up
  questions: [real]
navigation:
  back: true
  change: true
timing:
  limit_seconds: 60
  break_every: 25
blinding:
  mark: false
  why_not: Readers know that all are synthetic.
hanging: {body_part: BRAIN}
truth_checksum: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "protocol.yaml").write_text(PROTOCOL)
    return tmp_path / "protocol.yaml"


def test_a_protocol_says_all_that_a_study_needs(file: Path) -> None:
    protocol = read_protocol(file)
    assert [reader.code for reader in protocol.readers] == ["R1", "R2"]
    first = protocol.cases[0]
    assert [one.id for one in protocol.questions_of(first, {})] == ["real", "quality", "where", "note"]
    told = protocol.questions_of(first, {"real": {"yes": False, "confidence": 2}})
    assert [one.id for one in told] == ["real", "why", "quality", "where", "note"]
    assert [one.id for one in protocol.questions_of(protocol.cases[2], {})] == ["real", "where", "note"]
    trials = order_of(protocol.plan, "R1", 0, [case.id for case in protocol.cases], [case.group for case in protocol.cases])
    assert len(trials) == 9


def test_the_checksum_is_of_what_it_says_and_not_of_how(file: Path) -> None:
    before = read_protocol(file).checksum
    file.write_text("# a remark\n" + PROTOCOL.replace("seed: 7", "seed:   7") + "\n\n")
    assert read_protocol(file).checksum == before
    file.write_text(PROTOCOL.replace("seed: 7", "seed: 8"))
    assert read_protocol(file).checksum != before


MISTAKES = [
    ("study: turing-brain", "study: Turing brain", r"line 1, study: string should match pattern"),
    ("title: Real or synthetic", "title: ''", r"line 2, title: string should have at least 1 character"),
    ("seed: 7", "seed: -1", r"line 3, seed: input should be greater than or equal to 0; it is -1"),
    ("seed: 7\n", "", r"line 1, seed: this entry is missing"),
    ("instructions: Look", "instruction: Look", r"line 4, instruction: there is no such entry"),
    ("  - code: R1", "  - code: Dr. Miller", r"line 6, readers\.0\.code: string should match pattern"),
    ("experience_years: 9", "experience_years: many", r"line 7, readers\.0\.experience_years: .*valid number.*'many'"),
    ("  - code: R2", "  - code: R1", r"line 8, readers\.1\.code: R1 stands in line 6 already"),
    ("kind: blocked", "kind: shuffled", r"line 10, order\.kind: .*'random', 'fixed' or 'blocked'; it is 'shuffled'"),
    ("arms: [plain, map]", "arms: [plain, plain]", r"line \d+, order: two arms have one name"),
    ("arms: [plain, map]", "arms: []", r"line \d+, order: a crossover design needs two arms or more"),
    ("design: crossover", "design: between", r"line \d+, order: a wash-out lies between the sessions of a crossover"),
    ("washout_days: 28", "washout_days: -3", r"line 13, order\.washout_days: .*greater than or equal to 0"),
    ("repeats: 1", "repeats: some", r"line 14, order\.repeats: .*valid integer"),
    ("distance: 2", "distance: 0", r"line 15, order\.distance: .*greater than or equal to 1"),
    ("kind: yes_no", "kind: yesno", r"line 17, questions\.0: .*'likert', 'choice', 'yes_no', .*"),
    ("confidence: 5", "confidence: 1", r"line 17, questions\.0: a confidence of one level says nothing"),
    ("  - id: why", "  - id: real", r"line 21, questions\.1\.id: real stands in line 17 already"),
    ("[Texture, Anatomy, Something else]", "[Texture]", r"line 24, questions\.1\.options: .*at least 2 items"),
    ("[Texture, Anatomy, Something else]", "[Texture, Texture]", r"line 21, questions\.1: two options have one name"),
    (
        "question: real, answers",
        "question: quality, answers",
        r"line 25, .*when\.question: quality is not asked before why; .*real",
    ),
    ("answers: [false]", 'answers: ["no"]', r"line 25, questions\.1\.when\.answers: an answer to real is yes or no"),
    ("  - code: R2", "  - code: r1", r"line 8, readers\.1\.code: r1 stands in line 6 already"),
    (
        "questions: [real]",
        "questions: [why]",
        r"line 62, paired\.questions: why is asked after real, which is not asked again",
    ),
    ("answers: [false]", "answers: []", r"line 25, questions\.1\.when\.answers: .*at least 1 item"),
    (
        "groups: [brain]",
        "groups: [heart]",
        r"line 30, questions\.2\.groups: no case is of the group heart; there is: brain, knee",
    ),
    ("most: 3", "most: 0", r"line 34, questions\.3\.most: .*greater than or equal to 1"),
    (
        "required: false\n  - id: note",
        "required: perhaps\n  - id: note",
        r"line 35, questions\.3\.required: .*valid boolean",
    ),
    ("  - id: c2", "  - id: c1", r"line 45, cases\.1\.id: c1 stands in line 41 already"),
    ("image: images/a.nii.gz", "image: /images/a.nii.gz", r"line 42, cases\.0\.image: files lie in the study's folder"),
    ("image: images/a.nii.gz", "image: ../a.nii.gz", r"line 42, cases\.0\.image: files lie in the study's folder"),
    ("    image: images/a.nii.gz\n", "", r"line 41, cases\.0\.image: this entry is missing"),
    (
        "truth: {real: true}",
        "truth: {reel: true}",
        r"line 59, cases\.3\.truth\.reel: no question is called so; there is: .*real",
    ),
    ("truth: {real: true}", "truth: {real: maybe}", r"line 59, cases\.3\.truth\.real: an answer to real is yes or no"),
    ("    training: true\n", "", r"line 54, cases\.3: the truth of a case that is no training stands in truth.yaml"),
    ("images: {map:", "images: {maps:", r"line 49, cases\.1\.images\.maps: no arm is called so; there is: map, plain"),
    ("    aid: aids/c.png\n", "", r"line 50, cases\.2: paired reading shows an aid, and this case has none"),
    (
        "questions: [real]",
        "questions: [other]",
        r"line 62, paired\.questions: no question is called other; there is: .*real",
    ),
    ("back: true", "back: false", r"line \d+, navigation: to change an answer a reader must be able to go back"),
    ("limit_seconds: 60", "limit_seconds: .inf", r"line 67, timing\.limit_seconds: .*finite number"),
    ("break_every: 25", "break_every: 2.5", r"line 68, timing\.break_every: .*valid integer"),
    (
        "  why_not: Readers know that all are synthetic.\n",
        "",
        r"line \d+, blinding: what is not blinded needs a reason \(why_not\)",
    ),
    ("hanging: {body_part: BRAIN}", "hanging: {organ: BRAIN}", r"line 72, hanging\.organ.*: .*'body_part' or 'modality'"),
    ("truth_checksum: aa", "truth_checksum: AA", r"line 73, truth_checksum: string should match pattern"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "says"), MISTAKES, ids=[f"{i}-{m[1][:20].strip()}" for i, m in enumerate(MISTAKES)]
)
def test_a_mistake_in_any_field_is_named(right: str, wrong: str, says: str, file: Path) -> None:
    assert PROTOCOL.count(right) == 1 or right.startswith("    ")
    file.write_text(PROTOCOL.replace(right, wrong, 1))
    with pytest.raises(StudyError, match=r"^protocol\.yaml, " + says):
        read_protocol(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it holds no entries"),
        ("- a\n- b\n", "it holds no entries"),
        ("study: [\n", "line 2: "),
        ("study: a\ntitle: b\nstudy: c\n", "line 3: study stands twice"),
        ("a: &x [1]\nb: *x\n", r"line 2: an alias \(\*\) has no place here"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1: could not determine a constructor"),
        ("[" * 3000, "nested too deeply|line"),
        ("a: \x07\n", "."),
    ],
)
def test_what_is_no_yaml_is_one_sentence(text: str, says: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(StudyError, match=says) as raised:
        read_protocol(file)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        read_located(tmp_path / "gone.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(StudyError, match="no text file"):
        read_located(tmp_path / "binary.yaml")


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        (
            "real",
            [{"yes": True, "confidence": 5}],
            [True, {"yes": True}, {"yes": 1, "confidence": 3}, {"yes": True, "confidence": 6}],
        ),
        ("why", ["Texture"], ["texture", 0, None]),
        ("quality", ["Bad", "Good"], ["Best", 2]),
        (
            "where",
            [[], [[[1, 2.5], [3, 4]]]],
            [[[1, 2]], [[[1], [2]]], [[[1, 2], [3, float("nan")]]], "here", [[[1, 2], [3, 4]]] * 4],
        ),
        ("note", ["", "a text"], [3, None, "x" * 10_001]),
    ],
)
def test_what_counts_as_an_answer(question: str, right: list[Any], wrong: list[Any], file: Path) -> None:
    asked: Protocol = read_protocol(file)
    (one,) = [one for one in asked.questions if one.id == question]
    for value in right:
        one.check(value)
    for value in wrong:
        with pytest.raises(StudyError, match=f"An answer to {question} is"):
            one.check(value)

"""Readings of a study's stores: only once its blind is open, and every missing answer by its kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.analysis.from_study import opened, readings_of
from napari_medgen.study.case_table import NewCase, import_cases
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.templating import protocol_text
from napari_medgen.study.unblinding import unblind
from study_support import MakeStudy, a_picture, a_volume, read_all, read_with_skill, run


def test_a_closed_blind_is_not_analysed(make_study: MakeStudy) -> None:
    study = make_study()
    with pytest.raises(StudyError, match="blind of this study is closed"):
        opened(study)


def test_what_was_read_is_what_is_analysed(make_study: MakeStudy) -> None:
    study = make_study(count=10)
    for code in study.codes:
        read_with_skill(study, code, 1.0)
    unblind(study)
    found = readings_of(opened(study))
    real = found.of("real")
    assert len(real) == 20
    assert all(one.value == found.truth[one.case, "real"] for one in real)
    assert all(1 <= one.confidence <= 5 for one in real)
    why = found.of("why")  # asked of those that were called synthetic
    assert len(why) == sum(one.value == 0 for one in real)
    assert found.facts["registered readers"] == "R1, R2"
    assert "at random" in found.facts["order"]


def test_readers_who_were_given_up_have_missing_answers(make_study: MakeStudy) -> None:
    study = make_study(count=8)
    read_with_skill(study, "R1", 0.7)
    session = study.session("R2")
    read_all(session, cases=3)
    session.close()
    unblind(study, without=["R2"])
    found = readings_of(opened(study))
    assert found.missing("real") == {"not reached": 5}
    assert found.facts["readers given up"] == "R2"
    counts = Counter((one.reader, one.answered) for one in found.of("real"))
    assert counts["R2", True] == 3


def test_repeats_are_repeats_and_training_is_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    text = (
        protocol_text("turing", "test", ["R1"], 5).replace("repeats: 0", "repeats: 3").replace("distance: 10", "distance: 2")
    )
    (folder / PROTOCOL).write_text(text)
    cases = [NewCase(a_volume(n), {"real": n % 2 == 0}, training=n == 7) for n in range(8)]
    study = run(import_cases(Study.open(folder), cases))
    session = study.session("R1")
    read_all(session)
    session.close()
    unblind(study)
    found = readings_of(opened(study))
    assert Counter(one.repeat for one in found.of("real")) == {0: 7, 1: 3}
    assert len({one.case for one in found.readings}) == 7


def test_paired_reading_has_two_conditions_and_patients(make_study: MakeStudy) -> None:
    cases = [NewCase(a_picture(n), {"fast": n % 2 == 0}, aid=a_picture(n + 50)) for n in range(6)]
    study = make_study("progression", cases)
    for code in study.codes:
        session = study.session(code)
        read_all(session)
        session.close()
    unblind(study)
    names = [case.id for case in study.protocol.cases]
    found = readings_of(opened(study), {name: str(number // 2) for number, name in enumerate(names)})
    assert found.conditions == ("alone", "aided")
    assert Counter(one.condition for one in found.of("fast")) == {"alone": 12, "aided": 12}
    assert len(set(found.patients.values())) == 3
    assert "shown" in found.facts["aid"]


def test_answers_that_came_after_the_end_of_the_blind_are_refused(make_study: MakeStudy) -> None:
    study, other = make_study(), make_study(folder="other")
    for code in study.codes:
        read_with_skill(study, code, 0.8)
    unblind(study)
    read_with_skill(other, "R1", 0.2, seed=9)
    for path in (other.folder / "readings").glob("R1*"):
        (study.folder / "readings" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(StudyError, match=r"not as it was when the blind was opened|not whole"):
        opened(study)

"""The key: what it holds, and that nobody changes it unnoticed."""

from __future__ import annotations

import pytest

from napari_medgen.errors import StudyError
from study_support import MakeStudy


def test_the_truth_is_in_the_key_and_nowhere_else(make_study: MakeStudy) -> None:
    study = make_study()
    key = study.key()
    assert key is not None
    assert sorted(key.truth(case.id, "real") for case in study.protocol.cases) == [False, False, False, True, True, True]
    assert key.truth("nobody", "real") is None
    assert {case.source for case in key.cases.values()} == {f"file-{n}" for n in range(6)}
    text = (study.folder / "protocol.yaml").read_text()
    assert "truth:" not in text
    assert "file-" not in text
    assert "patient" not in text


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("study: test", "study: other", r"truth.yaml, line 2, study: it is the key of other, not of test"),
        ("  c001:", "  c999:", r"cases.c999: the protocol has no case of this name"),
        ("      real: true", "      reel: true", r"truth.reel: no question is called so"),
        ("      real: true", "      real: perhaps", r"truth.real: an answer to real is yes or no"),
        ("      real: true", "      real: false", r"it was changed since the protocol was made"),
        ("source: file-0", "source: file-9", r"it was changed since the protocol was made"),
    ],
)
def test_a_key_that_does_not_fit_is_named(right: str, wrong: str, says: str, make_study: MakeStudy) -> None:
    study = make_study()
    text = study.key_file.read_text()
    assert right in text
    study.key_file.write_text(text.replace(right, wrong, 1))
    with pytest.raises(StudyError, match=says):
        study.key()


def test_readers_need_no_key(make_study: MakeStudy) -> None:
    study = make_study()
    study.key_file.unlink()
    assert study.key() is None
    study.session("R1").close()

"""A reader's session: what may be answered when, and that a session which is opened anew stands where it stood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.audit import check_store
from napari_medgen.study.clock import Clock
from napari_medgen.study.protocol import Protocol
from napari_medgen.study.session import Session


def protocol(**changes: Any) -> Protocol:
    content: dict[str, Any] = {
        "study": "test",
        "title": "A test",
        "seed": 5,
        "readers": [{"code": "R1"}, {"code": "R2"}],
        "questions": [
            {"id": "real", "kind": "yes_no", "text": "Real?"},
            {"id": "why", "kind": "text", "text": "Why not?", "when": {"question": "real", "answers": [False]}},
            {"id": "note", "kind": "text", "text": "More?", "required": False},
        ],
        "cases": [{"id": f"c{n}", "image": f"images/{n}.png", "aid": f"aids/{n}.png"} for n in range(6)],
    }
    return Protocol.model_validate(content | changes)


PAIRED = {"paired": {"shows": "The follow-up", "questions": ["real"]}}


def read_case(session: Session, *, real: bool = True) -> None:
    session.open()
    session.answer("real", {"yes": real})
    if not real:
        session.answer("why", "blotches")
    if session.protocol.paired is not None:
        session.lock()
        session.show_aid()
        session.answer("real", {"yes": not real})
        if real and any(question.id == "why" for question in session.missing):
            session.answer("why", "the follow-up")
    session.forward()


def state(session: Session) -> Any:
    return (
        session.trials,
        session.trial,
        session.part,
        session.answers,
        (session.progress.done, session.progress.total),
        [q.id for q in session.questions],
    )


def test_a_study_is_read_to_its_end_and_every_answer_is_kept(tmp_path: Path) -> None:
    session = Session.open_in(tmp_path, protocol(), "R1")
    while session.trial is not None:
        read_case(session, real=session.progress.done % 2 == 0)
    assert session.progress.done == session.progress.total == 6
    assert session.questions == ()
    with pytest.raises(StudyError, match="All cases are read"):
        session.answer("real", {"yes": True})
    session.close()
    audit = check_store(tmp_path / "readings" / "R1.sqlite")
    assert audit.faults == ()
    again = Session.open_in(tmp_path, protocol(), "R1")
    answers = [event.payload for event in again.store.events("answer")]
    assert len(answers) == 9
    assert len({answer["id"] for answer in answers}) == 9


@pytest.mark.parametrize("changes", [{}, PAIRED, {"order": {"repeats": 2, "distance": 2}}])
def test_a_session_that_is_opened_anew_after_each_step_is_the_one_that_never_closed(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    whole = Session.open_in(tmp_path / "whole", protocol(**changes), "R1")
    parts = Session.open_in(tmp_path / "parts", protocol(**changes), "R1")
    paired = [("lock",), ("show_aid",), ("answer", "real", {"yes": True})] if "paired" in changes else []
    steps = [("open",), ("answer", "real", {"yes": False}), ("answer", "why", "a"), ("comment", "x"), *paired, ("forward",)]
    while whole.trial is not None:
        for name, *values in steps:
            getattr(whole, name)(*values)
            getattr(parts, name)(*values)
            parts.close()
            parts = Session.open_in(tmp_path / "parts", protocol(**changes), "R1")
            assert state(parts) == state(whole), name
    assert parts.trial is None


def test_questions_follow_from_answers_and_required_ones_hold_the_case(tmp_path: Path) -> None:
    session = Session.open_in(tmp_path, protocol(), "R1")
    session.open()
    assert [question.id for question in session.questions] == ["real", "note"]
    with pytest.raises(StudyError, match=r"Not answered yet: Real\?"):
        session.forward()
    with pytest.raises(StudyError, match="why is not asked now"):
        session.answer("why", "x")
    with pytest.raises(StudyError, match="An answer to real is yes or no"):
        session.answer("real", "maybe")
    session.answer("real", {"yes": False})
    assert [question.id for question in session.missing] == ["why"]
    session.answer("real", {"yes": True})  # while the case is open a reader may think again; both are kept
    session.forward()
    assert [event.payload["value"] for event in session.store.events("answer")] == [{"yes": False}, {"yes": True}]


def test_the_aid_is_nowhere_before_the_first_answer_is_locked(tmp_path: Path) -> None:
    session = Session.open_in(tmp_path, protocol(**PAIRED), "R1")
    session.open()
    assert session.aid == ""
    with pytest.raises(StudyError, match="Not answered yet"):
        session.lock()
    session.answer("real", {"yes": True})
    with pytest.raises(StudyError, match="Lock the answer first"):
        session.forward()
    session.lock()
    assert session.aid == session.case.aid  # type: ignore[union-attr]
    assert session.answers == {}
    assert [question.id for question in session.questions] == ["real"]
    with pytest.raises(StudyError, match="not on the screen yet"):
        session.answer("real", {"yes": False})
    session.show_aid()
    session.answer("real", {"yes": False})
    session.forward()
    kinds = [event.kind for event in session.store.events() if event.kind in ("answer", "locked")]
    parts = [event.payload["part"] for event in session.store.events("answer")]
    assert (kinds, parts) == (["answer", "locked", "answer"], ["first", "aided"])
    with pytest.raises(StudyError, match="no aid is shown"):
        Session.open_in(tmp_path / "other", protocol(), "R1").lock()


def test_going_back_and_changing_are_as_the_protocol_says(tmp_path: Path) -> None:
    strict = Session.open_in(tmp_path / "strict", protocol(), "R1")
    read_case(strict)
    with pytest.raises(StudyError, match="do not go back"):
        strict.back()
    looking = Session.open_in(tmp_path / "looking", protocol(navigation={"back": True}), "R1")
    with pytest.raises(StudyError, match="first case"):
        looking.back()
    first = looking.trial
    read_case(looking)
    looking.back()
    assert looking.trial == first
    assert looking.answers == {"real": {"yes": True}}
    with pytest.raises(StudyError, match="cannot be changed"):
        looking.answer("real", {"yes": False})
    looking.forward()
    assert looking.progress.done == 1
    free = Session.open_in(tmp_path / "free", protocol(navigation={"back": True, "change": True}), "R1")
    read_case(free)
    free.back()
    free.answer("note", "on second thoughts")
    assert len(list(free.store.events("answer"))) == 2


def test_a_protocol_in_use_is_not_changed_without_a_new_version(tmp_path: Path) -> None:
    session = Session.open_in(tmp_path, protocol(), "R1")
    read_case(session)
    order = session.trials
    session.close()
    with pytest.raises(StudyError, match=r"was changed while it is in use .version 1.: .* version 2"):
        Session.open_in(tmp_path, protocol(title="Another"), "R1")
    more = [*protocol().model_dump()["cases"], {"id": "c9", "image": "images/9.png"}]
    session = Session.open_in(tmp_path, protocol(version=2, cases=more), "R1")
    assert session.trials[:6] == order
    assert [trial.case for trial in session.trials[6:]] == ["c9"]
    assert session.progress.done == 1
    assert [event.payload["version"] for event in session.store.events("protocol")] == [2]
    session.close()
    with pytest.raises(StudyError, match="was changed"):
        Session.open_in(tmp_path, protocol(), "R1")  # and not back either


def test_a_store_is_its_readers_own(tmp_path: Path) -> None:
    Session.open_in(tmp_path, protocol(), "R1").close()
    with pytest.raises(StudyError, match="no reader R9"):
        Session.open_in(tmp_path, protocol(), "R9")
    readings = tmp_path / "readings"
    for ending in (".sqlite", ".head"):
        (readings / f"R1{ending}").rename(readings / f"R2{ending}")
    with pytest.raises(StudyError, match="holds readings of R1 in test, not of R2 in test"):
        Session.open_in(tmp_path, protocol(), "R2")


def test_training_cases_are_no_trials_and_breaks_come_when_they_are_due(tmp_path: Path) -> None:
    cases = protocol().model_dump()["cases"]
    cases[0]["training"] = True
    session = Session.open_in(tmp_path, protocol(cases=cases, timing={"break_every": 2}), "R1")
    assert session.progress.total == 5
    due = []
    while session.trial is not None:
        due.append(session.break_is_due)
        read_case(session)
    assert due == [False, False, False, True, False, True]


class Hands:
    """Clocks that a test turns."""

    def __init__(self) -> None:
        self.now, self.day = 0.0, datetime(2026, 3, 1, tzinfo=UTC)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: int(self.now * 1e9), lambda: self.day)


def test_a_training_case_comes_first_with_the_right_answers_and_counts_in_nothing(tmp_path: Path) -> None:
    cases = list(protocol().model_dump()["cases"])
    cases[3] |= {"training": True, "truth": {"real": False}}
    session = Session.open_in(tmp_path, protocol(cases=cases), "R1")
    assert session.training
    assert (session.place, session.progress.total) == (1, 5)
    session.open()
    with pytest.raises(StudyError, match="Not answered yet"):
        session.reveal()
    assert session.feedback is None
    session.answer("real", {"yes": True})
    with pytest.raises(StudyError, match="right answers first"):
        session.forward()
    session.reveal()
    assert session.feedback == {"real": False}
    with pytest.raises(StudyError, match="cannot be changed"):
        session.answer("real", {"yes": False})
    session.close()
    session = Session.open_in(tmp_path, protocol(cases=cases), "R1")
    assert session.feedback == {"real": False}  # and after a kill it is as it was
    session.forward()
    assert not session.training
    assert (session.place, session.progress.done) == (1, 0)
    session.open()
    session.answer("real", {"yes": True})
    with pytest.raises(StudyError, match="of training cases only"):
        session.reveal()
    assert session.feedback is None


def test_the_time_of_a_case_stands_still_in_pauses_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    hands = Hands()
    session = Session.open_in(tmp_path, protocol(), "R1", hands.clock)
    session.open()
    hands.now += 10
    session.pause()
    hands.now += 100
    assert session.seconds == 10
    session.resume()
    hands.now += 5
    session.answer("real", {"yes": True})
    hands.now += 7
    session.note("view", {"slice": 3})
    session.flush()
    session.store.close()  # the reader's machine went down; nothing more was written
    hands.now = 3.0  # its clock begins anew
    again = Session.open_in(tmp_path, protocol(), "R1", hands.clock)
    assert again.seconds == 22
    again.open()
    hands.now += 1
    again.forward()
    assert again.progress.seconds == 23
    assert again.progress.seconds_left == 23 * 5
    given = next(again.store.events("answer")).payload
    assert given["seconds"] == 15


@pytest.mark.parametrize("after", ["hide", "next"])
def test_a_case_has_its_time_and_no_more(after: str, tmp_path: Path) -> None:
    hands = Hands()
    limited = protocol(timing={"limit_seconds": 30, "after": after})
    session = Session.open_in(tmp_path, limited, "R1", hands.clock)
    session.open()
    hands.now += 20
    assert session.seconds_left == 10
    with pytest.raises(StudyError, match="is not over"):
        session.expire()
    hands.now += 11
    session.expire()
    assert session.expired
    if after == "hide":
        assert session.can_answer
        session.answer("real", {"yes": True})
    else:
        with pytest.raises(StudyError, match="cannot be changed"):
            session.answer("real", {"yes": True})
    session.forward()
    assert session.progress.done == 1
    assert not session.expired
    assert Session.open_in(tmp_path / "none", protocol(), "R1").seconds_left is None


def test_a_session_of_a_crossover_waits_for_its_wash_out(tmp_path: Path) -> None:
    hands = Hands()
    order = {"arms": ["plain", "map"], "design": "crossover", "washout_days": 28}
    session = Session.open_in(tmp_path, protocol(order=order), "R1", hands.clock)
    for _ in range(6):
        read_case(session)
    hands.day += timedelta(days=27, hours=23)
    assert session.rests_until == datetime(2026, 3, 29, tzinfo=UTC)
    with pytest.raises(StudyError, match="may begin on 2026-03-29"):
        session.open()
    hands.day += timedelta(hours=2)
    assert session.rests_until is None
    while session.trial is not None:
        read_case(session)
    assert session.progress.done == 12


def test_what_comes_next_is_known_and_an_arm_has_its_map(tmp_path: Path) -> None:
    cases = [
        {"id": f"c{n}", "image": f"images/{n}.png", "overlays": {arm: f"overlays/{n}{arm}.png" for arm in "ab"}}
        for n in range(3)
    ]
    session = Session.open_in(tmp_path, protocol(cases=cases, order={"arms": ["a", "b"]}), "R1")
    while session.trial is not None:
        expected = session.next_image
        assert session.overlay == f"overlays/{session.trial.case[1:]}{session.trial.arm}.png"
        read_case(session)
        if session.trial is not None:
            assert expected == (session.image, session.overlay)
    assert expected == ()


def test_a_case_that_was_to_be_shown_does_not_vanish(tmp_path: Path) -> None:
    Session.open_in(tmp_path, protocol(), "R1").close()
    fewer = protocol().model_dump()["cases"][1:]
    with pytest.raises(StudyError, match="the case c0, and the protocol has it no more"):
        Session.open_in(tmp_path, protocol(version=2, cases=fewer), "R1")


def test_training_is_left_for_good(tmp_path: Path) -> None:
    cases = protocol().model_dump()["cases"]
    cases[0]["training"] = True
    session = Session.open_in(tmp_path, protocol(cases=cases, navigation={"back": True}), "R1")
    read_case(session)
    assert not session.can_go_back
    with pytest.raises(StudyError, match="first case"):
        session.back()


def test_only_what_is_asked_is_a_condition(tmp_path: Path) -> None:
    questions = [
        {"id": "a", "kind": "yes_no", "text": "A?"},
        {"id": "b", "kind": "yes_no", "text": "B?", "when": {"question": "a", "answers": [True]}},
        {"id": "c", "kind": "yes_no", "text": "C?", "when": {"question": "b", "answers": [True]}},
    ]
    session = Session.open_in(tmp_path, protocol(questions=questions), "R1")
    session.open()
    session.answer("a", {"yes": True})
    session.answer("b", {"yes": True})
    assert [question.id for question in session.questions] == ["a", "b", "c"]
    session.answer("a", {"yes": False})
    assert [question.id for question in session.questions] == ["a"]
    session.forward()


def test_an_answer_can_be_taken_back_and_a_case_that_cannot_be_shown_be_left(tmp_path: Path) -> None:
    session = Session.open_in(tmp_path, protocol(), "R1")
    session.open()
    session.answer("real", {"yes": True})
    session.answer("real", None)
    assert [question.id for question in session.missing] == ["real"]
    session.pass_over("The image cannot be shown.")
    assert session.progress.done == 1
    session.close()
    assert Session.open_in(tmp_path, protocol(), "R1").place == 2


def test_a_reader_who_looks_back_at_what_cannot_be_answered_any_more_can_go_on(tmp_path: Path) -> None:
    back = {"back": True}
    session = Session.open_in(tmp_path, protocol(navigation=back), "R1")
    read_case(session)
    session.close()
    more = [*protocol().model_dump()["questions"], {"id": "extra", "kind": "text", "text": "More?"}]
    session = Session.open_in(tmp_path, protocol(navigation=back, version=2, questions=more), "R1")
    session.back()
    session.open()
    assert session.missing == ()
    session.forward()
    assert session.place == 2


def test_going_back_over_a_session_makes_no_new_wash_out(tmp_path: Path) -> None:
    hands = Hands()
    order = {"arms": ["plain", "map"], "design": "crossover", "washout_days": 7}
    session = Session.open_in(tmp_path, protocol(order=order, navigation={"back": True}), "R1", hands.clock)
    for _ in range(6):
        read_case(session)
    hands.day += timedelta(days=7)
    assert session.rests_until is None
    session.back()
    session.open()
    session.forward()
    assert session.rests_until is None
    more = [*protocol().model_dump()["cases"], {"id": "c9", "image": "images/9.png"}]
    while session.trial is not None:
        read_case(session)
    session.close()
    later = Session.open_in(
        tmp_path, protocol(order=order, navigation={"back": True}, version=2, cases=more), "R1", hands.clock
    )
    assert later.rests_until is not None  # cases that came later begin with the first session's arms again


def test_a_reader_keeps_their_arm_whoever_comes_to_the_list(tmp_path: Path) -> None:
    order = {"arms": ["a", "b"], "design": "between"}
    session = Session.open_in(tmp_path, protocol(order=order), "R2")
    assert {trial.arm for trial in session.trials} == {"b"}
    session.close()
    readers = [{"code": "R0"}, {"code": "R1"}, {"code": "R2"}]
    more = [*protocol().model_dump()["cases"], {"id": "c9", "image": "images/9.png"}]
    later = Session.open_in(tmp_path, protocol(order=order, version=2, readers=readers, cases=more), "R2")
    assert {trial.arm for trial in later.trials} == {"b"}

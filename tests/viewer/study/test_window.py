"""Studies read in a real window by keys alone: what is on the screen, what is kept, and what is not shown too early."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from napari.layers import Layer
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_medgen.errors import StudyError
from napari_medgen.study.case_table import NewCase
from napari_medgen.study.checking import check_study
from napari_medgen.study.clock import Clock
from napari_medgen.study.records import read_record
from napari_medgen.study.study import Study
from napari_medgen.viewer.study import desk as desk_module
from napari_medgen.viewer.study.loading import AID, IMAGE, MAP
from napari_medgen.viewer.study.sheet import KeySheet
from napari_medgen.viewer.study.tour import KeyReader, drawn, settle, until
from study_support import a_picture, a_volume

KEY = Qt.Key
Open = Callable[..., KeyReader]
Make = Callable[..., Study]


def names(reader: KeyReader) -> list[str]:
    """Layers that can be seen."""
    return [source.name for pane in reader.window.stand.room.panes for source in pane.sources]


@pytest.mark.parametrize(("code", "count"), [("R1", 20), ("R2", 4)])
def test_a_whole_study_is_read_by_keys_alone(code: str, count: int, make: Make, opened: Open) -> None:
    study = make(count=count)
    given: list[Any] = []
    answers = drawn(random.Random(code))

    def answer(question: Any) -> Any:
        given.append((question.id, answers(question)))
        return given[-1][1]

    reader = opened(study, code, answer=answer)
    reader.begin()
    assert reader.read() == count
    assert f"All {count} cases are read" in reader.window.done._text.text()
    reader.window.close()
    settle()
    record = read_record(study.store_of(code))
    assert [(one.question, one.value) for one in record.given] == given
    assert record.done
    assert [one for one in check_study(study) if one.kind == "fault"] == []
    shown = [event.trial for event in record.given]
    assert list(dict.fromkeys(shown)) == [trial.id for trial in record.trials]


QUESTIONS = """
- {id: grade, kind: likert, text: "How bad?", options: [Fine, Mild, Severe]}
- {id: what, kind: choice, text: "What?", options: [A, B], when: {question: grade, answers: [Mild, Severe]}}
- {id: sure, kind: yes_no, text: "Sure?"}
- {id: size, kind: number, text: "How large?", unit: mm, low: 0, high: 300}
- {id: spot, kind: point, text: "Where?", most: 2}
- {id: area, kind: box, text: "How far?"}
- {id: why, kind: text, text: "Why?"}
- {id: more, kind: text, text: "More?", required: false}
"""


@pytest.mark.parametrize("image", [a_picture, a_volume], ids=["picture", "volume"])
def test_every_kind_of_question_is_answered_by_keys(image: Callable[[int], Any], make: Make, opened: Open) -> None:
    wanted = {"grade": "Mild", "what": "B", "sure": {"yes": False}, "size": 123.0, "spot": 2, "area": 1, "why": "lytic 1"}
    study = make(cases=[NewCase(image(n)) for n in range(2)], questions=QUESTIONS, order={"kind": "fixed"})
    reader = opened(study, answer=lambda question: wanted[question.id])
    reader.begin()
    assert reader.read() == 2
    reader.window.close()
    record = read_record(study.store_of("R1"))
    final = {(one.trial, one.question): one.value for one in record.given if one.final}
    for trial in record.trials:
        found = {question: final[trial.id, question] for question in wanted}
        assert {name: found[name] for name in ("grade", "what", "sure", "size", "why")} == {
            name: wanted[name] for name in ("grade", "what", "sure", "size", "why")
        }
        assert len(found["spot"]) == 2
        assert found["spot"][0] != found["spot"][1]
        ((first, second),) = found["area"]
        assert first != second
        assert len(first) == (2 if image is a_picture else 3)
    assert not record.audit.faults


def test_a_window_that_is_closed_in_the_middle_goes_on_where_it_was(make: Make, opened: Open) -> None:
    study = make(count=5)
    reader = opened(study)
    reader.begin()
    reader.read(2)
    reader.digit(1)
    reader.digit(4)
    reader.key(KEY.Key_W)
    reader.write("small one")
    reader.window.close()  # in the middle of a comment
    settle()
    again = opened(study)
    again.begin()
    desk = again.window.desk
    assert desk is not None
    assert again.window.panel.where.text() == "Case 3 of 5"
    assert desk.session.answers == {"real": {"yes": True, "confidence": 4}}
    assert again.window.panel.fields[0].answers[0].isChecked()  # type: ignore[attr-defined]
    assert again.window.panel.writing.toPlainText() == "small one"
    assert again.read() == 3


def test_templates_with_arms_and_aids_show_what_they_should_and_when(make: Make, opened: Open, monkeypatch: Any) -> None:
    loaded: list[str] = []
    load = desk_module.load_aid
    monkeypatch.setattr(
        desk_module, "load_aid", lambda folder, file, *rest: (loaded.append(file), load(folder, file, *rest))[1]
    )
    study = make("progression", [NewCase(a_picture(n), aid=a_picture(10 + n)) for n in range(2)])
    reader = opened(study)
    reader.begin()
    assert names(reader) == [IMAGE]
    assert loaded == []
    reader.digit(1)
    reader.digit(5)
    assert loaded == []
    assert AID not in {layer.name for layer in reader.window.stand.viewer.layers}
    reader.key(KEY.Key_Return)
    until(lambda: AID in names(reader))
    assert sorted(names(reader)) == [AID, IMAGE]
    kinds = [event.kind for event in reader.window.desk.session.store.events()]  # type: ignore[union-attr]
    assert kinds.index("locked") > kinds.index("answer")
    assert loaded == [reader.window.desk.session.aid]  # type: ignore[union-attr]
    reader.digit(2)
    reader.digit(1)
    reader.key(KEY.Key_Return)
    reader.until_ready()
    assert names(reader) == [IMAGE]  # nothing of the aid is left over
    assert reader.read() == 1


def test_maps_lie_over_the_image_of_their_arm(make: Make, opened: Open) -> None:
    maps = {arm: a_picture(n).grey() * 2 - 1 for n, arm in enumerate("abc")}
    study = make("saliency", [NewCase(a_picture(9), maps=maps)])
    reader = opened(study)
    reader.begin()
    seen = []
    for _ in range(3):
        assert names(reader) == [IMAGE, MAP]
        shown = next(layer for layer in reader.window.stand.viewer.layers if layer.name == MAP)
        seen.append(round(float(shown.data.mean()), 5))
        reader.key(KEY.Key_O)
        assert names(reader) == [IMAGE]
        reader.key(KEY.Key_O)
        reader.read_case()
    assert sorted(seen) == sorted(round(float(one.mean()), 5) for one in maps.values())


def test_quality_is_rated_in_three_questions_and_can_be_changed(make: Make, opened: Open) -> None:
    study = make("volume-quality", count=2)
    reader = opened(study)
    reader.begin()
    for digit in (3, 2, 4):
        reader.digit(digit)
    reader.key(KEY.Key_Return)
    reader.until_ready()
    reader.key(KEY.Key_Backspace)
    reader.until_ready()
    assert reader.window.panel.where.text() == "Case 1 of 2"
    panel = reader.window.panel
    assert [target.isChecked() for target in panel.fields[0].targets] == [False, False, True, False]  # type: ignore[attr-defined]
    reader.digit(1)
    reader.key(KEY.Key_Return)
    reader.until_ready()
    assert reader.read() == 1
    record = read_record(study.store_of("R1"))
    assert [one.number for one in record.given if one.question == "appearance"] == [1, 2, 1]
    assert all(not case.truth for case in study.protocol.cases)
    assert {pane.glass.furniture.mark for pane in reader.window.stand.widget.panes} <= {"", "SYNTHETIC"}


def test_training_shows_the_right_answers_and_counts_in_nothing(make: Make, opened: Open) -> None:
    cases = [NewCase(a_volume(0), {"real": False}, training=True), NewCase(a_volume(1), {"real": True})]
    reader = opened(make(cases=cases))
    reader.begin()
    panel = reader.window.panel
    assert panel.where.text() == "Training case 1 of 1"
    reader.digit(1)
    reader.digit(5)
    assert panel.forward.text().startswith("See the right answers")
    reader.key(KEY.Key_Return)
    assert panel.fields[0]._said.text() == "The right answer: No"
    assert not panel.fields[0].isEnabled()
    reader.key(KEY.Key_Return)  # twice in a moment: nobody has read what was right
    assert panel.where.text() == "Training case 1 of 1"
    settle(0.45)
    reader.key(KEY.Key_Return)
    reader.until_ready()
    assert panel.where.text() == "Case 1 of 1"
    assert panel.fields[0].isEnabled()
    assert panel.fields[0]._said.text() == ""
    assert reader.read() == 1


def test_a_pause_hides_the_image_and_a_break_is_offered(make: Make, opened: Open) -> None:
    study = make(count=4, timing={"break_every": 2})
    reader = opened(study)
    reader.begin()
    window = reader.window
    reader.key(KEY.Key_P)
    assert window.pages.currentWidget() is window.curtain
    assert not window.stand.widget.isVisible()
    before = window.desk.session.seconds  # type: ignore[union-attr]
    settle(0.15)
    assert window.desk.session.seconds == before  # type: ignore[union-attr]
    reader.digit(1)  # answers nothing
    reader.key(KEY.Key_Return)
    assert window.stand.widget.isVisible()
    assert window.desk.session.answers == {}  # type: ignore[union-attr]
    reader.read(2)
    assert window.pages.currentWidget() is window.curtain
    assert "2 cases are done" in window.curtain._text.text()
    assert reader.read() == 2


@pytest.mark.parametrize("after", ["hide", "next"])
def test_the_time_of_a_case_is_kept(after: str, make: Make, opened: Open) -> None:
    study = make(count=2, timing={"limit_seconds": 1.2, "after": after})
    reader = opened(study)
    reader.begin()
    desk = reader.window.desk
    assert desk is not None
    first = desk.session.trial
    reader.digit(1)
    if after == "hide":
        until(lambda: desk.session.expired)
        settle(0.1)
        assert names(reader) == []
        assert "time for this case is over" in reader.window.panel.note.text()
        reader.digit(3)
        reader.key(KEY.Key_Return)
    until(lambda: desk.session.trial != first)
    reader.until_ready()
    assert names(reader)[:1] == [IMAGE]
    record = read_record(study.store_of("R1"))
    assert first is not None
    assert record.expired == {first.id}


def test_a_session_rests_until_its_wash_out_is_over(make: Make, opened: Open, monkeypatch: Any) -> None:
    day = [datetime(2026, 3, 1, tzinfo=UTC)]
    open_in = Study.session

    def session(self: Study, code: str) -> Any:
        made = open_in(self, code)
        made.store._clock = Clock(wall=lambda: day[0])
        return made

    monkeypatch.setattr(Study, "session", session)
    maps = {arm: a_picture(n).grey() for n, arm in enumerate("abc")}
    order = {"arms": ["a", "b", "c"], "design": "crossover", "washout_days": 28}
    study = make("saliency", [NewCase(a_picture(9), maps=maps)], order=order)
    reader = opened(study)
    reader.begin()
    assert reader.read() == 1
    window = reader.window
    assert window.pages.currentWidget() is window.curtain
    assert "29 March 2026" in window.curtain._text.text()
    assert not window.curtain._button.isVisible()
    window.close()
    settle()
    day[0] = datetime(2026, 4, 1, tzinfo=UTC)
    again = opened(study)
    again.begin()
    assert again.read() == 1


def test_what_the_disk_did_not_take_is_not_shown_as_answered(make: Make, opened: Open, monkeypatch: Any) -> None:
    reader = opened(make(count=2))
    reader.begin()
    desk = reader.window.desk
    assert desk is not None
    full = StudyError("The disk is full: make room and answer once more.")
    add = desk.session.store.add

    def fail(*arguments: Any) -> Any:
        raise full

    monkeypatch.setattr(desk.session.store, "add", fail)
    reader.digit(1)
    reader.digit(5)
    panel = reader.window.panel
    assert panel.fault.text() == str(full)
    assert panel.fault.isVisible()
    assert not any(target.isChecked() for target in panel.fields[0].answers)  # type: ignore[attr-defined]
    reader.key(KEY.Key_Return)
    assert panel.where.text() == "Case 1 of 2"
    monkeypatch.setattr(desk.session.store, "add", add)
    assert reader.read() == 2


def test_a_case_that_is_not_answered_holds_the_reader_and_says_why(make: Make, opened: Open) -> None:
    reader = opened(make(count=2))
    reader.begin()
    reader.key(KEY.Key_Return)
    assert reader.window.panel.fault.text() == "Not answered yet: Is this a real scan?"
    reader.digit(7)  # is no answer to it
    assert reader.window.desk.session.answers == {}  # type: ignore[union-attr]
    reader.key(KEY.Key_Backspace)
    assert "do not go back" in reader.window.panel.fault.text()


def test_a_reader_signs_in_by_a_code_of_the_study(make: Make, opened: Open) -> None:
    reader = opened(make(), "")
    page = reader.window.sign_in
    reader.key(KEY.Key_Return)
    assert "Type the code" in page.fault.text()
    page.code.setFocus()
    reader.write("R9")
    reader.key(KEY.Key_Return)
    assert "no reader R9" in page.fault.text()
    page.code.setText("R2")
    reader.key(KEY.Key_Return)
    reader.until_ready()
    assert reader.window.desk is not None
    assert reader.window.desk.session.reader == "R2"


def test_a_second_window_of_one_reader_is_refused(make: Make, opened: Open) -> None:
    study = make()
    reader = opened(study)
    reader.begin()
    second = opened(study)
    second.key(KEY.Key_Return)
    assert "open in another window" in second.window.sign_in.fault.text()
    assert reader.read() == 3


def test_the_reading_rooms_keys_work_beside_those_of_the_study(make: Make, opened: Open) -> None:
    reader = opened(make())
    reader.begin()
    room = reader.window.stand.room
    index, _ = room.slices(room.active_pane)
    reader.key(KEY.Key_Up)
    assert room.slices(room.active_pane)[0] == index + 1
    reader.key(KEY.Key_G)
    assert room.hanging.layout == "1x3"
    reader.key(KEY.Key_F1)
    (sheet,) = reader.window.findChildren(KeySheet)
    assert sheet.isVisible()
    sheet.close()
    settle(1.2)  # what was looked at is kept within a second
    kinds = [event.kind for event in reader.window.desk.session.store.events()]  # type: ignore[union-attr]
    assert "view" in kinds
    seen: dict[str, Any] = {}
    for event in reader.window.desk.session.store.events("view"):  # type: ignore[union-attr]
        seen |= event.payload
    assert seen["layout"] == "1x3"
    assert seen["slice"][0] == index + 2


def test_no_file_can_be_dropped_among_the_cases(make: Make, opened: Open) -> None:
    reader = opened(make())
    reader.begin()
    settle(0.3)
    assert not [child for child in reader.window.stand.widget.findChildren(QWidget) if child.acceptDrops()]


def test_the_case_before_is_let_go_and_the_next_is_there_already(make: Make, opened: Open) -> None:
    reader = opened(make(count=5))
    reader.begin()
    desk = reader.window.desk
    assert desk is not None
    gone: list[weakref.ref[Layer]] = []
    for _ in range(4):
        image = reader.window.stand.image
        assert image is not None
        gone.append(weakref.ref(image))
        del image
        until(lambda: len(desk._ahead) == 2)
        reader.read_case()
        settle(0.3)
        assert len(desk._ahead) <= 2
    gc.collect()
    assert [one() is None for one in gone[:3]] == [True] * 3


def test_an_image_that_cannot_be_read_is_said_and_nothing_is_lost(make: Make, opened: Open) -> None:
    study = make(count=2, order={"kind": "fixed"})
    second = study.folder / study.protocol.cases[1].image
    content = second.read_bytes()
    second.write_bytes(b"nothing")
    reader = opened(study)
    reader.begin()
    reader.digit(1)
    reader.digit(5)
    reader.key(KEY.Key_Return)
    until(lambda: reader.window.panel.fault.text())
    assert "cannot be shown" in reader.window.panel.fault.text()
    assert names(reader) == []  # and never the case before under this one's questions
    second.write_bytes(content)
    reader.window.close()
    settle()
    again = opened(study)
    again.begin()
    assert again.window.panel.where.text() == "Case 2 of 2"
    assert again.read() == 1


def test_an_answer_that_needs_more_is_none_yet_and_can_be_taken_back(make: Make, opened: Open) -> None:
    reader = opened(make(count=2))
    reader.begin()
    desk, panel = reader.window.desk, reader.window.panel
    assert desk is not None
    reader.digit(1)
    reader.digit(4)
    assert panel.forward.isEnabled()
    reader.digit(2)  # no, after all; how sure is open
    assert not panel.forward.isEnabled()
    reader.key(KEY.Key_Return)
    assert panel.fault.text() == "Not answered yet: How sure are you?"
    assert panel.where.text() == "Case 1 of 2"
    reader.key(KEY.Key_Backspace)  # takes back what was begun
    assert desk.session.answers == {"real": {"yes": True, "confidence": 4}}
    assert panel.fields[0].answers[0].isChecked()  # type: ignore[attr-defined]
    reader.digit(2)
    reader.digit(5)
    assert desk.session.answers == {"real": {"yes": False, "confidence": 5}}


def test_what_is_said_by_a_shifted_figure_or_a_held_key(make: Make, opened: Open) -> None:
    reader = opened(make(count=2))
    reader.begin()
    reader.key(KEY.Key_1, Qt.KeyboardModifier.ShiftModifier)  # the upper row of a French keyboard
    reader.digit(3)
    desk = reader.window.desk
    assert desk is not None
    assert desk.session.answers == {"real": {"yes": True, "confidence": 3}}
    held = QKeyEvent(QKeyEvent.Type.KeyPress, KEY.Key_P, Qt.KeyboardModifier.NoModifier, "p", True)
    QApplication.sendEvent(reader.window.focusWidget() or reader.window, held)
    assert reader.window.pages.currentWidget() is reader.window.reading


def test_the_tenth_level_is_the_key_0_and_numbers_have_the_decimals_of_their_step(make: Make, opened: Open) -> None:
    questions = """
    - {id: sure, kind: yes_no, text: "Sure?", confidence: 10}
    - {id: small, kind: number, text: "How small?", low: 0, high: 1, step: 0.001}
    """
    reader = opened(make(count=1, questions=questions))
    reader.begin()
    reader.digit(1)
    reader.digit(10)
    reader.digit(0)
    reader.key(KEY.Key_Tab)
    desk = reader.window.desk
    assert desk is not None
    assert desk.session.answers == {"sure": {"yes": True, "confidence": 10}, "small": 0}
    box = reader.window.panel.fields[1].box  # type: ignore[attr-defined]
    turn = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, turn)
    assert desk.session.answers["small"] == 0


@pytest.mark.parametrize("after", ["hide", "next"])
def test_what_was_written_in_time_is_kept(after: str, make: Make, opened: Open) -> None:
    questions = '[{id: why, kind: text, text: "Why?"}]'
    study = make(count=2, questions=questions, timing={"limit_seconds": 1.0, "after": after})
    reader = opened(study)
    reader.begin()
    reader.digit(1)
    reader.write("lytic")
    desk = reader.window.desk
    assert desk is not None
    first = desk.session.trial
    assert first is not None
    until(lambda: desk.session.trial != first or desk.session.expired)
    assert [one.value for one in read_record(study.store_of("R1")).given] == ["lytic"]


def test_the_second_part_of_a_paired_reading_has_its_own_time(make: Make, opened: Open) -> None:
    cases = [NewCase(a_picture(0), aid=a_picture(1))]
    reader = opened(make("progression", cases, timing={"limit_seconds": 1.0, "after": "hide"}))
    reader.begin()
    desk = reader.window.desk
    assert desk is not None
    until(lambda: desk.session.expired)
    assert names(reader) == []
    reader.digit(1)
    reader.digit(2)
    reader.key(KEY.Key_Return)
    until(lambda: sorted(names(reader)) == [AID, IMAGE])
    assert not desk.session.expired


def test_no_aided_answer_is_taken_without_the_aid_on_the_screen(make: Make, opened: Open) -> None:
    study = make("progression", [NewCase(a_picture(n), aid=a_picture(9 + n)) for n in range(2)])
    for file in (study.folder / "aids").iterdir():
        file.write_bytes(b"x")
    reader = opened(study)
    reader.begin()
    reader.digit(1)
    reader.digit(2)
    reader.key(KEY.Key_Return)
    until(lambda: "cannot be shown" in reader.window.panel.fault.text())
    assert reader.window.panel.fields == []
    assert not any(file.stem in reader.window.panel.fault.text() for file in (study.folder / "aids").iterdir())
    reader.key(KEY.Key_Return)  # leaves it out
    reader.until_ready()
    record = read_record(study.store_of("R1"))
    assert [one.part for one in record.given] == ["first"]
    assert list(record.passed.values()) == [
        "Predicted follow-up (synthetic) cannot be shown. It was changed since it came into the study."
    ]


def test_the_first_answer_is_said_when_it_is_asked_again(make: Make, opened: Open) -> None:
    reader = opened(make("progression", [NewCase(a_picture(0), aid=a_picture(1))]))
    reader.begin()
    reader.digit(2)
    reader.digit(4)
    reader.key(KEY.Key_Return)
    until(lambda: reader.window.desk is not None and reader.window.desk.ready)
    assert reader.window.panel.fields[0]._said.text() == "Your first answer: No, sure 4 of 5"


def test_a_pause_while_an_image_is_loaded_holds_it_back(make: Make, opened: Open, monkeypatch: Any) -> None:
    reader = opened(make(count=2))
    reader.key(KEY.Key_Return)
    window = reader.window
    assert window.desk is not None
    assert not window.desk.ready
    reader.key(KEY.Key_P)
    assert window.pages.currentWidget() is window.curtain
    settle(0.4)
    assert window.pages.currentWidget() is window.curtain
    assert not window.desk.ready
    assert window.desk.session.seconds == 0
    reader.key(KEY.Key_Return)
    reader.until_ready()
    assert reader.read() == 2


def test_a_window_that_cannot_keep_what_was_noted_says_so_before_it_closes(
    make: Make, opened: Open, monkeypatch: Any
) -> None:
    reader = opened(make())
    reader.begin()
    desk = reader.window.desk
    assert desk is not None

    def fail(*arguments: Any) -> Any:
        raise StudyError("The disk is full.")

    desk.session.note("view", {"slice": 1})
    monkeypatch.setattr(desk.session.store, "_commit", fail)
    reader.window.close()
    assert reader.window.isVisible()
    assert reader.window.panel.fault.text() == "The disk is full. Close the window once more to leave without it."
    reader.window.close()
    settle()
    monkeypatch.undo()


def test_looking_back_is_no_reading(make: Make, opened: Open) -> None:
    study = make(count=2, navigation={"back": True})
    reader = opened(study)
    reader.begin()
    reader.read_case()
    desk = reader.window.desk
    assert desk is not None
    before = read_record(study.store_of("R1"))
    reader.key(KEY.Key_Backspace)
    reader.until_ready()
    settle(0.6)
    reader.key(KEY.Key_Return)
    reader.until_ready()
    after = read_record(study.store_of("R1"))
    first = before.trials[0].id
    assert after.seconds[first] == before.seconds[first]
    assert after.closed[first] == before.closed[first]


def test_nothing_is_marked_on_a_hidden_image_and_a_mark_that_was_taken_away_is_no_answer(make: Make, opened: Open) -> None:
    questions = '[{id: spot, kind: point, text: "Where?", most: 2}]'
    reader = opened(make(count=1, questions=questions, timing={"limit_seconds": 1.5}))
    reader.begin()
    desk = reader.window.desk
    assert desk is not None
    reader.digit(1)
    assert len(desk.session.answers["spot"]) == 1
    assert len(desk.session.answers["spot"][0]) == 3
    reader.digit(2)
    assert [question.id for question in desk.session.missing] == ["spot"]
    assert not reader.window.panel.forward.isEnabled()
    until(lambda: desk.session.expired)
    reader.digit(1)
    assert desk.session.answers == {}
    assert "The image is hidden" in reader.window.panel.fault.text()
    reader.digit(3)
    assert desk.session.answers == {"spot": []}


def test_the_program_holds_its_window_and_survives_what_nobody_expected(make: Make) -> None:
    study = make(count=1)
    code = """
import gc, sys
from pathlib import Path
from napari.qt import get_qapp
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.__main__ import show
def look():
    print([window.windowTitle() for window in QApplication.topLevelWidgets() if window.isVisible()])
    app.quit()
app = get_qapp()
QTimer.singleShot(300, gc.collect)
QTimer.singleShot(500, lambda: 1 / 0)
QTimer.singleShot(1500, look)
show(Study.open(Path(sys.argv[1])), "R1", status=sys.argv[2] == "status", screenshots=None)
"""
    for what, title in (("read", "Real or synthetic?"), ("status", "Real or synthetic?: readers")):
        command = [sys.executable, "-c", code, str(study.folder), what]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert title in done.stdout
        assert "ZeroDivisionError" in done.stderr

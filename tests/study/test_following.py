"""What is made of readings: status, tables, merging, the end of the blind, and what check finds."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from napari_medgen.errors import StudyError
from napari_medgen.study.anchor import read_head
from napari_medgen.study.audit import check_store
from napari_medgen.study.case_table import NewCase, import_cases
from napari_medgen.study.checking import check_study
from napari_medgen.study.copying import copy_for
from napari_medgen.study.export import export
from napari_medgen.study.key import Key
from napari_medgen.study.merging import merge
from napari_medgen.study.protocol_file import with_entry
from napari_medgen.study.records import read_record
from napari_medgen.study.status import status_of
from napari_medgen.study.store import Store
from napari_medgen.study.study import Study
from napari_medgen.study.unblinding import read_unblinded, unblind
from study_support import MakeStudy, a_volume, read_all, run


def read(study: Study, reader: str, cases: int = 1000, *, yes: bool = True) -> None:
    session = study.session(reader)
    read_all(session, cases=cases, yes=yes)
    session.close()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# -- status -----------------------------------------------------------------------------------------------------------------


def test_status_says_where_everybody_is_and_opens_no_blind(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1", 4)
    session = study.session("R2")  # an open window is not disturbed
    read_all(session)
    first, second = status_of(study)
    assert (first.state, first.done, first.total) == ("reading", 4, 6)
    assert (second.state, second.done, second.missing) == ("done", 6, 0)
    assert sum(count for _, count in first.a_day) == 4
    assert first.seconds is not None
    cells = first.cells(date.today())
    assert cells[:3] == ("R1", "reading", "4 of 6")
    assert cells[-1] == "whole"
    session.answer  # noqa: B018 (the session is alive)
    session.close()
    said = repr(status_of(study))
    assert not any(secret in said for secret in ("c001", "file-", "real"))


def test_status_of_a_damaged_store_says_so(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1", 2)
    path = study.store_of("R1").with_suffix(".head")
    path.write_text("999 " + "0" * 64)
    (first, second) = status_of(study)
    assert first.faults
    assert first.cells(date.today())[-1] == "damaged"
    assert second.state == "not begun"


# -- export -----------------------------------------------------------------------------------------------------------------


def test_tables_are_blind_until_the_study_is_unblinded(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    with pytest.raises(StudyError, match="Nobody has begun"):
        export(study, tmp_path / "out")
    read(study, "R1")
    export(study, tmp_path / "blind")
    blind = rows(tmp_path / "blind" / "answers.csv")
    assert len(blind) == 6
    assert {"case", "arm", "truth", "source", "repeat"}.isdisjoint(blind[0])
    everything = "".join(path.read_text() for path in (tmp_path / "blind").iterdir())
    assert "file-" not in everything
    read(study, "R2", yes=False)
    unblind(study)
    export(study, tmp_path / "open")
    answers = rows(tmp_path / "open" / "answers.csv")
    real = [row for row in answers if row["question"] == "real"]
    assert len(real) == 12
    assert {row["truth"] for row in real} == {"yes", "no"}
    assert {row["source"] for row in real} == {f"file-{n}" for n in range(6)}
    described = {(row["table"], row["column"]) for row in rows(tmp_path / "open" / "dictionary.csv")}
    assert {column for table, column in described if table == "answers"} == set(answers[0])
    trials = rows(tmp_path / "open" / "trials.csv")
    assert {column for table, column in described if table == "trials"} == set(trials[0])
    assert [row["position"] for row in trials if row["reader"] == "R1"] == [str(n) for n in range(1, 7)]
    assert all(row["closed"] == "1" for row in trials)


def test_every_version_of_an_answer_is_in_the_table(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    session = study.session("R1")
    session.open()
    session.answer("real", {"yes": False, "confidence": 1})
    session.answer("why", "Texture or noise")
    session.answer("real", {"yes": True, "confidence": 5})
    session.comment("=1+1")
    session.close()
    export(study, tmp_path / "out")
    real = [row for row in rows(tmp_path / "out" / "answers.csv") if row["question"] == "real"]
    assert [(row["answer"], row["option"], row["confidence"], row["number"], row["final"]) for row in real] == [
        ("no", "0", "1", "1", "0"),
        ("yes", "1", "5", "2", "1"),
    ]
    why = next(row for row in rows(tmp_path / "out" / "answers.csv") if row["question"] == "why")
    assert (why["answer"], why["option"]) == ("Texture or noise", "1")
    trial = rows(tmp_path / "out" / "trials.csv")[0]
    assert trial["comment"] == "'=1+1"  # a spreadsheet computes nothing of it


# -- merge ------------------------------------------------------------------------------------------------------------------


def test_readings_of_two_machines_merge_and_twice_is_the_same(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    shutil.copytree(study.folder, tmp_path / "laptop")
    laptop = Study.open(tmp_path / "laptop")
    read(study, "R1", 2)
    read(laptop, "R2", 3)
    assert [(one.reader, one.what) for one in merge(study, [laptop.folder])] == [("R2", "new")]
    before = {path.name: path.read_bytes() for path in sorted((study.folder / "readings").iterdir())}
    assert [(one.reader, one.what) for one in merge(study, [laptop.folder])] == [("R2", "known")]
    assert {path.name: path.read_bytes() for path in sorted((study.folder / "readings").iterdir())} == before
    read(laptop, "R2")
    assert [(one.reader, one.what) for one in merge(study, [laptop.folder / "readings"])] == [("R2", "longer")]
    assert read_record(study.store_of("R2")).done
    assert [one for one in check_study(study) if one.kind == "fault"] == []
    again = study.session("R2")
    assert again.done
    again.close()


def test_two_stories_of_one_reader_are_refused(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    read(study, "R1", 1)
    shutil.copytree(study.folder, tmp_path / "laptop")
    laptop = Study.open(tmp_path / "laptop")
    read(study, "R1", 1)
    read(laptop, "R1", 2)
    before = study.store_of("R1").read_bytes()
    with pytest.raises(StudyError, match=r"two stores of R1 that part at event \d+"):
        merge(study, [laptop.folder])
    assert study.store_of("R1").read_bytes() == before


def test_what_is_not_whole_or_not_ours_is_not_taken_over(make_study: MakeStudy, tmp_path: Path) -> None:
    study, other = make_study(), make_study(folder="other")
    read(other, "R2", 1)
    text = (other.folder / "protocol.yaml").read_text()
    assert merge(study, [other.folder])[0].what == "new"  # the same study by its name
    study.store_of("R2").unlink()
    study.store_of("R2").with_suffix(".head").unlink()
    (other.folder / "protocol.yaml").write_text(text.replace("study: test", "study: another"))
    other.key_file.unlink()
    read(Study.open(other.folder), "R1", 1)
    with pytest.raises(StudyError, match="holds readings of the study another, not of test"):
        merge(study, [other.store_of("R1")])
    other.store_of("R2").with_suffix(".head").unlink()
    with pytest.raises(StudyError, match="is not whole"):
        merge(study, [other.store_of("R2")])
    with pytest.raises(StudyError, match="holds no readings"):
        merge(study, [tmp_path])
    assert not study.begun


def test_a_store_that_a_window_has_open_is_not_replaced(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    read(study, "R1", 1)
    shutil.copytree(study.folder, tmp_path / "laptop")
    laptop = Study.open(tmp_path / "laptop")
    read(laptop, "R1", 1)
    session = study.session("R1")
    with pytest.raises(StudyError, match=r"open in another window|part at event"):
        merge(study, [laptop.folder])
    session.close()


# -- unblind ----------------------------------------------------------------------------------------------------------------


def test_the_blind_stays_closed_until_all_are_done(make_study: MakeStudy) -> None:
    study = make_study()
    with pytest.raises(StudyError, match="Not done yet: R1, R2"):
        unblind(study)
    read(study, "R1")
    read(study, "R2", 3)
    with pytest.raises(StudyError, match="Not done yet: R2"):
        unblind(study)
    with pytest.raises(StudyError, match="no reader R9"):
        unblind(study, ["R9"])
    assert read_unblinded(study) is None
    made = unblind(study, ["R2"], datetime(2026, 3, 1, tzinfo=UTC))
    assert made.without == ("R2",)
    assert read_unblinded(study) == made
    assert made.heads.keys() == {"R1", "R2"}
    with pytest.raises(StudyError, match="was unblinded on 2026-03-01"):
        unblind(study)


def test_no_blind_is_opened_over_a_damaged_store_or_without_the_key(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1")
    read(study, "R2")
    head = study.store_of("R1").with_suffix(".head")
    kept = head.read_text()
    head.write_text("999 " + "0" * 64)
    with pytest.raises(StudyError, match="store of R1 is not whole"):
        unblind(study)
    head.write_text(kept)
    key = study.key_file.read_text()
    study.key_file.unlink()
    with pytest.raises(StudyError, match="the blind is opened where the key is"):
        unblind(study)
    study.key_file.write_text(key.replace("real: true", "real: false", 1))
    with pytest.raises(StudyError, match="changed since the protocol was made"):
        unblind(study)
    study.key_file.write_text(key)
    unblind(study)
    (study.folder / "unblinded.json").write_text("{}")
    with pytest.raises(StudyError, match="was changed and cannot be read"):
        read_unblinded(study)


# -- check ------------------------------------------------------------------------------------------------------------------


def faults(study: Study) -> list[str]:
    return [one.text for one in check_study(study) if one.kind == "fault"]


def test_a_sound_study_has_no_fault_and_a_broken_one_is_named(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1")
    assert faults(study) == []
    assert [one.kind for one in check_study(study)] == []
    image = study.folder / study.protocol.cases[0].image
    content = image.read_bytes()
    image.unlink()
    assert faults(study) == [f"{study.protocol.cases[0].image} is not here."]
    with pytest.raises(StudyError, match="is not here; copy its folder again"):
        study.session("R2")
    image.write_bytes(content)
    shutil.copy(study.store_of("R1"), study.store_of("R7"))
    assert any("R7.sqlite is of nobody" in text for text in faults(study))
    study.store_of("R7").rename(study.store_of("R2"))
    assert any("R2: the store says that it is of R1" in text for text in faults(study))


def test_a_head_that_was_kept_elsewhere_shows_a_store_that_was_written_anew(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1")
    audit = read_record(study.store_of("R1")).audit
    assert audit.head is not None
    kept = read_head(audit.head.line)
    assert kept is not None
    assert [one for one in check_study(study, {"R1": kept}) if one.kind == "fault"] == []
    study.store_of("R1").unlink()
    study.store_of("R1").with_suffix(".head").unlink()
    read(study, "R1", yes=False)
    assert faults(study) == []  # whole in itself
    found = [one.text for one in check_study(study, {"R1": kept}) if one.kind == "fault"]
    assert any("the head that was kept elsewhere" in text for text in found)


def test_a_store_that_our_program_never_wrote_is_doubted(make_study: MakeStudy) -> None:
    """A forger who computes the whole chain and the head anew, but does not know what the program never does."""
    from napari_medgen.study.anchor import Head, write_anchor
    from napari_medgen.study.events import BEGINNING, Event

    study = make_study()
    read(study, "R1", 2)
    path = study.store_of("R1")
    record = read_record(path)
    trial = record.trials[5].id
    database = sqlite3.connect(path)
    table = "SELECT seq, kind, payload, monotonic_ns, wall, version FROM event ORDER BY seq"
    import json
    from dataclasses import replace

    events = [Event(s, k, json.loads(p), m, w, v) for s, k, p, m, w, v in database.execute(table)]
    value = {"yes": True, "confidence": 9}
    payload = {"id": f"{trial}.0", "trial": trial, "seconds": 1.0, "question": "real", "part": "first", "value": value}
    events.append(Event(len(events) + 1, "answer", payload, 1, events[-1].wall, "9"))
    database.execute("DROP TRIGGER event_stays")
    database.execute("DROP TRIGGER event_is_kept")
    database.execute("DELETE FROM event")
    before = BEGINNING
    for event in events:
        done = replace(event, digest=event.computed(before))
        row = (done.seq, done.kind, json.dumps(done.payload), done.monotonic_ns, done.wall, done.version, done.digest)
        database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        before = done.digest
    database.commit()
    database.close()
    write_anchor(path, Head(len(events), before))
    assert any("An answer to real is given with a confidence from 1 to 5" in text for text in faults(study))


def record_trial(study: Study) -> str:
    return read_record(study.store_of("R1")).trials[0].id


def test_what_was_answered_after_the_blind_was_opened_is_remarked(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1")
    read(study, "R2")
    unblind(study)
    assert check_study(study) == []
    with pytest.raises(StudyError, match="The blind of this study was opened"):
        study.session("R1")
    with Store(study.store_of("R1")) as store:
        store.add("comment", {"trial": record_trial(study), "text": "now I know"})
    assert [one.text for one in check_study(study) if one.kind == "remark"] == [
        f"R1: something was added after the blind was opened on {datetime.now(UTC).date().isoformat()}."
    ]


# -- what a helper with fresh eyes found ------------------------------------------------------------------------------------


def test_a_key_or_a_protocol_that_was_exchanged_after_the_reading_is_seen(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    read(study, "R1")
    read(study, "R2")
    path, key = study.folder / "protocol.yaml", study.key_file
    kept = (path.read_text(), key.read_text())
    turned = kept[1].replace("real: true", "real: x").replace("real: false", "real: true").replace("real: x", "real: false")
    key.write_text(turned)
    checksum = Key.model_validate(yaml.safe_load(turned)).checksum
    path.write_text(kept[0].replace(study.protocol.truth_checksum, checksum))
    other = Study.open(study.folder)
    assert any("read under another protocol of version 1" in text for text in faults(other))
    with pytest.raises(StudyError, match="R1 read under another protocol"):
        unblind(other)
    path.write_text(kept[0])
    key.write_text(kept[1])
    unblind(Study.open(study.folder))
    path.write_text(kept[0].replace(study.protocol.truth_checksum, checksum))
    key.write_text(turned)
    other = Study.open(study.folder)
    assert any("changed after the blind was opened" in text for text in faults(other))
    with pytest.raises(StudyError, match="changed after the blind was opened"):
        export(other, tmp_path / "out")
    path.write_text(kept[0])
    key.unlink()
    with pytest.raises(StudyError, match="exported where it is"):
        export(Study.open(study.folder), tmp_path / "out")


def test_images_that_were_exchanged_are_seen(make_study: MakeStudy) -> None:
    study = make_study()
    first, second = (study.folder / case.image for case in study.protocol.cases[:2])
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert faults(study) == [f"{study.protocol.cases[0].image} was changed since it came into the study."]
    first.write_bytes(content)
    assert faults(study) == []


def test_a_reader_is_done_with_the_cases_that_the_protocol_has_now(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1")
    read(study, "R2")
    more: Study = run(import_cases(study, [NewCase(a_volume(70), {"real": True})]))
    assert [(one.state, one.done, one.total) for one in status_of(more)] == [("reading", 6, 7)] * 2
    with pytest.raises(StudyError, match="Not done yet: R1, R2"):
        unblind(more)
    assert faults(more) == []


def test_a_question_that_came_with_a_new_version_is_no_fault_of_the_old_answers(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1", 2)
    path = study.folder / "protocol.yaml"
    text = with_entry(path.read_text(), "version", 2)
    questions = [
        question.model_dump(mode="json", exclude_defaults=True) | {"kind": question.kind}
        for question in study.protocol.questions
    ]
    path.write_text(with_entry(text, "questions", [*questions, {"id": "extra", "kind": "text", "text": "More?"}]))
    later = Study.open(study.folder)
    read(later, "R1")
    assert faults(later) == []
    assert status_of(later)[0].missing == 0


def test_a_store_that_is_written_while_it_is_looked_at_is_whole(make_study: MakeStudy) -> None:
    study = make_study()
    session = study.session("R1")
    session.open()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            session.note("view", {"slice": 1})
            session.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [check_store(study.store_of("R1")).faults for _ in range(40)]
    finally:
        stop.set()
        writer.join()
        session.close()
    assert found == [()] * 40


def test_a_payload_that_is_none_and_a_store_that_is_gone_are_named(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1", 1)
    database = sqlite3.connect(study.store_of("R1"))
    database.execute("DROP TRIGGER event_stays")
    database.execute("UPDATE event SET payload = '{}' WHERE kind = 'answer'")
    database.commit()
    database.close()
    assert any("is not as this program writes it" in text for text in faults(study))
    assert status_of(study)[0].faults
    study.store_of("R2").write_text("no store")
    assert status_of(study)[1].faults
    study.store_of("R2").unlink()
    study.store_of("R1").unlink()
    assert any("R1.sqlite is gone" in text for text in faults(study))
    with pytest.raises(StudyError, match=r"is not here, and R1\.head says"):
        study.session("R1")


def test_a_store_that_went_back_to_before_the_blind_was_opened_is_seen(make_study: MakeStudy) -> None:
    study = make_study()
    read(study, "R1", 5)
    old = {path: path.read_bytes() for path in (study.folder / "readings").iterdir()}
    read(study, "R1")
    unblind(study, ["R2"])
    for path, content in old.items():
        path.write_bytes(content)
    assert any("are lost: the head that was kept elsewhere" in text for text in faults(study))


def test_an_answer_whose_condition_no_longer_holds_is_marked(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    session = study.session("R1")
    session.open()
    session.answer("real", {"yes": False, "confidence": 1})
    session.answer("why", "Anatomy")
    session.answer("real", {"yes": True, "confidence": 5})
    session.close()
    export(study, tmp_path / "out")
    asked = [(row["question"], row["final"], row["asked"]) for row in rows(tmp_path / "out" / "answers.csv")]
    assert asked == [("real", "0", "1"), ("why", "1", "0"), ("real", "1", "1")]


def test_a_copy_for_a_reader_holds_no_key_and_nobody_elses_answers(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    read(study, "R1", 2)
    read(study, "R2", 3)
    copy = Study.open(copy_for(study, "R2", tmp_path / "copy"))
    assert not copy.key_file.exists()
    assert sorted(path.name for path in (copy.folder / "readings").iterdir()) == ["R2.head", "R2.sqlite"]
    everything = b"".join(path.read_bytes() for path in copy.folder.rglob("*") if path.is_file())
    assert b"file-" not in everything
    read(copy, "R2")
    assert [(one.reader, one.what) for one in merge(study, [copy.folder])] == [("R2", "longer")]
    with pytest.raises(StudyError, match="already"):
        copy_for(study, "R2", tmp_path / "copy")
    with pytest.raises(StudyError, match="no reader R9"):
        copy_for(study, "R9", tmp_path / "other")

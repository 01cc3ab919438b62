"""A store: what was acknowledged is there after a kill, a full disk or a clock that was set back."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study import database
from napari_medgen.study import store as module
from napari_medgen.study.anchor import anchor_of, read_anchor
from napari_medgen.study.audit import check_store
from napari_medgen.study.clock import Clock
from napari_medgen.study.database import Place, place_of
from napari_medgen.study.store import Store

ABOUT = {"study": "turing", "protocol": "0" * 64, "reader": "R1"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "R1.sqlite", ABOUT)


def test_what_is_added_is_read_again_by_another_process(store: Store) -> None:
    store.note("slice", {"index": 3})
    event = store.add("answer", {"id": "c1.q1", "value": 2})
    assert event.seq == 3
    store.close()
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["R1.head", "R1.sqlite"]  # one file to copy
    with Store(store.path) as again:
        assert again.about == ABOUT
        assert [(one.seq, one.kind) for one in again.events()] == [(1, "created"), (2, "slice"), (3, "answer")]
        assert next(again.events("answer")).payload == {"id": "c1.q1", "value": 2}
    assert check_store(store.path).faults == ()


@pytest.mark.parametrize("mode", [Place(), Place("delete", "extra", "slower")])
def test_it_is_opened_as_its_place_allows(mode: Place, tmp_path: Path) -> None:
    with Store.create(tmp_path / "R1.sqlite", ABOUT, place=mode) as store:
        asked = {name: store._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": mode.journal, "synchronous": {"full": 2, "extra": 3}[mode.synchronous]}
        store.add("answer", {"id": "a", "value": 1})
    assert check_store(store.path).faults == ()


def test_drives_of_other_machines_and_sticks_are_told_and_kept_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_of(tmp_path).warning == ""
    for kind, opts in (("nfs4", "rw"), ("cifs", "rw"), ("fuse.sshfs", "rw"), ("exfat", "rw,removable")):
        disk = type("Disk", (), {"mountpoint": str(tmp_path), "fstype": kind, "opts": opts})
        monkeypatch.setattr(database.psutil, "disk_partitions", lambda all, disk=disk: [disk])
        place = place_of(tmp_path)
        assert (place.journal, place.synchronous) == ("delete", "extra")
        assert "safe there" in place.warning


_OTHER_WINDOW = """
import sys
from pathlib import Path
from napari_medgen.errors import StudyError
from napari_medgen.study.store import Store
try:
    Store(Path(sys.argv[1]))
except StudyError as error:
    print(error)
"""


def test_a_reader_has_one_window_and_one_store(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a reader has one store"):
        Store.create(store.path, ABOUT)
    command = [sys.executable, "-c", _OTHER_WINDOW, str(store.path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "R1.sqlite is open in another window" in said
    store.add("answer", {"id": "a", "value": 1})


def test_a_kill_while_a_store_is_made_leaves_none_and_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "R1.sqlite", os.replace

    def killed(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    for what in ("write_anchor", "connect"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, what, killed)
            Store.create(path, ABOUT)
        assert not path.exists()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.os, "replace", lambda *words: killed() if str(words[1]) == str(path) else replace(*words))
        Store.create(path, ABOUT)
    assert not path.exists()
    (tmp_path / ".new-R1.sqlite").write_bytes(b"half of one")
    with Store.create(path, ABOUT) as store:
        assert store.about == ABOUT
    assert sorted(one.name for one in tmp_path.iterdir()) == ["R1.head", "R1.sqlite"]
    assert check_store(path).faults == ()


def test_a_journal_without_its_store_is_taken_for_no_other(tmp_path: Path) -> None:
    """SQLite would lay it over a store that is made there, and damage it."""
    path = tmp_path / "R1.sqlite"
    Store.create(path, {"study": "a"}).close()
    path.unlink()
    anchor_of(path).unlink()
    (tmp_path / "R1.sqlite-wal").write_bytes(b"left")
    with pytest.raises(StudyError, match=r"R1\.sqlite-wal is here without its R1\.sqlite, and may hold answers"):
        Store.create(path, {"study": "b"})
    assert not path.exists()


def test_events_are_only_added(store: Store) -> None:
    for statement in ("UPDATE event SET kind = 'other'", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            store._database.execute(statement)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None])
def test_what_is_no_store_is_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "R1.sqlite"
    if content is None:
        sqlite3.connect(path).execute("CREATE TABLE other (a)").connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=r"is no store of a reader study|is damaged"):
        Store(path)
    with pytest.raises(StudyError, match="There is no file"):
        Store(tmp_path / "gone.sqlite")


def test_a_full_disk_is_one_sentence_and_the_answer_can_be_given_again(store: Store) -> None:
    store.add("answer", {"id": "a1", "value": 1})
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StudyError, match=r"The disk is full: .* all answers before are kept"):
        store.add("answer", {"id": "a2", "value": "x" * 100_000})
    store._database.execute("PRAGMA max_page_count = 1000000")
    assert store.add("answer", {"id": "a2", "value": 2}).seq == 3
    store.close()
    assert check_store(store.path).faults == ()


def test_an_anchor_that_cannot_be_written_loses_no_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> None:
        raise StudyError("The disk is full.")

    write = module.write_anchor
    monkeypatch.setattr(module, "write_anchor", full)
    assert store.add("answer", {"id": "a1", "value": 1}).seq == 2
    assert store.anchor_fault == "The disk is full."
    monkeypatch.setattr(module, "write_anchor", write)
    store.add("answer", {"id": "a2", "value": 1})
    assert store.anchor_fault == ""
    assert read_anchor(store.path) == store.head


def test_a_clock_that_was_set_back_is_a_remark_and_no_fault(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 27, 10, tzinfo=UTC)]
    store = Store.create(tmp_path / "R1.sqlite", ABOUT, Clock(wall=lambda: now[0]))
    now[0] -= timedelta(hours=2)
    store.add("answer", {"id": "a1", "value": 1})
    store.close()
    audit = check_store(store.path)
    assert audit.faults == ()
    assert "the clock was set back before event 2" in audit.remarks[0]
    first, second = Store(store.path).events()
    assert second.monotonic_ns > first.monotonic_ns


def test_a_copy_is_whole_while_the_store_is_open(store: Store, tmp_path: Path) -> None:
    store.add("answer", {"id": "a1", "value": 1})
    store.copy_to(tmp_path / "copy" / "R1.sqlite")
    store.add("answer", {"id": "a2", "value": 1})
    audit = check_store(tmp_path / "copy" / "R1.sqlite")
    assert (audit.faults, audit.events) == ((), 2)
    assert check_store(store.path).events == 3  # and looking at an open one disturbs nobody
    store.add("answer", {"id": "a3", "value": 1})


def test_what_cannot_be_kept_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(StudyError, match="cannot be kept"):
        store.add("answer", {"id": "a1", "value": float("nan")})
    payload = {"id": "a1", "value": [1]}
    store.note("slice", payload)
    payload["value"].append(2)  # type: ignore[union-attr, attr-defined]
    store.flush()
    assert [event.payload for event in store.events("slice")] == [{"id": "a1", "value": [1]}]


_READER = """
import sys
from pathlib import Path
from napari_medgen.study.store import Store
path = Path(sys.argv[1])
store = Store(path) if path.exists() else Store.create(path, {"study": "kill"})
number = sum(1 for _ in store.events("answer"))
while True:
    store.note("slice", {"index": number})
    store.add("answer", {"id": f"a{number}", "value": number})
    print(number, flush=True)
    number += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so")
def test_a_kill_at_any_moment_loses_no_acknowledged_answer(tmp_path: Path) -> None:
    """``MEDGEN_KILLS=100`` for the whole number; the answers go on where they were, none lost and none twice."""
    path, rng, acknowledged = tmp_path / "R1.sqlite", random.Random(0), -1
    for _ in range(int(os.environ.get("MEDGEN_KILLS", "8"))):
        reader = subprocess.Popen([sys.executable, "-c", _READER, str(path)], stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        first = reader.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        reader.kill()
        said = [int(line) for line in (first + reader.stdout.read()).split()]
        reader.wait()
        reader.stdout.close()
        assert not said or said[0] >= acknowledged + 1
        acknowledged = max([acknowledged, *said])
        audit = check_store(path)
        assert audit.faults == ()
    with Store(path) as store:
        numbers = [event.payload["value"] for event in store.events("answer")]
    assert numbers == list(range(len(numbers)))  # in order, none twice
    assert len(numbers) > acknowledged
    assert anchor_of(path).is_file()

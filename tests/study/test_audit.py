"""What happens to a file on its way is found and named, or it is whole: never silence."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from napari_medgen.errors import StudyError
from napari_medgen.study.anchor import Head, anchor_of, read_head, write_anchor
from napari_medgen.study.audit import check_store
from napari_medgen.study.events import BEGINNING
from napari_medgen.study.store import Store, read_events


def written(path: Path, answers: int = 6) -> Head:
    with Store.create(path, {"study": "audit"}) as store:
        for number in range(answers):
            store.add("answer", {"id": f"a{number}", "value": number})
        return store.head


def by_hand(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    for trigger in ("event_stays", "event_is_kept"):
        database.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        database.execute(statement)
    database.close()


_EDIT = 'UPDATE event SET payload = \'{"id":"a2","value":9}\' WHERE seq = 4'


def forge(path: Path) -> None:
    """Another answer, and the whole chain and its anchor computed anew: what somebody who knows the program can do."""
    database = sqlite3.connect(path, isolation_level=None)
    events, before = list(read_events(database)), BEGINNING
    database.execute("DROP TRIGGER event_stays")
    for event in events:
        payload = {"id": "a2", "value": 77} if event.seq == 4 else event.payload
        made = replace(event, payload=payload)
        made = replace(made, digest=made.computed(before))
        text = '{"id":"a2","value":77}' if event.seq == 4 else None
        database.execute("UPDATE event SET digest = ? WHERE seq = ?", (made.digest, made.seq))
        if text:
            database.execute("UPDATE event SET payload = ? WHERE seq = ?", (text, made.seq))
        before = made.digest
    database.close()
    write_anchor(path, Head(len(events), before))


def test_a_whole_store_is_whole(tmp_path: Path) -> None:
    head = written(tmp_path / "R1.sqlite")
    audit = check_store(tmp_path / "R1.sqlite", known=head)
    assert (audit.faults, audit.remarks, audit.events, audit.head) == ((), (), 7, head)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda path: by_hand(path, 'UPDATE event SET payload = \'{"id":"a2","value":9}\' WHERE seq = 4'),
            "event 4 .* changed",
        ),
        (lambda path: by_hand(path, "DELETE FROM event WHERE seq = 4"), "1 event is missing before event 5"),
        (lambda path: by_hand(path, "DELETE FROM event WHERE seq > 5"), "events 6 to 7 are lost: R1.head knows them"),
        (
            lambda path: by_hand(
                path,
                "UPDATE event SET seq = 99 WHERE seq = 3",
                "UPDATE event SET seq = 3 WHERE seq = 4",
                "UPDATE event SET seq = 4 WHERE seq = 99",
            ),
            "event 3 .* changed",
        ),
        (
            lambda path: by_hand(
                path, "INSERT INTO event SELECT 8, kind, payload, monotonic_ns, wall, version, 'x' FROM event WHERE seq = 3"
            ),
            "answer a1 stands in event 3 and again in event 8",
        ),
        (lambda path: anchor_of(path).unlink(), "R1.head is missing or damaged"),
        (lambda path: anchor_of(path).write_text("7 abc"), "R1.head is missing or damaged"),
        (lambda path: by_hand(path, "DELETE FROM event"), "the store holds no event"),
        (forge, "the head that was kept elsewhere knows: the store was written anew"),
    ],
    ids=["edited", "gap", "shortened", "reordered", "twice", "no anchor", "bad anchor", "emptied", "forged"],
)
def test_what_was_done_to_a_store_is_named(change: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "R1.sqlite"
    known = written(path)
    change(path)
    faults = check_store(path, known=known).faults
    assert any(re.search(says, fault) for fault in faults), faults


def test_a_forged_store_is_found_only_by_a_head_that_was_kept_elsewhere(tmp_path: Path) -> None:
    known = written(tmp_path / "R1.sqlite")
    forge(tmp_path / "R1.sqlite")
    assert check_store(tmp_path / "R1.sqlite").faults == ()
    assert check_store(tmp_path / "R1.sqlite", known).faults
    assert read_head(known.line) == known


# 1 for every byte of the journal, which takes minutes.
EVERY_CUT = int(os.environ.get("MEDGEN_EVERY_CUT", "509"))
EVERY_BIT = int(os.environ.get("MEDGEN_EVERY_BIT", "613"))


def crashed(folder: Path) -> tuple[Path, bytes, Head]:
    """A store as a power cut finds it: six answers in the journal, none in the file."""
    path = folder / "live" / "R1.sqlite"
    store = Store.create(path, {"study": "audit"})
    store.close()
    store = Store(path)
    for number in range(6):
        store.add("answer", {"id": f"a{number}", "value": number})
    left = folder / "left"
    shutil.copytree(path.parent, left)
    head = store.head
    store.close()
    return left / "R1.sqlite", (left / "R1.sqlite-wal").read_bytes(), head


def test_a_journal_that_is_cut_anywhere_keeps_whole_answers_and_tells_what_is_lost(tmp_path: Path) -> None:
    path, journal, head = crashed(tmp_path)
    wal = path.with_name("R1.sqlite-wal")
    counts = set()
    for length in [*range(0, len(journal), EVERY_CUT), len(journal)]:
        wal.write_bytes(journal[:length])
        audit = check_store(path)
        counts.add(audit.events)
        assert bool(audit.faults) == (audit.events < head.seq), (length, audit)
        if audit.events < head.seq:
            assert any(f"events {audit.events + 1} to {head.seq} are lost" in fault for fault in audit.faults)
    assert counts == set(range(1, 8))
    wal.write_bytes(journal[: len(journal) // 2])
    with pytest.raises(StudyError, match="its end is lost"):
        Store(path)


def test_changed_bits_are_never_silent(tmp_path: Path) -> None:
    """In the journal SQLite drops the changed commit and all after it and says "ok"; the anchor does not."""
    path, journal, head = crashed(tmp_path)
    wal = path.with_name("R1.sqlite-wal")
    for place in range(40, len(journal), EVERY_BIT):
        changed = bytearray(journal)
        changed[place] ^= 1 << (place % 8)
        wal.write_bytes(bytes(changed))
        audit = check_store(path)
        assert audit.events == head.seq or audit.faults, place
    with Store(_restored(path, wal, journal)) as store:
        assert sum(1 for _ in store.events("answer")) == 6


def _restored(path: Path, wal: Path, journal: bytes) -> Path:
    wal.write_bytes(journal)
    return path


def test_damaged_pages_are_named_or_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "R1.sqlite"
    written(path, 200)
    whole = path.read_bytes()
    found = 0
    for place in range(100, len(whole), 2111):
        path.write_bytes(whole[:place] + bytes(64) + whole[place + 64 :])
        try:
            audit = check_store(path)
        except StudyError:
            found += 1
            continue
        found += bool(audit.faults)
        assert audit.faults or audit.events == 201
    assert found

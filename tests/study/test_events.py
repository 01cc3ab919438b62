"""A chain of events: it can be computed again by anybody, and any change to it shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from napari_medgen.study.events import BEGINNING, Event, canonical, chain_faults


def chain(count: int) -> list[Event]:
    before, events = BEGINNING, []
    for seq in range(1, count + 1):
        event = Event(seq, "answer", {"id": f"a{seq}", "value": seq}, seq * 10, "2026-11-27T10:00:00.000+00:00", "1.0")
        event = replace(event, digest=event.computed(before))
        events.append(event)
        before = event.digest
    return events


def test_the_hash_is_that_of_plain_sha_256_over_canonical_json() -> None:
    (event,) = chain(1)
    text = '[1,"answer",{"id":"a1","value":1},10,"2026-11-27T10:00:00.000+00:00","1.0"]'
    assert event.digest == hashlib.sha256(("0" * 64 + text).encode()).hexdigest()


def test_one_content_has_one_text() -> None:
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1}) == b'{"a":"\\u00e9","b":1}'
    for impossible in (float("nan"), float("inf"), {1, 2}, b"bytes"):
        with pytest.raises(ValueError):
            canonical({"value": impossible})


def test_a_whole_chain_has_no_fault() -> None:
    assert list(chain_faults(chain(20))) == []
    assert list(chain_faults([])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"id": "a5", "value": 6}},
        {"kind": "note"},
        {"wall": "2026-11-27T10:00:00.001+00:00"},
        {"monotonic_ns": 51},
        {"version": "1.1"},
    ],
)
def test_an_edit_of_any_part_is_found_and_named(change: dict[str, Any]) -> None:
    events = chain(9)
    events[4] = replace(events[4], **change)
    (fault,) = chain_faults(events)
    assert "event 5" in fault
    assert "changed after it was written" in fault


def test_an_edit_whose_hash_was_computed_anew_breaks_the_next() -> None:
    events = chain(9)
    edited = replace(events[4], payload={"id": "a5", "value": 99})
    events[4] = replace(edited, digest=edited.computed(events[3].digest))
    (fault,) = chain_faults(events)
    assert "event 6" in fault


def test_gaps_and_other_orders_are_found() -> None:
    events = chain(9)
    faults = list(chain_faults([*events[:3], *events[5:]]))
    assert "2 events are missing before event 6" in faults
    assert any("stands where event" in fault for fault in chain_faults([events[0], events[2], events[1], *events[3:]]))

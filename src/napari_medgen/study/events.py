"""What happened in a study, as a chain: each event holds the hash of the one before, so that an edit breaks what follows.

The hash is SHA-256 of the hash before and of the event as canonical JSON (keys sorted, no blanks, no NaN), so that any
program can compute it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BEGINNING = "0" * 64  # the hash before the first event


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    seq
        Its number, from 1, without gaps.
    kind
        What happened, for example ``answer``.
    payload
        All else, for JSON.
    monotonic_ns, wall
        Clock of the machine since it was started, which never goes back, in nanoseconds; and date and time (ISO 8601, UTC).
    version
        Of the software that wrote it.
    digest
        Its hash, which holds that of the event before.
    """

    seq: int
    kind: str
    payload: Mapping[str, Any] = field(hash=False)
    monotonic_ns: int
    wall: str
    version: str
    digest: str = ""

    def computed(self, before: str) -> str:
        """Its hash, after an event with the hash ``before``."""
        content = [self.seq, self.kind, dict(self.payload), self.monotonic_ns, self.wall, self.version]
        return hashlib.sha256(before.encode() + canonical(content)).hexdigest()


def canonical(content: Any) -> bytes:
    """Content as the one JSON text that stands for it.

    Raises
    ------
    ValueError
        If it holds a number that is none, or what JSON has no word for.
    """
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return text.encode()


def chain_faults(events: Iterable[Event]) -> Iterator[str]:
    """What is wrong with a chain, one sentence a fault, as far as the chain alone can tell.

    A tail that is missing, and a chain that was computed anew as a whole, only an anchor shows.
    """
    before, expected = BEGINNING, 1
    for event in events:
        if event.seq != expected:
            lost = event.seq - expected
            yield (
                f"{lost} event{'s are' if lost > 1 else ' is'} missing before event {event.seq}"
                if lost > 0
                else f"event {event.seq} stands where event {expected} should"
            )
        if event.computed(before) != event.digest:
            yield f"event {event.seq} ({event.kind}), or what stood before it, was changed after it was written"
        before, expected = event.digest, event.seq + 1

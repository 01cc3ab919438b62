"""The head of a chain, kept outside its file: what shows that the file's end is missing.

SQLite's own check says "ok" of a store whose last commits a damaged journal dropped, and a chain that lost its tail is a
chain still. So after each answer the number and hash of the last event go to a small file beside the store, whole or not at
all; a copy of that line which somebody else keeps also shows a store that was written anew as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import write_whole

_LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})\s*")


@dataclass(frozen=True)
class Head:
    """Number and hash of a chain's last event."""

    seq: int
    digest: str

    @property
    def line(self) -> str:
        """As it is kept, and as a reader can read it to whoever watches over a study."""
        return f"{self.seq} {self.digest}"


def anchor_of(store: Path) -> Path:
    """The file beside a store that holds its head."""
    return store.with_suffix(".head")


def write_anchor(store: Path, head: Head) -> None:
    """Put a head in the place of the one before.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    write_whole(anchor_of(store), f"{head.line}\n".encode(), StudyError)


def read_head(text: str) -> Head | None:
    """A head from its line; None of any other text."""
    found = _LINE.fullmatch(text)
    return Head(int(found.group(1)), found.group(2)) if found else None


def read_anchor(store: Path) -> Head | None:
    """The head beside a store; None where there is none, or what lies there is none."""
    try:
        return read_head(anchor_of(store).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None

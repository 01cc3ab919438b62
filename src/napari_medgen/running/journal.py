"""What is done of a long list, a line each as it ends, so that whatever stops the work loses the piece in hand alone.

A file of JSON lines. The first says what was asked; a journal of another request is nobody's to go on with. A line that a
kill cut off is as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_medgen.errors import WritingError
from napari_medgen.running.locking import take


class Journal:
    """Lines of a file that is added to.

    Parameters
    ----------
    path
        Of the file.
    header
        Of a new journal; one that is there keeps its own.

    Raises
    ------
    WritingError
        If it cannot be written, or another process has it open.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise WritingError(f"{path} cannot be written: {error.strerror or error}.") from None
        if not take(self._file):
            self._file.close()
            raise WritingError(f"{path.name} is being worked on by another run; wait for it, or cancel it.")
        there = list(_lines(path))
        self.header: dict[str, Any] = there[0] if there else dict(header)
        self.entries = there[1:]
        # A line that was cut off must not be the beginning of the next.
        self._write(b"\n" if path.stat().st_size else b"")
        if not there:
            self._add(self.header)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._file.close()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Write an entry.

        Raises
        ------
        WritingError
            If there is no room for it.
        """
        self.entries.append(dict(entry))
        self._add(entry)

    def remove(self) -> None:
        """Take the file away: all is done, and stands elsewhere."""
        self._file.close()
        with contextlib.suppress(OSError):  # somebody looks at it; a finished journal is taken up by nobody
            self.path.unlink(missing_ok=True)

    def _add(self, entry: Mapping[str, Any]) -> None:
        self._write(json.dumps(entry, default=float).encode() + b"\n")

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise WritingError(f"{self.path} cannot be written: {error.strerror or error}.") from None


def header_of(path: Path) -> dict[str, Any]:
    """What a journal was begun for; empty for a file that is none."""
    return next(_lines(path), {})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except OSError:
        return
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry

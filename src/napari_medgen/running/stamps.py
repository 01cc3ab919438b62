"""What a cache of files depends on: a file that was replaced has another size or another time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def file_stamp(path: Path | None) -> list[Any] | None:
    """Name, size in bytes and time of the last change in nanoseconds; None for no file."""
    if path is None:
        return None
    found = path.stat()
    return [path.name, found.st_size, found.st_mtime_ns]


def fingerprint(content: Any) -> str:
    """SHA-256 of anything that JSON can hold; equal for equal content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def content_key(path: Path, *more: Any) -> str:
    """Fingerprint of a file's bytes and of what else matters; also for a file that is missing."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        digest = "unreadable"
    return fingerprint([digest, *more])


def combined(keys: Iterable[str]) -> str:
    """One fingerprint of several, their order included."""
    return fingerprint(list(keys))

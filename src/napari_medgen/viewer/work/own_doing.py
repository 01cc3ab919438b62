"""Telling what this program changes itself from what somebody wishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class OwnDoing:
    """True while something is changed by whoever listens to such changes: it is no wish of anybody's."""

    def __init__(self) -> None:
        self._deep = 0

    def __bool__(self) -> bool:
        return self._deep > 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """What is changed within it is our own doing; one may stand within another."""
        self._deep += 1
        try:
            yield
        finally:
            self._deep -= 1

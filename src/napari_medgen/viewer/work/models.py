"""Models that stay loaded between two presses, as long as a widget holds them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K")
M = TypeVar("M")


class LoadedModels(Generic[K, M]):
    """Models of one kind by key; the last that was used is the last to go.

    Loading happens in the background, one at a time. Holding and releasing happen in the window's thread and never wait for
    a load: what is still being loaded when the last holder lets go is not kept.

    Parameters
    ----------
    most
        How many are kept.
    """

    def __init__(self, most: int = 1) -> None:
        self.kept: dict[K, M] = {}
        self._most = most
        self._holders: weakref.WeakSet[Any] = weakref.WeakSet()
        self._generation = 0
        self._loading, self._state = threading.Lock(), threading.Lock()

    def get(self, key: K, load: Callable[[], M]) -> M:
        """The model of a key, loaded if it is not there; call it in the background."""
        with self._loading:
            with self._state:
                generation = self._generation
                found = self.kept.pop(key, None)
                while found is None and len(self.kept) >= self._most:
                    del self.kept[next(iter(self.kept))]  # before there is another one: each may be large
            if found is None:
                found = load()
            with self._state:
                if generation == self._generation:
                    self.kept[key] = found
            return found

    def hold(self, holder: Any) -> None:
        """Keep models while this object needs them."""
        self._holders.add(holder)

    def release(self, holder: Any) -> None:
        """Let an object need them no more; the last one out lets all go."""
        self._holders.discard(holder)
        if not self._holders:
            self.forget()

    def forget(self) -> None:
        """Let all models go, also one that is being loaded."""
        with self._state:
            self._generation += 1
            self.kept.clear()

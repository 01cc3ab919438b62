"""Long work is a generator: it yields :class:`Progress` and returns its result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a computation is.

    Attributes
    ----------
    step, total
        Steps done, of how many; ``total`` is zero where nobody can say.
    message
        What is being done, for a person.
    preview
        Something to look at meanwhile, for example a volume that is still noisy, or a function that makes it; or None.
    """

    step: int
    total: int
    message: str = ""
    preview: Any = None

    @property
    def fraction(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return min(self.step / self.total, 1.0) if self.total else 0.0

    def looked_at(self) -> Progress:
        """The same with its preview made, by whoever is going to show it: what nobody sees need not be computed."""
        return replace(self, preview=self.preview()) if callable(self.preview) else self


Steps = Generator[Progress, None, T]


def mapped(steps: Steps[T], change: Callable[[Progress], Progress]) -> Steps[T]:
    """The same computation with another progress shown, as of a part that is one step of a whole; closed with this one."""
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield change(progress)


def drive(steps: Steps[T], on_progress: Callable[[Progress], object] | None = None) -> T:
    """Run a computation to its end in the calling thread.

    The generator is closed in any case, so its ``finally`` blocks run when ``on_progress`` raises or the user
    interrupts.

    Parameters
    ----------
    steps
        The computation.
    on_progress
        Called with each :class:`Progress`.

    Returns
    -------
    T
        What the computation returned.
    """
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if on_progress is not None:
                on_progress(progress)

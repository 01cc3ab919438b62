"""How long a case was seen, by a clock that nobody can set back; pauses are not counted."""

from __future__ import annotations

from napari_medgen.study.clock import Clock

_NANOSECONDS = 1e9


class Stopwatch:
    """A stopwatch.

    Parameters
    ----------
    clock
        Its ``monotonic`` is what counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = 0.0
        self._since: int | None = None

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """What it shows."""
        since = self._since
        return self._before if since is None else self._before + (self._clock.monotonic() - since) / _NANOSECONDS

    def start(self, seconds: float) -> None:
        """Run on from so many seconds."""
        self._before, self._since = seconds, self._clock.monotonic()

    def stop(self) -> None:
        """Stand still."""
        self._before, self._since = self.seconds, None

"""Work by kind: a newer piece of a kind ends the older one, which is out of date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.viewer.work.queue import Job, WorkQueue


class LatestWork:
    """What one widget has in the queue.

    Parameters
    ----------
    queue
        Where the work runs.
    panel
        Shows progress and what went wrong.
    """

    def __init__(self, queue: WorkQueue, panel: WorkPanel) -> None:
        self._queue, self._panel = queue, panel
        self._running: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self._running) or self._queue.busy

    @property
    def waiting(self) -> int:
        """Pieces beside the one that runs."""
        return max(len(self._running) - 1, 0)

    def submit(
        self,
        kind: str,
        title: str,
        steps: Callable[[], Steps[Any]],
        show: Callable[[Any], None],
        on_progress: Callable[[Progress], None] | None = None,
        *,
        brief: bool = False,
    ) -> None:
        """Run one piece of work.

        Parameters
        ----------
        on_progress
            Beside the panel's bar.
        brief
            It is over before a bar could be read.
        """
        self.drop(kind)
        self._panel.clear_error()

        def end() -> None:
            if self._running.get(kind) == number:
                del self._running[kind]
            if not self._running:
                self._panel.rest()

        def tell(progress: Progress) -> None:
            self._panel.show_progress(title, progress, self.waiting)
            if on_progress is not None:
                on_progress(progress)

        number = -1
        number = self._queue.submit(
            Job(title, steps, on_progress=tell, on_result=show, on_error=self._panel.show_error, on_end=end)
        )
        self._running[kind] = number
        if not brief:
            self._panel.begin(title, self.waiting)

    def runs(self, kind: str) -> bool:
        """Whether work of a kind runs or waits."""
        return kind in self._running

    def new_subject(self, *, but: tuple[str, ...] = ()) -> None:
        """End all work on the subject before, of every kind but some: nothing of it may arrive any more."""
        for kind in set(self._running) - set(but):
            self.drop(kind)

    def drop(self, kind: str) -> None:
        """End the work of a kind, if there is any."""
        if kind in self._running:
            self._queue.cancel(self._running[kind])

    def cancel(self) -> None:
        """End what runs and what waits."""
        for number in list(self._running.values()):
            self._queue.cancel(number)

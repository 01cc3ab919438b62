"""What one widget has in the queues, by kind: a newer piece of a kind ends the older one, which is out of date."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.viewer.work.queue import Job, WorkQueue

T = TypeVar("T")
SAVE = "save"  # kinds that begin so write what a user wants to keep


@dataclass(frozen=True)
class _Piece:
    queue: WorkQueue
    number: int
    title: str
    shown: bool


class LatestWork:
    """What one widget has in the queues.

    Parameters
    ----------
    queue
        Where models compute.
    panel
        Shows progress and what went wrong.
    files
        Where files are written; the same queue by default.
    """

    def __init__(self, queue: WorkQueue, panel: WorkPanel, files: WorkQueue | None = None) -> None:
        self.queue, self._panel, self.files = queue, panel, files or queue
        self._pieces: dict[str, _Piece] = {}
        self._open, self._waits = True, False
        for one in {self.queue, self.files}:
            one.changed.connect(self._tell_wait)

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits, or is still winding down."""
        return bool(self._pieces) or self.queue.busy or self.files.busy

    @property
    def waiting(self) -> int:
        """Pieces that are shown, beside the one that runs."""
        return max(sum(piece.shown for piece in self._pieces.values()) - 1, 0)

    def submit(
        self,
        kind: str,
        title: str,
        steps: Callable[[], Steps[T]],
        show: Callable[[T], None],
        on_progress: Callable[[Progress], None] | None = None,
        *,
        on_end: Callable[[], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        lasts: str = "",
        shown: bool = True,
        brief: bool = False,
        file: bool = False,
    ) -> None:
        """Run one piece of work; nothing once it is closed.

        Parameters
        ----------
        show
            Called with the result.
        on_progress, on_end
            Beside the panel's bar; and once, when it is over in any way.
        on_error
            In the place of the panel's line.
        lasts
            Pieces of which this says the same take about as long as each other.
        shown
            Whether the panel shows it at all.
        brief
            It is over before a bar could be read.
        file
            It is about files and needs no model.
        """
        if not self._open:  # a closed widget may still be told of its own last changes
            return
        self.drop(kind)
        queue = self.files if file else self.queue
        if shown:
            self._panel.clear_error()

        def end() -> None:
            piece = self._pieces.get(kind)
            if piece is not None and piece.number == number:
                del self._pieces[kind]
            if shown and not any(one.shown for one in self._pieces.values()):
                self._panel.rest()
            if on_end is not None:
                on_end()

        def tell(progress: Progress) -> None:
            if shown:
                self._panel.show_progress(title, progress, queue.left(number), self.waiting)
            if on_progress is not None:
                on_progress(progress)

        number = -1
        number = queue.submit(
            Job(
                title,
                steps,
                kind=lasts,
                on_progress=tell,
                on_result=show,
                on_error=on_error or self._panel.show_error,
                on_end=end,
            )
        )
        first = not any(piece.shown for piece in self._pieces.values())
        self._pieces[kind] = _Piece(queue, number, title, shown)
        if shown and not brief and first:
            self._panel.begin(title, queue.wait_of(number), 0)

    def runs(self, kind: str) -> bool:
        """Whether work of a kind runs or waits."""
        return kind in self._pieces

    def new_subject(self, *, but: tuple[str, ...] = ()) -> None:
        """End all work on the subject before, of every kind but some: nothing of it may arrive any more.

        What is being saved is saved.
        """
        for kind in list(self._pieces):
            if kind.split()[0] not in (SAVE, *but):
                self.drop(kind)

    def drop(self, kind: str) -> None:
        """End the work of a kind, if there is any."""
        if kind in self._pieces:
            piece = self._pieces[kind]
            piece.queue.cancel(piece.number)

    def cancel(self) -> None:
        """End what the panel shows, what runs and what waits; a save only where there is nothing else."""
        shown = {kind: piece for kind, piece in self._pieces.items() if piece.shown}
        others = {kind: piece for kind, piece in shown.items() if kind.split()[0] != SAVE}
        for piece in (others or shown).values():
            piece.queue.cancel(piece.number)

    def close(self) -> None:
        """End all of it for good, but for what is being saved, and let go of the queues."""
        self._open = False
        self.new_subject()
        for piece in self._pieces.values():
            piece.queue.let_finish(piece.number, _tell_window)
        self._pieces.clear()
        for one in {self.queue, self.files}:
            with contextlib.suppress(RuntimeError):  # at the end of the program Qt may have deleted it already
                one.changed.disconnect(self._tell_wait)

    def _tell_wait(self) -> None:
        """Say of the first piece that waits what it waits for."""
        shown = [piece for piece in self._pieces.values() if piece.shown]
        if not shown:
            return
        wait = shown[0].queue.wait_of(shown[0].number)
        if wait.before or self._waits:
            self._waits = bool(wait.before)  # when it has come to its turn, that is said once more
            self._panel.begin(shown[0].title, wait, len(shown) - 1)


def _tell_window(error: Exception) -> None:
    """For what fails after its widget was closed."""
    from napari.utils.notifications import show_error

    show_error(str(error))

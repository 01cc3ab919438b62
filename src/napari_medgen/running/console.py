"""Long work at the command line: a progress bar, and Ctrl-C that ends the work cleanly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from napari_medgen.running.jobs import JobReport
from napari_medgen.running.progress import Progress, Steps, drive

T = TypeVar("T")

report = JobReport.of_this_process()
"""Where the process of a job says how far it is; silent in any other."""


def drive_on_console(steps: Steps[T], what: str) -> T:
    """Run a computation with a progress bar on standard error.

    Where that is no terminal but a file or a pipe, a plain line is written at the first step and then every half minute.
    Interrupting it closes the computation, so nothing half-made is left; ``KeyboardInterrupt`` goes on to the caller.
    """
    if not sys.stderr.isatty():
        lines = PlainLines(what)

        def tell(progress: Progress) -> None:
            lines(progress)
            report(what, progress)

        try:
            return drive(steps, tell)
        except KeyboardInterrupt:
            print("Cancelled.", file=sys.stderr)
            raise
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Standard output that goes elsewhere is left alone: the bar would take it to its own console.
    with Bar(*columns, console=Console(file=sys.stderr), redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(what, total=None)

        def show(progress: Progress) -> None:
            text = f"{what}: {progress.message}" if progress.message else what
            bar.update(task, completed=progress.step, total=progress.total or None, description=text)

        try:
            return drive(steps, show)
        except KeyboardInterrupt:
            bar.console.print("Cancelled.")
            raise


class PlainLines:
    """Says how far a computation is, in lines that a log can hold.

    Parameters
    ----------
    what
        For a person.
    every
        Seconds between two lines.
    """

    def __init__(self, what: str, every: float = 30.0) -> None:
        self._what, self._every = what, every
        self._last: float | None = None
        self._begun: tuple[float, int, str] | None = None

    def __call__(self, progress: Progress) -> None:
        """Write a line, if it is time for one."""
        now = time.monotonic()
        stage = progress.message.split(",")[0]
        if self._begun is None or progress.step < self._begun[1] or stage != self._begun[2]:
            # Of each stage by itself: reading images is not as slow as training.
            self._begun = (now, progress.step, stage)
        if self._last is not None and now - self._last < self._every:
            return
        self._last = now
        print(f"{self._what}: {self._words(progress, now)}", file=sys.stderr, flush=True)

    def _words(self, progress: Progress, now: float) -> str:
        parts = [progress.message] if progress.message else []
        if progress.total:
            parts.append(f"step {progress.step} of {progress.total}")
            begun, first, _ = self._begun or (now, progress.step, "")
            if progress.step > first:
                left = (now - begun) / (progress.step - first) * (progress.total - progress.step)
                parts.append(f"about {left / 60:.0f} min left" if left >= 120 else f"about {left:.0f} s left")
        return ", ".join(parts) or "working"


def warn(sentences: Iterable[str]) -> None:
    """Say sentences that a person should read but that end nothing, beside the output."""
    for sentence in sentences:
        Console(stderr=True).print(sentence, style="yellow", markup=False, highlight=False)

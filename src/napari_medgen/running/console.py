"""Long work at the command line: a progress bar, and Ctrl-C that ends the work cleanly."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from napari_medgen.running.progress import Progress, Steps, drive

T = TypeVar("T")


def drive_on_console(steps: Steps[T], what: str) -> T:
    """Run a computation with a progress bar on standard error.

    Interrupting it closes the computation, so nothing half-made is left; ``KeyboardInterrupt`` goes on to the caller.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(what, total=None)

        def show(progress: Progress) -> None:
            text = f"{what}: {progress.message}" if progress.message else what
            bar.update(task, completed=progress.step, total=progress.total or None, description=text)

        try:
            return drive(steps, show)
        except KeyboardInterrupt:
            bar.console.print("Cancelled.")
            raise


def warn(sentences: Iterable[str]) -> None:
    """Say sentences that a person should read but that end nothing, beside the output."""
    for sentence in sentences:
        Console(stderr=True).print(sentence, style="yellow", markup=False, highlight=False)

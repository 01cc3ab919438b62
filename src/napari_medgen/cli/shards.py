"""Work in shards at the command line: results as they come, then what failed, and an exit status that tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari_medgen.errors import MedGenError
from napari_medgen.running.cluster import spread
from napari_medgen.running.console import drive_on_console, warn
from napari_medgen.running.folders import FolderReport
from napari_medgen.running.progress import Steps
from napari_medgen.running.shards import Placement, Shard, Spread

A = TypeVar("A")
R = TypeVar("R")


def spread_on_console(
    work: Callable[[A], Steps[R]],
    shards: Sequence[Shard[A]],
    placement: Placement,
    what: str,
    tell: Callable[[str, R], Any],
) -> Spread[R]:
    """Drive :func:`~napari_medgen.running.cluster.spread` with a bar.

    Raises
    ------
    MedGenError
        At the end, if a shard failed; all of them have been named by then.
    """
    found = drive_on_console(spread(work, shards, placement, on_done=tell), what)
    warn(f"{name}: {why}" for name, why in found.failed.items())
    if len(found.failed) == len(shards) == 1:
        raise MedGenError(next(iter(found.failed.values())))
    if found.failed:
        raise MedGenError(f"{len(found.failed)} of {len(shards)} failed; the same command tries these again.")
    return found


def report_folder(steps: Steps[FolderReport], doing: str, source: Path, model: str) -> FolderReport:
    """Drive work on a folder with a bar, and say what came of it.

    Raises
    ------
    MedGenError
        If no image could be used.
    """
    report = drive_on_console(steps, f"{doing} {source.name}")
    print(f"{model}: {report.summary}")
    print(report.table)
    if len(report.failures) == len(report.rows):
        raise MedGenError(f"No image of {source.name} could be used; {report.table.name} says why.")
    return report

"""One way to spread work: independent shards, in this process or on the processes of a cluster.

    spread(work, shards)                              # here, one after the other
    spread(work, shards, Placement("local:4"))        # four processes of this machine
    spread(work, shards, Placement("tcp://HOST:8786"))  # a scheduler of dask that runs already
    spread(work, shards, Placement("slurm:8"))        # eight jobs of a batch system, as dask-jobqueue is configured

Dask does what is not here (the extra ``cluster``): processes, messages, workers that are lost. Shards are small to send: a
worker reads images and writes results itself, in a folder that all see, and keeps the model that it loaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from napari_medgen.errors import ClusterError, MedGenError, WritingError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Outcome, Outcomes, Placement, Shard, Spread, computing_with, unforeseen
from napari_medgen.running.workers import on_workers

A = TypeVar("A")
R = TypeVar("R")

_ALIKE = 10  # shards


def spread(
    work: Callable[[A], Steps[R]],
    shards: Sequence[Shard[A]],
    placement: Placement | None = None,
    *,
    on_done: Callable[[str, R], object] = lambda name, result: None,
    proven: bool = False,
) -> Steps[Spread[R]]:
    """Do the work on each shard; one that fails is named, and the others go on.

    Parameters
    ----------
    work
        A pure function of a shard: what it makes depends on nothing else, and it may be called again after a worker was
        lost. For a cluster it must be one that pickle can name: a module's function, or an instance of a module's class.
    shards
        Whose names differ.
    on_done
        Told of each result as it comes, in the order in which they end.
    proven
        Whether others have succeeded before: shards that all fail alike are then no reason to give up.

    Yields
    ------
    Progress
        A step a shard; where there is one alone, its own steps. Closing the generator cancels what waits.

    Raises
    ------
    WritingError
        If there is no room, or no right, for a file: it would be so for every shard.
    ClusterError
        If the cluster cannot be reached, is lost, or the extra is not installed; or the first shards all failed alike.
    """
    placement = placement or Placement()
    found: Spread[R] = Spread()
    if not shards:
        return found
    outcomes = _here(work, shards, placement) if placement.here else on_workers(work, shards, placement)
    with contextlib.closing(outcomes):
        for name, outcome in outcomes:
            if isinstance(outcome, Progress):
                yield outcome
                continue
            if outcome.failure:
                found.failed[name] = outcome.failure
                if not proven:
                    _require_hope(found)
            else:
                found.done[name] = outcome.result
                on_done(name, outcome.result)
            ended = len(found.done) + len(found.failed)
            yield Progress(ended, len(shards), _said(name, found))
    return found


def _require_hope(found: Spread[Any]) -> None:
    """End where the first shards all failed with the same words: a wrong request, or a model that no worker has."""
    if not found.done and len(found.failed) >= _ALIKE and len(said := set(found.failed.values())) == 1:
        raise ClusterError(f"The first {len(found.failed)} all failed alike: {said.pop()}")


def _said(name: str, found: Spread[R]) -> str:
    return f"{name} is done" + (f"; {len(found.failed)} failed" if found.failed else "")


def _here(work: Callable[[A], Steps[R]], shards: Sequence[Shard[A]], placement: Placement) -> Outcomes:
    """Outcomes of shards in this process, with the steps of each between."""
    with computing_with(placement.threads):
        for number, shard in enumerate(shards):
            try:
                steps = work(shard.what)
                with contextlib.closing(steps):
                    while True:
                        try:
                            progress = next(steps)
                        except StopIteration as stop:
                            outcome = Outcome(stop.value)
                            break
                        # Where there is one alone, its own steps are what a person wants to see.
                        inner = progress if len(shards) == 1 else Progress(number, len(shards), shard.name)
                        yield shard.name, inner
            except WritingError:
                raise
            except MedGenError as error:
                outcome = Outcome(failure=str(error))
            except Exception as error:  # of a thousand shards, one that nobody foresaw must not end the others
                if len(shards) == 1:
                    raise
                outcome = Outcome(failure=unforeseen(error))
            yield shard.name, outcome

"""Independent pieces of work: what they are, where they shall be done, and what came of them."""

from __future__ import annotations

import contextlib
import platform
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from napari_medgen.errors import ClusterError, WritingError
from napari_medgen.running.progress import Progress

A = TypeVar("A")
R = TypeVar("R")

BATCH_SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}


@dataclass(frozen=True)
class Shard(Generic[A]):
    """A piece of work: its name for a person, and what the work is given."""

    name: str
    what: A


@dataclass(frozen=True)
class Placement:
    """Where shards are computed.

    Attributes
    ----------
    cluster
        Empty for this process, ``local`` or ``local:N``, the address of a scheduler (``tcp://HOST:8786``), or ``slurm``,
        ``pbs``, ``lsf`` or ``sge``, with ``:N`` for the number of jobs.
    threads
        That PyTorch computes a shard with; 0 for what fits: all of this process, a local worker's share of the cores, or
        what a worker was started with. In single precision the last digits depend on it.
    """

    cluster: str = ""
    threads: int = 0

    def __post_init__(self) -> None:
        kind, _, count = self.cluster.partition(":")
        known = kind in ("local", *BATCH_SYSTEMS)
        if not self.cluster or (known and (not count or (count.isdecimal() and 0 < int(count) <= 10_000))):
            return
        if "://" in self.cluster and not known:
            return
        raise ClusterError(
            f"A cluster is local:N, the address of a scheduler (tcp://HOST:8786), or one of {', '.join(BATCH_SYSTEMS)} "
            f"with the number of jobs (slurm:8), not {self.cluster}."
        )

    @property
    def here(self) -> bool:
        """Whether this process computes."""
        return not self.cluster

    @property
    def count(self) -> int:
        """Workers that are asked for; 0 where nobody said."""
        _, _, count = self.cluster.partition(":")
        return int(count) if count.isdecimal() else 0


@dataclass
class Spread(Generic[R]):
    """What came of shards, by their names.

    Attributes
    ----------
    done
        Results.
    failed
        Why there is none, a sentence each.
    """

    done: dict[str, R] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a shard: its result, or a sentence; ``ends`` says that it would be so for every shard."""

    result: Any = None
    failure: str = ""
    ends: bool = False


Outcomes = Generator[tuple[str, Outcome | Progress], None, None]
"""What comes of shards, by their names, and how far they are."""


def unforeseen(error: BaseException) -> str:
    """A sentence for an error that nobody foresaw, with its place."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"Something unexpected went wrong: {type(error).__name__}: {error}{where}"


def require_shared(folder: Path) -> None:
    """Refuse to compute where a folder of results is not seen.

    Raises
    ------
    WritingError
        If it is not there: it would be so for every shard.
    """
    if not folder.is_dir():
        raise WritingError(f"The folder {folder} is not there on {platform.node()}: workers must see the same disk.")


@contextlib.contextmanager
def computing_with(count: int) -> Iterator[None]:
    """PyTorch with so many threads meanwhile; 0 leaves it as it is."""
    if not count:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

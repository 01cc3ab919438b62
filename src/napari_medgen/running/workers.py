"""Shards on the workers of dask: processes of this machine, those of a scheduler that runs, jobs of a batch system.

Nothing of dask is imported before a cluster is asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from napari_medgen.errors import ClusterError, MedGenError, WritingError
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.settings import load_settings
from napari_medgen.running.shards import BATCH_SYSTEMS, Outcome, Outcomes, Placement, Shard, computing_with, unforeseen

A = TypeVar("A")
R = TypeVar("R")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_GONE = ("cancelled", "lost")  # what dask says of a shard that nobody computes any more
_AHEAD = 3  # shards a worker that are sent at a time: enough that none is idle, few enough that cancelling is quick
_BEAT = 0.2  # seconds between two looks at what came back
_CONNECTING = 10  # seconds
_BEGINNING = 60.0  # seconds that processes of this machine may take to begin, or to be begun again
_PATIENCE = 60.0  # seconds that a scheduler may be away; dask itself gives up after about as long as connecting may take
_one_at_a_time = threading.Lock()
_held: dict[Placement, contextlib.ExitStack] = {}
_clients: dict[Placement, Any] = {}


def own_device(asked: str) -> str:
    """The device that this process computes on: of several GPUs of a machine, the one of its worker's number."""
    wanted = asked or load_settings().device
    if wanted not in ("auto", "cuda") or "distributed.worker" not in sys.modules:
        return asked
    import torch
    from distributed import get_worker

    from napari_medgen.running.devices import why_not

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    with contextlib.suppress(ValueError):  # of a process that is no worker
        number = str(get_worker().name)
        if count > 1 and number.isdecimal() and not why_not(own := f"cuda:{int(number) % count}"):
            return own
    return asked


def _do(work: Callable[[Any], Steps[Any]], what: Any, threads: int) -> Outcome:
    """A shard on a worker. Errors come back as sentences: not every exception survives the way."""
    # A worker with several threads has one model, and one device.
    from napari_medgen.running.devices import free_memory

    with _one_at_a_time, computing_with(threads), contextlib.ExitStack() as after:
        after.callback(free_memory)  # or dask would take what the allocator keeps for a leak
        try:
            return Outcome(drive(work(what)))
        except WritingError as error:
            return Outcome(failure=str(error), ends=True)
        except MedGenError as error:
            return Outcome(failure=str(error))
        except Exception as error:
            return Outcome(failure=unforeseen(error))


def on_workers(work: Callable[[A], Steps[R]], shards: Sequence[Shard[A]], placement: Placement) -> Outcomes:
    """Outcomes of shards on workers, as they end, with a beat of progress between."""
    with _client_of(placement) as client:
        yield "", Progress(0, len(shards), _where(client))
        flight = _Flight(client, work, shards, placement.threads)
        ended, away_since, nobody_since = 0, None, None
        try:
            while ended < len(shards):
                away_since = _away(client, away_since)
                if away_since is None:
                    flight.send()
                back = flight.next()
                if back is None:
                    nobody_since = _nobody(client, placement, nobody_since)
                    yield "", Progress(ended, len(shards), _doing(client))
                    continue
                nobody_since = None
                name, outcome = back
                if outcome.ends:
                    raise WritingError(outcome.failure)
                ended += 1
                yield name, outcome
        finally:
            flight.cancel()


class _Flight:
    """Shards on their way: those that wait, those that were sent, and what comes back.

    Parameters
    ----------
    threads
        That a shard is computed with; 0 for the worker's own.
    """

    def __init__(self, client: Any, work: Callable[[Any], Steps[Any]], shards: Sequence[Shard[Any]], threads: int) -> None:
        self._client, self._work, self._threads = client, work, threads
        self._waiting: deque[Shard[Any]] = deque(shards)
        self._sent: dict[Any, Shard[Any]] = {}
        self._came: queue.Queue[Any] = queue.Queue()

    def send(self) -> None:
        """Send as many as keep the workers busy."""
        room = _AHEAD * max(_workers(self._client), 1) - len(self._sent)
        while self._waiting and room > 0:
            try:
                future = self._client.submit(_do, self._work, self._waiting[0].what, self._threads, pure=False, retries=0)
            except Exception:
                if self._client.status == "running":
                    raise
                return  # the scheduler has gone meanwhile: whoever asks next will see it
            self._sent[future] = self._waiting.popleft()
            future.add_done_callback(self._came.put)
            room -= 1

    def next(self) -> tuple[str, Outcome] | None:
        """A shard's name and outcome; None where nothing came for a beat."""
        try:
            future = self._came.get(timeout=_BEAT)
        except queue.Empty:
            # Those of a scheduler that was started anew are known to nobody.
            for lost in [one for one in self._sent if one.status in _GONE]:
                self._waiting.appendleft(self._sent.pop(lost))
            return None
        shard = self._sent.pop(future, None)
        if shard is None:
            return None
        if future.status in _GONE:
            self._waiting.appendleft(shard)
            return None
        return shard.name, _outcome(future)

    def cancel(self) -> None:
        """Take back what was sent."""
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._sent), force=True)


def _outcome(future: Any) -> Outcome:
    """What a shard's future holds."""
    if future.status == "error":
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            return Outcome(failure="The workers that computed it were lost, one after the other; was their memory short?")
        return Outcome(failure=unforeseen(error))
    result: Outcome = future.result()
    return result


def _away(client: Any, since: float | None) -> float | None:
    """Since when the scheduler has been away; None while it is there."""
    if client.status == "running":
        return None
    now = time.monotonic()
    since = now if since is None else since
    if client.status == "closed" or now - since > _PATIENCE:
        raise ClusterError("The scheduler was lost; what is done is kept, and the same command goes on from there.")
    return since


def _nobody(client: Any, placement: Placement, since: float | None) -> float | None:
    """Since when no worker of this machine lives; None while one does. Those of a queue may be waited for without end."""
    if not placement.cluster.startswith("local") or client.status != "running" or _workers(client):
        return None
    since = time.monotonic() if since is None else since
    if time.monotonic() - since > _BEGINNING:
        raise ClusterError(
            "No worker could begin on this machine, or all of them ended; was memory short, or was the package changed? "
            "What is done is kept, and the same command goes on from there."
        )
    return since


def _where(client: Any) -> str:
    """Where shards go, and the page on which dask shows them."""
    text = f"Computing on {client.scheduler.address}"
    return text + (f", shown at {client.dashboard_link}" if importlib.util.find_spec("bokeh") else "")


def _doing(client: Any) -> str:
    if client.status != "running":
        return "Waiting for the scheduler"
    workers = _workers(client)
    return (
        f"{workers} {'worker' if workers == 1 else 'workers'}"
        if workers
        else f"Waiting for workers at {client.scheduler.address}"
    )


def _workers(client: Any) -> int:
    try:
        return len(client.scheduler_info(n_workers=-1).get("workers", ()))
    except Exception:
        if client.status == "running":
            raise
        return 0


@contextlib.contextmanager
def held(placement: Placement) -> Iterator[None]:
    """Workers that stay for all that is spread meanwhile: starting them takes as long as many shards."""
    if placement.here or placement in _held:
        yield
        return
    with contextlib.ExitStack() as opened:
        opened.callback(_held.pop, placement)
        _held[placement] = opened
        yield


@contextlib.contextmanager
def _client_of(placement: Placement) -> Iterator[Any]:
    """The client of a cluster, begun when it is first needed and kept where it is held."""
    opened = _held.get(placement)
    if opened is None:
        with _client(placement) as client:
            yield client
        return
    if (held_client := _clients.get(placement)) is None:
        held_client = _clients[placement] = opened.enter_context(_client(placement))
        opened.callback(_clients.pop, placement)
    yield held_client


@contextlib.contextmanager
def _client(placement: Placement) -> Iterator[Any]:
    """A client of the cluster, which is closed afterwards, with what was started for it."""
    try:
        import distributed
    except ImportError:
        raise ClusterError("A cluster needs more packages: pip install 'napari-medgen[cluster]'.") from None
    with contextlib.ExitStack() as opened:
        opened.callback(_restore, dict(os.environ))  # what dask sets for the workers that it starts is not ours
        if "://" in placement.cluster:
            try:
                client = opened.enter_context(
                    distributed.Client(placement.cluster, timeout=_CONNECTING, set_as_default=False)
                )
            except (OSError, ValueError) as error:
                raise ClusterError(f"There is no scheduler at {placement.cluster}: {error}.") from None
        else:
            client = distributed.Client(opened.enter_context(_started(placement)), set_as_default=False)
        yield opened.enter_context(client)


def _restore(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _started(placement: Placement) -> Any:
    """Workers of this machine, or jobs of a batch system."""
    kind = placement.cluster.partition(":")[0]
    if kind == "local":
        import distributed
        from dask.system import CPU_COUNT  # as a container limits them

        count = placement.count or CPU_COUNT
        threads = placement.threads or max(CPU_COUNT // count, 1)
        return distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs="ERROR",
            # A share of the memory each would pause a worker, or kill it, while the machine has room.
            memory_limit=0,
            # Workers that each take all cores are slower together than one.
            env={name: str(threads) for name in _THREADS} | {"OMP_WAIT_POLICY": "PASSIVE"},
        )
    try:
        import dask_jobqueue
    except ImportError:
        raise ClusterError("Batch systems need one more package: pip install 'napari-medgen[cluster]'.") from None
    try:
        cluster = getattr(dask_jobqueue, BATCH_SYSTEMS[kind])()
    except (ValueError, TypeError, OSError) as error:
        raise ClusterError(f"{kind} is not configured for dask-jobqueue (~/.config/dask/jobqueue.yaml): {error}.") from None
    cluster.scale(jobs=placement.count or 1)
    return cluster

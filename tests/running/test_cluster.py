"""Shards are done once each, wherever they are done; what fails is named; what is lost is done again."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import cluster_support
from napari_medgen.errors import ClusterError, WritingError
from napari_medgen.running import workers
from napari_medgen.running.cluster import spread
from napari_medgen.running.progress import Progress, drive
from napari_medgen.running.shards import Placement, Shard
from napari_medgen.running.workers import own_device

NUMBERS = [Shard(f"number {n}", n) for n in range(6)]
HERE = Path(__file__).parents[1]


@pytest.mark.parametrize("where", ["", "local:2"])
def test_what_fails_is_named_and_the_others_go_on(where: str) -> None:
    seen: list[Progress] = []
    told: list[str] = []
    found = drive(
        spread(cluster_support.square, NUMBERS, Placement(where), on_done=lambda name, result: told.append(name)),
        seen.append,
    )
    assert found.done == {f"number {n}": n * n for n in (0, 1, 2, 5)}
    assert found.failed["number 3"] == "Three is no image."
    unforeseen = found.failed["number 4"]
    assert unforeseen.startswith(
        "Something unexpected went wrong: RuntimeError: what nobody foresaw (cluster_support.py, line"
    )
    assert sorted(told) == sorted(found.done)
    assert (seen[-1].step, seen[-1].total) == (6, 6)


@pytest.mark.parametrize("where", ["", "local:1"])
def test_no_room_for_a_file_ends_all(where: str) -> None:
    with pytest.raises(WritingError, match="no room"):
        drive(spread(cluster_support.no_room, NUMBERS, Placement(where)))


def test_workers_of_this_machine_that_do_not_live_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_BEGINNING", 0.5)
    monkeypatch.setattr(workers, "_workers", lambda client: 0)  # as where each dies while it begins
    with pytest.raises(ClusterError, match="No worker could begin on this machine"):
        drive(spread(cluster_support.sleeps, [Shard("long", 30.0)], Placement("local:1")))


def test_where_all_fail_alike_the_others_are_not_tried() -> None:
    tried: list[Progress] = []
    with pytest.raises(ClusterError, match=r"^The first 10 all failed alike: Three is no image\.$"):
        drive(spread(cluster_support.square, [Shard(f"{n}", 3) for n in range(500)]), tried.append)
    assert len(tried) < 30


def test_an_error_of_one_shard_alone_is_raised_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="what nobody foresaw"):
        drive(spread(cluster_support.square, [Shard("four", 4)]))


def test_one_shard_alone_shows_its_own_steps() -> None:
    seen: list[Progress] = []
    drive(spread(cluster_support.square, NUMBERS[:1]), seen.append)
    assert [progress.message for progress in seen] == ["half", "number 0 is done"]


def test_threads_are_as_asked_and_a_lost_worker_s_shard_is_done_again(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    assert drive(spread(cluster_support.threads, NUMBERS[:1], Placement("", 1))).done["number 0"] == (os.getpid(), 1)
    assert torch.get_num_threads() == before
    environment = dict(os.environ)
    found = drive(spread(cluster_support.threads, NUMBERS[:1], Placement("local:1", 1)))
    assert dict(os.environ) == environment
    assert found.done["number 0"][0] != os.getpid()
    assert found.done["number 0"][1] == 1
    again = drive(spread(cluster_support.dies_once, [Shard("fragile", tmp_path / "note")], Placement("local:1")))
    assert again.done == {"fragile": "done"}


def test_closing_cancels_what_waits(tmp_path: Path) -> None:
    steps = spread(cluster_support.slow, [Shard(str(n), tmp_path) for n in range(40)], Placement("local:1"))
    for progress in steps:
        if progress.step == 2:
            break
    steps.close()
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert done <= len(list(tmp_path.iterdir())) <= done + 1 < 10


@contextlib.contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen([sys.executable, "-m", *arguments], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def free_address() -> tuple[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return "127.0.0.1", str(free.getsockname()[1])


def await_port(host: str, port: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_scheduler_and_workers_that_run_already_are_used_and_outlive_the_work() -> None:
    host, port = free_address()
    address, own = f"{host}:{port}", ("--no-dashboard", "--host", host)
    with (
        program("distributed.cli.dask_scheduler", *own, "--port", port) as scheduler,
        program("distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard") as worker,
    ):
        await_port(host, port)
        for _ in range(2):
            found = drive(spread(cluster_support.square, NUMBERS[:3], Placement(f"tcp://{address}")))
            assert found.done == {"number 0": 0, "number 1": 1, "number 2": 4}
        assert scheduler.poll() is None
        assert worker.poll() is None


def test_a_cluster_that_is_not_there_and_one_that_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_CONNECTING", 1)
    nowhere = Placement("tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"There is no scheduler at tcp://127\.0\.0\.1:9"):
        drive(spread(cluster_support.square, NUMBERS, nowhere))
    assert drive(spread(cluster_support.square, [], nowhere)).done == {}  # nothing to do needs nobody
    for wrong in ("local:0", "local:x", "abacus", "slurm:-1", ":4"):
        with pytest.raises(ClusterError, match="A cluster is local:N"):
            Placement(wrong)


def test_a_scheduler_that_dies_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_CONNECTING", 2)
    monkeypatch.setattr(workers, "_PATIENCE", 5.0)
    address = free_address()
    with program(
        "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port", address[1]
    ) as scheduler:
        await_port(*address)

        def kill(progress: Progress) -> None:
            if progress.message.startswith("Waiting for workers"):
                scheduler.kill()

        with pytest.raises(ClusterError, match="The scheduler was lost"):
            drive(spread(cluster_support.square, NUMBERS, Placement(f"tcp://{':'.join(address)}")), kill)


def test_dask_is_not_imported_for_work_in_this_process() -> None:
    code = (
        "import sys, cluster_support; from napari_medgen.running.cluster import *; "
        "from napari_medgen.running.workers import own_device; "
        "from napari_medgen.running.progress import drive; own_device(''); "
        "drive(spread(cluster_support.square, [Shard('one', 1)])); assert not {'distributed', 'dask'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(HERE)}, check=True)


def test_a_device_is_as_asked_where_there_is_no_worker() -> None:
    assert (own_device(""), own_device("cpu"), own_device("cuda:1")) == ("", "cpu", "cuda:1")

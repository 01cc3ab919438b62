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
from napari_medgen.running.cluster import Placement, Shard, own_device, spread
from napari_medgen.running.progress import Progress, drive

NUMBERS = [Shard(f"number {n}", n) for n in range(6)]
HERE = Path(__file__).parents[1]


@pytest.mark.parametrize("cluster", ["", "local:2"])
def test_what_fails_is_named_and_the_others_go_on(cluster: str) -> None:
    seen: list[Progress] = []
    told: list[str] = []
    found = drive(
        spread(cluster_support.square, NUMBERS, Placement(cluster), on_done=lambda name, result: told.append(name)),
        seen.append,
    )
    assert found.done == {f"number {n}": n * n for n in (0, 1, 2, 5)}
    assert found.failed["number 3"] == "Three is no image."
    assert found.failed["number 4"] == "Something unexpected went wrong: RuntimeError: what nobody foresaw"
    assert sorted(told) == sorted(found.done)
    assert (seen[-1].step, seen[-1].total) == (6, 6)


@pytest.mark.parametrize("cluster", ["", "local:1"])
def test_no_room_for_a_file_ends_all(cluster: str) -> None:
    with pytest.raises(WritingError, match="no room"):
        drive(spread(cluster_support.no_room, NUMBERS, Placement(cluster)))


def test_one_shard_alone_shows_its_own_steps() -> None:
    seen: list[Progress] = []
    drive(spread(cluster_support.square, NUMBERS[:1]), seen.append)
    assert [progress.message for progress in seen] == ["half", "number 0 is done"]


def test_threads_are_as_asked_and_a_lost_worker_s_shard_is_done_again(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    assert drive(spread(cluster_support.threads, NUMBERS[:1], Placement("", 1))).done["number 0"] == (os.getpid(), 1)
    assert torch.get_num_threads() == before
    found = drive(spread(cluster_support.threads, NUMBERS[:1], Placement("local:1", 1)))
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


def test_a_scheduler_and_workers_that_run_already_are_used_and_outlive_the_work() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = address.split(":")
    own = ("--no-dashboard", "--host", host)
    with (
        program("distributed.cli.dask_scheduler", *own, "--port", port) as scheduler,
        program("distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard") as worker,
    ):
        for _ in range(2):
            deadline = time.monotonic() + 60
            while True:
                try:
                    found = drive(spread(cluster_support.square, NUMBERS[:3], Placement(f"tcp://{address}")))
                    break
                except ClusterError:
                    assert time.monotonic() < deadline
            assert found.done == {"number 0": 0, "number 1": 1, "number 2": 4}
        assert scheduler.poll() is None
        assert worker.poll() is None


def test_a_cluster_that_is_not_there_and_one_that_is_not_understood() -> None:
    with pytest.raises(ClusterError, match=r"There is no scheduler at tcp://127\.0\.0\.1:9"):
        drive(spread(cluster_support.square, NUMBERS, Placement("tcp://127.0.0.1:9")))
    for wrong in ("local:0", "local:x", "abacus", "slurm:-1"):
        with pytest.raises(ClusterError, match="A cluster is local:N"):
            Placement(wrong)


def test_a_device_is_as_asked_where_there_is_no_worker() -> None:
    assert (own_device(""), own_device("cpu"), own_device("cuda:1")) == ("", "cpu", "cuda:1")

"""Batches come in their order, and are the same, whoever reads them."""

from __future__ import annotations

import os
import sys

import psutil
import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.running.training.ahead import Ahead
from napari_medgen.running.training.updates import Batches

CPU = torch.device("cpu")


def read(iteration: int, number: int) -> torch.Tensor:
    return torch.tensor([iteration, number, os.getpid()])


@pytest.mark.parametrize("readers", [0, 1, None])
def test_batches_come_in_order_from_this_process_or_from_readers(readers: int | None) -> None:
    with Ahead(read, range(3, 6), Batches(2, processes=2, rank=1), CPU, readers=readers) as ahead:
        found = [ahead.next().tolist() for _ in range(6)]
        with pytest.raises(StopIteration):
            ahead.next()
    assert [one[:2] for one in found] == [[3, 2], [3, 3], [4, 2], [4, 3], [5, 2], [5, 3]]
    here = {one[2] == os.getpid() for one in found}
    assert here == {not (readers and sys.platform == "linux")}


def test_a_training_that_ends_early_ends_its_readers() -> None:
    with Ahead(read, range(10_000), Batches(1), CPU, readers=1) as ahead:
        reader = psutil.Process(int(ahead.next()[2]))
        assert reader.is_running()
    with pytest.raises(StopIteration):
        ahead.next()
    psutil.wait_procs([reader], timeout=30)
    assert not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE


def test_what_lies_on_the_device_is_read_by_its_own_process() -> None:
    with Ahead(read, range(2), Batches(1), CPU, readers=2, waits=False) as ahead:
        assert ahead.next()[2] == os.getpid()


def test_a_reader_that_fails_is_one_sentence() -> None:
    def broken(iteration: int, number: int) -> torch.Tensor:
        raise OSError("the disk is gone")

    with Ahead(broken, range(2), Batches(1), CPU, readers=1) as ahead, pytest.raises(RecipeError, match="--readers 0"):
        ahead.next()

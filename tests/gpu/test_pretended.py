"""The pretended GPU refuses what a GPU refuses."""

from __future__ import annotations

import pytest
import torch

from pretended_gpu import PretendedGpu


def test_two_devices_do_not_meet(gpu: PretendedGpu) -> None:
    there = torch.ones(3, device="cuda")
    assert there.device == torch.device("cuda:0")
    assert (there + 1).cpu().tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="at least two devices"):
        there + torch.ones(3)
    with pytest.raises(RuntimeError, match="two devices"):
        there + torch.ones(3, device="cuda:1")
    with pytest.raises(TypeError, match="to numpy"):
        there.numpy()
    with pytest.raises(RuntimeError, match="generator"):
        torch.randn(3, device="cuda", generator=torch.Generator())


def test_waits_uploads_and_draws_are_counted(gpu: PretendedGpu) -> None:
    there = torch.ones(4).to("cuda")
    float(there.sum())
    torch.randn(2, device="cuda")
    assert (sum(gpu.uploads.values()), sum(gpu.waits.values()), sum(gpu.draws.values())) == (1, 1, 1)


def test_memory_runs_out_and_comes_back() -> None:
    with PretendedGpu(memory=4096) as gpu:
        first = torch.zeros(512, device="cuda")
        with pytest.raises(torch.OutOfMemoryError):
            torch.zeros(1024, device="cuda")
        del first
        assert gpu.allocated == 0
        assert gpu.peak == 2048
        torch.zeros(1024, device="cuda")


def test_gradients_and_half_precision_are_pytorchs_own(gpu: PretendedGpu) -> None:
    layer = torch.nn.Conv2d(1, 2, 3).to("cuda")
    adam = torch.optim.Adam(layer.parameters(), 0.1)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        said = layer(torch.ones(1, 1, 5, 5, device="cuda"))
    assert said.dtype == torch.bfloat16
    before = layer.weight.detach().cpu().clone()
    said.float().square().mean().backward()
    adam.step()
    assert not torch.equal(before, layer.weight.detach().cpu())


def test_a_device_without_kernels_and_one_without_double_precision() -> None:
    with PretendedGpu(works=False), pytest.raises(RuntimeError, match="no kernel image"):
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device="cuda"), torch.ones(1, 1, 3, 3, device="cuda"))
    with PretendedGpu(mps=True), pytest.raises(TypeError, match="float64"):
        torch.ones(3, device="cuda").double()

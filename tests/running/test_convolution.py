from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_medgen.running import convolution
from napari_medgen.running.convolution import Conv3d, channels_last_3d


@pytest.mark.parametrize(
    ("batch", "kernel", "stride", "padding"), [(1, 3, 1, 1), (1, 4, 2, 1), (1, 1, 1, 0), (2, 3, 1, 1), (3, 3, 2, 0)]
)
def test_the_numbers_and_gradients_are_pytorch_s(batch: int, kernel: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    ours = Conv3d(4, 6, kernel, stride, padding)
    theirs = nn.Conv3d(4, 6, kernel, stride, padding)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(batch, 4, 8, 9, 10)
    a, b = ours(x), theirs(x)
    torch.testing.assert_close(a, b, atol=2e-6, rtol=1e-5)
    (a.square().sum()).backward()
    (b.square().sum()).backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, atol=1e-4, rtol=1e-4)


def test_only_small_single_precision_inputs_are_sent_to_onednn_by_hand() -> None:
    small, large = torch.zeros(1, 8, 16, 16, 16), torch.zeros(1, 64, 32, 32, 32)
    available = torch.backends.mkldnn.is_available()
    assert convolution._skips_onednn(small) is available
    assert not convolution._skips_onednn(large)
    assert not convolution._skips_onednn(small.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not convolution._skips_onednn(small)
        assert Conv3d(8, 8, 3, padding=1)(small).dtype == torch.bfloat16


def test_a_network_laid_out_for_the_cpu_gives_the_same_numbers_and_keeps_its_layout() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Conv3d(4, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), Conv3d(8, 6, 3, padding=1))
    x = torch.randn(1, 4, 8, 10, 12)
    before = net(x)
    assert channels_last_3d(net, torch.device("cpu")) is net
    after = net(x)
    torch.testing.assert_close(after, before, atol=2e-6, rtol=1e-5)
    assert after.is_contiguous(memory_format=torch.channels_last_3d)


def test_another_device_keeps_its_layout() -> None:
    net = channels_last_3d(Conv3d(4, 6, 3), torch.device("meta"))
    assert next(net.parameters()).is_contiguous()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_half_precision_learns_on_a_grid_of_two_voxels_in_depth(depth: int) -> None:
    torch.manual_seed(0)
    layer = Conv3d(8, 8, 3, padding=1)
    x = torch.randn(2, 8, depth, 6, 6)
    layer(x).square().mean().backward()
    exact = layer.weight.grad
    layer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x).float().square().mean().backward()
    assert exact is not None
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, exact, atol=0.02 * float(exact.abs().max()), rtol=0.05)

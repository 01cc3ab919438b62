from __future__ import annotations

import math

import torch

from napari_medgen.volumes.networks.convnet import ConvUNet, ConvUNetSizes

SIZES = ConvUNetSizes(channels=4, widths=(16, 32), groups=4, condition_width=2)


def network() -> ConvUNet:
    torch.manual_seed(0)
    net = ConvUNet(SIZES).eval()
    for parameter in net.parameters():  # the last layers of the blocks start at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return net


@torch.no_grad()
def test_no_condition_is_a_row_of_nan() -> None:
    net, x, t = network(), torch.randn(2, 4, 4, 6, 8), torch.tensor([1, 2])
    none = torch.full((2, 2), math.nan)
    torch.testing.assert_close(net(x, t), net(x, t, none))
    mixed = torch.tensor([[math.nan, math.nan], [0.0, 0.0]])
    out = net(x, t, mixed)
    torch.testing.assert_close(out[0], net(x, t)[0], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(out[1], net(x, t)[1])  # a condition of zeros is a condition


@torch.no_grad()
def test_place_and_time_matter() -> None:
    net, x = network(), torch.zeros(1, 4, 4, 4, 4)
    out = net(x, torch.tensor([3]))
    assert out.shape == x.shape
    assert out[0, 0].std() > 0
    assert not torch.allclose(out, net(x, torch.tensor([9])))

from __future__ import annotations

import pytest
import torch

from golden import GOLDEN, assert_golden
from napari_medgen.volumes.diffusion import Schedule, clean_estimate
from napari_medgen.volumes.networks.unet3d import Unet3D, Unet3DSizes
from tests_support import fill, sines


@torch.no_grad()
def test_noise_and_posterior_step_are_the_official_ones() -> None:
    expected = GOLDEN["unet3d_dim16"]
    net = Unet3D(Unet3DSizes(dim=16)).eval()
    fill(net)
    x = sines(1, 8, 4, 16, 16)
    noise = net(x, torch.tensor([7]))
    assert_golden(noise, expected["eps"])
    schedule = Schedule.cosine(300)
    of_x0, of_xt, variance = schedule.posterior(7)
    x0 = clean_estimate(x, noise, float(schedule.abar[7]), "noise")
    assert_golden(of_x0 * x0 + of_xt * x, expected["p_mean_T300_clip"])
    assert variance == pytest.approx(expected["posterior_var_t7"], rel=1e-4)


@pytest.mark.parametrize(("dim", "count"), [(16, 3_019_944), (32, 9_981_512)])
def test_the_number_of_parameters_is_the_official_one(dim: int, count: int) -> None:
    net = Unet3D(Unet3DSizes(dim=dim))
    # The official count includes one shared vector of 16 rotary frequencies, a constant here.
    assert sum(p.numel() for p in net.parameters()) in (count, count - 16)


@torch.no_grad()
def test_a_batch_is_its_samples() -> None:
    torch.manual_seed(0)
    net = Unet3D(Unet3DSizes(dim=8, multipliers=(1, 2))).eval()
    x, t = torch.randn(3, 8, 3, 8, 8), torch.tensor([0, 5, 99])
    together = net(x, t)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], net(x[i : i + 1], t[i : i + 1]), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_mask_conditioned_variant_has_more_channels_in_than_out() -> None:
    net = Unet3D(Unet3DSizes(dim=24, multipliers=(1, 2), channels=17, out_channels=8)).eval()
    assert net(torch.randn(1, 17, 2, 8, 8), torch.tensor([1])).shape == (1, 8, 2, 8, 8)

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from golden import GOLDEN
from napari_medgen.volumes.diffusion import (
    LatentScale,
    Schedule,
    add_noise,
    clean_estimate,
    denoiser,
    training_target,
)


def test_the_cosine_schedule_is_the_official_one() -> None:
    schedule, expected = Schedule.cosine(300), GOLDEN["unet3d_dim16"]
    assert len(schedule) == 300
    np.testing.assert_allclose(schedule.betas[:3], expected["betas_first3"], rtol=1e-4)
    np.testing.assert_allclose(schedule.betas[-3:], expected["betas_last3"], rtol=1e-5)
    np.testing.assert_allclose(schedule.abar[[0, 150, 299]], expected["alphas_cumprod_0_150_299"], rtol=1e-4)


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_a_perfect_network_gives_the_clean_latent(prediction: str) -> None:
    torch.manual_seed(0)
    x0, noise = torch.rand(2, 3, 4, 4, 4) * 2 - 1, torch.randn(2, 3, 4, 4, 4)
    abar = Schedule.cosine(50).abar
    for t in (0, 20, 45):
        kept = torch.full((2,), abar[t], dtype=torch.float64).float()
        said = training_target(x0, noise, kept, prediction)  # type: ignore[arg-type]
        found = clean_estimate(add_noise(x0, noise, kept), said, float(abar[t]), prediction)  # type: ignore[arg-type]
        torch.testing.assert_close(found, x0, atol=1e-3, rtol=1e-3)


def test_estimates_are_clamped() -> None:
    assert clean_estimate(torch.full((1,), 9.0), torch.zeros(1), 0.9, "noise") == 1


def test_guidance_moves_away_from_the_unconditional() -> None:
    def network(x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        assert condition is not None
        return torch.nan_to_num(condition)[:, :1, None, None, None].expand_as(x) * 0.1

    schedule, x = Schedule.cosine(10), torch.zeros(1, 1, 2, 2, 2)
    condition = torch.tensor([[1.0]])
    plain = denoiser(network, schedule, "velocity", condition, 1.0)(x, 5)
    guided = denoiser(network, schedule, "velocity", condition, 3.0)(x, 5)
    torch.testing.assert_close(guided, plain * 3)


def test_the_latent_scale_is_a_bijection() -> None:
    scale, latent = LatentScale.between(-2.0, 6.0), torch.randn(5)
    torch.testing.assert_close(scale.restore(scale.normalise(latent)), latent)
    assert scale.normalise(torch.tensor([-2.0, 6.0])).tolist() == [-1, 1]
    assert math.isclose(float(scale.normalise(torch.tensor(2.0))), 0)


def test_each_channel_is_standardised_and_comes_back() -> None:
    rng = np.random.default_rng(0)
    latents = (rng.normal(size=(6, 3, 4, 5, 2)) * np.array([0.5, 2, 30])[:, None, None, None] + 7).astype(np.float16)
    scale = LatentScale.standard(latents)
    seen = scale.normalise(torch.from_numpy(latents).float())
    torch.testing.assert_close(seen.mean((0, 2, 3, 4)), torch.zeros(3), atol=2e-3, rtol=0)
    torch.testing.assert_close(seen.std((0, 2, 3, 4), correction=0), torch.ones(3), atol=2e-3, rtol=0)
    assert scale.limit == pytest.approx(float(seen.abs().max()), rel=1e-3)
    torch.testing.assert_close(scale.restore(seen), torch.from_numpy(latents).float(), atol=0.05, rtol=0)
    assert LatentScale.of(scale.ranges, scale.limit) == scale
    assert LatentScale.of((-1.0, 3.0)) == LatentScale.between(-1.0, 3.0)


def test_estimates_are_clamped_to_the_scale_s_limit() -> None:
    x, said = torch.full((1, 1, 2, 2, 2), 9.0), torch.zeros(1, 1, 2, 2, 2)
    assert float(clean_estimate(x, said, 0.99, "velocity").max()) == 1
    assert float(clean_estimate(x, said, 0.99, "velocity", 4.5).max()) == 4.5


def test_a_channel_that_hardly_varies_does_not_widen_the_limit() -> None:
    latents = np.random.default_rng(0).normal(size=(8, 2, 4, 4, 4)).astype(np.float32)
    latents[:, 1] = 0.5
    latents[0, 1, 0, 0, 0] += 0.01
    assert LatentScale.standard(latents).limit < 6
    assert LatentScale.standard(np.ones((2, 3, 4, 4, 4), np.float32)).limit == 1

from __future__ import annotations

import math

import pytest
import torch

from napari_medgen.running.progress import Progress, drive
from napari_medgen.volumes.diffusion import Schedule, clean_estimate
from napari_medgen.volumes.samplers import Noise, ancestral, ddim, dpm_solver_pp, sampler, slerp, spaced

SHAPE = (2, 3, 4, 4)


def network(x: torch.Tensor, t: int) -> torch.Tensor:
    """Any deterministic function serves as a noise prediction."""
    return torch.tanh(x * 0.7 + 0.01 * t)


def straight_official(seed: int, timesteps: int) -> torch.Tensor:
    """The published loop, written out: float32 buffers, noise from one generator, drawn at every step."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.arange(timesteps + 1, dtype=torch.float64)
    level = torch.cos((steps / timesteps + 0.008) / 1.008 * math.pi * 0.5) ** 2
    betas = torch.clip(1 - level[1:] / level[:-1], 0, 0.9999)
    alphas = 1 - betas
    kept = torch.cumprod(alphas, 0)
    before = torch.cat((torch.ones(1, dtype=torch.float64), kept[:-1]))
    variance = betas * (1 - before) / (1 - kept)
    log_variance = torch.log(variance.clamp(min=1e-20)).float()
    first = (betas * before.sqrt() / (1 - kept)).float()
    second = ((1 - before) * alphas.sqrt() / (1 - kept)).float()
    x = torch.randn((1, *SHAPE), generator=generator)
    for t in reversed(range(timesteps)):
        noise_said = network(x, t)
        x0 = ((1 / kept[t]).sqrt().float() * x - (1 / kept[t] - 1).sqrt().float() * noise_said).clamp(-1, 1)
        noise = torch.randn((1, *SHAPE), generator=generator)
        x = first[t] * x0 + second[t] * x + (0 if t == 0 else 1) * (0.5 * log_variance[t]).exp() * noise
    return x


def denoise_with(schedule: Schedule) -> object:
    return lambda x, t: clean_estimate(x, network(x, t), float(schedule.abar[t]), "noise")


@pytest.mark.parametrize("timesteps", [20, 300])
def test_ancestral_is_the_published_sampler_number_for_number(timesteps: int) -> None:
    schedule, noise = Schedule.cosine(timesteps), Noise([3], SHAPE)
    made = drive(ancestral(denoise_with(schedule), schedule, noise(), noise))  # type: ignore[arg-type]
    torch.testing.assert_close(made, straight_official(3, timesteps), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["ancestral", "ddim", "dpm++"])
def test_a_batch_is_single_volumes_of_the_next_seeds(name: str) -> None:
    schedule = Schedule.cosine(30)

    def made(seeds: list[int]) -> torch.Tensor:
        noise = Noise(seeds, SHAPE)
        return drive(sampler(name, denoise_with(schedule), schedule, noise, steps=8, eta=0.5))  # type: ignore[arg-type]

    together = made([5, 6, 7])
    for index, seed in enumerate((5, 6, 7)):
        assert torch.equal(together[index : index + 1], made([seed]))
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("run", [ddim, dpm_solver_pp])
@pytest.mark.parametrize("steps", [1, 10, 40])
def test_fast_samplers_find_the_only_possible_answer(run: object, steps: int) -> None:
    schedule = Schedule.cosine(300)
    target = torch.rand(1, *SHAPE) * 2 - 1
    more = {"draw": Noise([1], SHAPE)} if run is ddim else {}
    found = drive(run(lambda x, t: target, schedule, torch.randn(1, *SHAPE), steps=steps, **more))  # type: ignore[operator]
    torch.testing.assert_close(found, target, atol=1e-5, rtol=1e-5)


def gaussian(schedule: Schedule, spread: float) -> object:
    """The exact clean estimate where data are normal with a given spread."""

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        kept = float(schedule.abar[t])
        return x * math.sqrt(kept) * spread**2 / (kept * spread**2 + 1 - kept)

    return denoise


def test_the_second_order_solver_is_nearer_the_limit_than_ddim() -> None:
    schedule, start = Schedule.cosine(1000), torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(0))
    denoise = gaussian(schedule, 0.3)
    draw = Noise([0], SHAPE)
    limit = drive(ddim(denoise, schedule, start, draw, steps=900))  # type: ignore[arg-type]
    second = drive(dpm_solver_pp(denoise, schedule, start, steps=15))  # type: ignore[arg-type]
    first = drive(ddim(denoise, schedule, start, draw, steps=15))  # type: ignore[arg-type]
    assert (second - limit).abs().mean() < 0.5 * (first - limit).abs().mean()


def test_ancestral_and_full_ddim_give_the_data_s_spread() -> None:
    schedule = Schedule.cosine(200)
    denoise = gaussian(schedule, 0.25)
    shape = (4, 16, 16, 16)
    for name in ("ancestral", "ddim"):
        noise = Noise([2], shape)
        made = drive(sampler(name, denoise, schedule, noise, steps=200, eta=1.0))  # type: ignore[arg-type]
        assert float(made.std()) == pytest.approx(0.25, rel=0.08)


def test_timesteps_fall_and_stay_where_there_is_signal() -> None:
    schedule = Schedule.cosine(300)
    times = spaced(schedule, 20)
    assert len(times) == 20
    assert times == sorted(set(times), reverse=True)
    assert schedule.half_log_snr[times[0]] >= -5.1
    assert len(spaced(Schedule.cosine(8), 50)) <= 8


def test_each_step_is_reported_with_a_look() -> None:
    schedule, seen = Schedule.cosine(30), list[Progress]()
    noise = Noise([0], SHAPE)
    drive(sampler("dpm++", denoise_with(schedule), schedule, noise, steps=5), seen.append)  # type: ignore[arg-type]
    assert [p.step for p in seen] == [1, 2, 3, 4, 5]
    assert all(p.total == 5 and p.preview.shape == (1, *SHAPE) for p in seen)


def test_interpolation_stays_on_the_sphere() -> None:
    a, b = torch.randn(2, 4096)
    middle = slerp(a, b, 0.5)
    assert float(middle.norm()) == pytest.approx(float(a.norm() + b.norm()) / 2, rel=0.02)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    torch.testing.assert_close(slerp(a, a, 0.3), a)

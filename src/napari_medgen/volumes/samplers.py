"""Samplers: how noise becomes a latent. Each is a short generator that reads like its paper.

All take ``denoise(x, t)`` (the clean estimate), a schedule, the first noise x (B, C, D, H, W) and, where they draw more,
a function that draws noise of the same shape. They yield a :class:`Progress` a step, with the clean estimate as preview,
and return the latent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.diffusion import Denoise, Schedule
from napari_medgen.volumes.request import SamplerName

Draw = Callable[[], torch.Tensor]
# Below this log signal-to-noise ratio the clean estimate of a noise-predicting network is division by almost nothing.
_LOWEST_HALF_LOG_SNR = -5.1


class Noise:
    """Noise for a batch, each sample's from a CPU generator of its own, so that it does not depend on the batch.

    Parameters
    ----------
    seeds
        One a sample.
    shape
        (C, D, H, W) of one sample.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape, self._device = tuple(shape), device

    def __call__(self) -> torch.Tensor:
        """The next draw: (B, C, D, H, W)."""
        drawn = [torch.randn(self._shape, generator=generator) for generator in self._generators]
        return torch.stack(drawn).to(self._device)


def ancestral(denoise: Denoise, schedule: Schedule, x: torch.Tensor, draw: Draw) -> Steps[torch.Tensor]:
    """Ho 2020, algorithm 2, over every timestep; number for number the published sampler.

    Noise is drawn at every step, the last included, where it is not used.
    """
    total = len(schedule)
    for t in reversed(range(total)):
        x0 = denoise(x, t)
        of_x0, of_xt, variance = schedule.posterior(t)
        noise = draw()
        x = of_x0 * x0 + of_xt * x
        if t:
            x = x + math.sqrt(variance) * noise
        yield Progress(total - t, total, preview=x0)
    return x


def spaced(schedule: Schedule, steps: int) -> list[int]:
    """``steps`` timesteps, evenly spaced, from the noisiest usable one down; fewer where there are not so many.

    The clean volume follows the last.
    """
    usable = np.flatnonzero(schedule.half_log_snr >= _LOWEST_HALF_LOG_SNR)
    first = int(usable[-1])
    return sorted({round(first * (1 - i / steps)) for i in range(steps)}, reverse=True)


def ddim(
    denoise: Denoise, schedule: Schedule, x: torch.Tensor, draw: Draw, *, steps: int, eta: float = 0.0
) -> Steps[torch.Tensor]:
    """Song 2021, equation 12; ``eta`` 0 is deterministic, 1 draws as much as ``ancestral``."""
    abar, times = schedule.abar, spaced(schedule, steps)
    for index, t in enumerate(times):
        kept = abar[t]
        after = abar[times[index + 1]] if index + 1 < len(times) else 1.0
        x0 = denoise(x, t)
        noise = (x - math.sqrt(kept) * x0) / math.sqrt(1 - kept)
        sigma = eta * math.sqrt((1 - after) / (1 - kept) * (1 - kept / after))
        x = math.sqrt(after) * x0 + math.sqrt(max(1 - after - sigma**2, 0.0)) * noise
        if sigma > 0:
            x = x + sigma * draw()
        yield Progress(index + 1, len(times), preview=x0)
    return x


def dpm_solver_pp(denoise: Denoise, schedule: Schedule, x: torch.Tensor, *, steps: int) -> Steps[torch.Tensor]:
    """DPM-Solver++(2M) (Lu 2022, algorithm 2): second order from the previous step's estimate; deterministic."""
    abar, lambdas, times = schedule.abar, schedule.half_log_snr, spaced(schedule, steps)
    previous, previous_h = None, 0.0
    for index, t in enumerate(times):
        x0 = denoise(x, t)
        if index + 1 == len(times):
            x = x0
        else:
            after = times[index + 1]
            h = float(lambdas[after] - lambdas[t])
            estimate = x0
            if previous is not None:
                weight = h / (2 * previous_h)
                estimate = (1 + weight) * x0 - weight * previous
            sigma_ratio = math.sqrt((1 - abar[after]) / (1 - abar[t]))
            x = sigma_ratio * x - math.sqrt(abar[after]) * math.expm1(-h) * estimate
            previous, previous_h = x0, h
        yield Progress(index + 1, len(times), preview=x0)
    return x


def sampler(
    name: SamplerName,
    denoise: Denoise,
    schedule: Schedule,
    draw: Draw,
    *,
    steps: int,
    eta: float = 0.0,
    start: torch.Tensor | None = None,
) -> Steps[torch.Tensor]:
    """The named sampler, begun from ``start`` or from the first draw."""
    x = draw() if start is None else start
    if name == "ancestral":
        return ancestral(denoise, schedule, x, draw)
    if name == "ddim":
        return ddim(denoise, schedule, x, draw, steps=steps, eta=eta)
    return dpm_solver_pp(denoise, schedule, x, steps=steps)


def slerp(a: torch.Tensor, b: torch.Tensor, share: float) -> torch.Tensor:
    """Spherical interpolation between two noises: as likely at every point between as at the ends."""
    unit = (a / a.norm() * (b / b.norm())).sum().clamp(-1, 1)
    angle = float(torch.arccos(unit))
    if angle < 1e-4:
        return torch.lerp(a, b, share)
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)

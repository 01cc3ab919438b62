"""The diffusion process: cosine schedule, what the network predicts, and the latent's scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

Prediction = Literal["noise", "velocity"]
Ranges = tuple[float, float] | tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Schedule:
    """Noise levels of T timesteps: ``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise``.

    Attributes
    ----------
    betas
        (T,) float64 variances, each in (0, 0.9999].
    """

    betas: NDArray[np.float64]

    @classmethod
    def cosine(cls, timesteps: int, offset: float = 0.008) -> Schedule:
        """Cosine schedule (Nichol 2021, equation 17), as the published code computes it."""
        place = np.linspace(0, timesteps, timesteps + 1)
        level = np.cos((place / timesteps + offset) / (1 + offset) * math.pi / 2) ** 2
        return cls(np.clip(1 - level[1:] / level[:-1], 0, 0.9999))

    def __len__(self) -> int:
        return len(self.betas)

    @property
    def abar(self) -> NDArray[np.float64]:
        """(T,) share of signal variance that is left at each timestep."""
        return np.cumprod(1 - self.betas, dtype=np.float64)

    @property
    def half_log_snr(self) -> NDArray[np.float64]:
        """(T,) ``log(alpha / sigma)``, falling with t."""
        kept = self.abar
        return 0.5 * (np.log(kept) - np.log1p(-kept))

    def posterior(self, t: int) -> tuple[float, float, float]:
        """Coefficients of x_0 and x_t in the mean of ``q(x_{t-1} | x_t, x_0)``, and its variance (Ho 2020, eq. 7)."""
        kept = self.abar[t]
        before = self.abar[t - 1] if t else 1.0
        beta = self.betas[t]
        of_x0 = beta * math.sqrt(before) / (1 - kept)
        of_xt = (1 - before) * math.sqrt(1 - beta) / (1 - kept)
        return float(of_x0), float(of_xt), float(beta * (1 - before) / (1 - kept))


def add_noise(x0: torch.Tensor, noise: torch.Tensor, abar: torch.Tensor) -> torch.Tensor:
    """``x_t`` at signal shares ``abar`` (B,)."""
    kept = abar.view(-1, *[1] * (x0.ndim - 1))
    return kept.sqrt() * x0 + (1 - kept).sqrt() * noise


def training_target(x0: torch.Tensor, noise: torch.Tensor, abar: torch.Tensor, prediction: Prediction) -> torch.Tensor:
    """What the network should say: the noise (Ho 2020) or the velocity (Salimans 2022, appendix D)."""
    if prediction == "noise":
        return noise
    kept = abar.view(-1, *[1] * (x0.ndim - 1))
    return kept.sqrt() * noise - (1 - kept).sqrt() * x0


def clean_estimate(
    x: torch.Tensor, said: torch.Tensor, abar: float, prediction: Prediction, limit: float = 1.0
) -> torch.Tensor:
    """The x_0 that a prediction stands for, clamped to [-limit, limit]; the published sampler's limit is one."""
    if prediction == "noise":
        x0 = (x - math.sqrt(1 - abar) * said) / math.sqrt(abar)
    else:
        x0 = math.sqrt(abar) * x - math.sqrt(1 - abar) * said
    return x0.clamp(-limit, limit)


Network = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
Denoise = Callable[[torch.Tensor, int], torch.Tensor]


def denoiser(
    network: Network,
    schedule: Schedule,
    prediction: Prediction,
    condition: torch.Tensor | None = None,
    guidance: float = 1.0,
    limit: float = 1.0,
) -> Denoise:
    """The function that samplers see: noisy latents and a timestep to the clamped estimate of clean ones.

    Parameters
    ----------
    condition
        (B, W) condition vectors, or None.
    guidance
        Classifier-free guidance scale w (Ho 2022): ``unconditional + w (conditional - unconditional)``. One is
        plain conditional sampling and costs nothing more.
    limit
        Largest magnitude of a clean latent; see :class:`LatentScale`.
    """
    abar = schedule.abar

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        times = torch.full((len(x),), t, device=x.device)
        if condition is None or guidance == 1.0:
            said = network(x, times, condition)
        else:
            none = torch.full_like(condition, math.nan)
            both = network(torch.cat((x, x)), torch.cat((times, times)), torch.cat((none, condition)))
            without, with_condition = both.chunk(2)
            said = without + guidance * (with_condition - without)
        return clean_estimate(x, said.float(), float(abar[t]), prediction, limit)

    return denoise


@dataclass(frozen=True)
class LatentScale:
    """The linear map between latents and the numbers that the diffusion works in.

    Attributes
    ----------
    low, high
        What becomes -1 and 1: one number for all channels (Khader 2023: the codebook's range), or one a channel.
    limit
        Largest magnitude of a clean latent in the diffusion's numbers; estimates are clamped to it.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    limit: float = 1.0

    @classmethod
    def between(cls, low: float, high: float) -> LatentScale:
        """One range for all channels, clamped to it."""
        return cls((low,), (high,))

    @classmethod
    def of(cls, ranges: Ranges, limit: float = 1.0) -> LatentScale:
        """As a card says it: one range, or one a channel."""
        each = ranges if isinstance(ranges[0], tuple) else (ranges,)
        return cls(tuple(low for low, _ in each), tuple(high for _, high in each), limit)

    @classmethod
    def standard(cls, latents: NDArray[np.floating]) -> LatentScale:
        """Mean zero and deviation one a channel, over latents (M, C, D, H, W); clamped to the largest of them.

        A channel that hardly varies is not blown up: its deviation counts as a hundredth of the largest at least.
        """
        axes = (0, *range(2, latents.ndim))
        count = latents.size / latents.shape[1]
        mean = latents.sum(axes, dtype=np.float64) / count
        squares = sum(np.square(one.astype(np.float64)).sum(tuple(range(1, one.ndim))) for one in latents)
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        deviation = np.maximum(deviation, max(0.01 * float(deviation.max()), 1e-6))
        column = (-1, *[1] * (latents.ndim - 2))
        farthest = max(float(np.abs((one - mean.reshape(column)) / deviation.reshape(column)).max()) for one in latents)
        return cls(tuple(map(float, mean - deviation)), tuple(map(float, mean + deviation)), max(farthest, 1.0))

    @property
    def ranges(self) -> Ranges:
        """As a card says it."""
        each = tuple(zip(self.low, self.high, strict=True))
        return each[0] if len(each) == 1 else each

    def normalise(self, latent: torch.Tensor) -> torch.Tensor:
        """Latents (B, C, D, H, W) to the diffusion's numbers; not clipped."""
        low, high = self._ends(latent)
        return 2 * (latent - low) / (high - low) - 1

    def restore(self, x0: torch.Tensor) -> torch.Tensor:
        """The inverse."""
        low, high = self._ends(x0)
        return (x0 + 1) / 2 * (high - low) + low

    def _ends(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (-1, 1, 1, 1) if len(self.low) > 1 else ()  # one number suits a latent of any shape
        low, high = (torch.tensor(end, dtype=torch.float32, device=like.device) for end in (self.low, self.high))
        return low.reshape(shape), high.reshape(shape)

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


def clean_estimate(x: torch.Tensor, said: torch.Tensor, abar: float, prediction: Prediction) -> torch.Tensor:
    """The x_0 that a prediction stands for, clamped to [-1, 1] as the published sampler does."""
    if prediction == "noise":
        x0 = (x - math.sqrt(1 - abar) * said) / math.sqrt(abar)
    else:
        x0 = math.sqrt(abar) * x - math.sqrt(1 - abar) * said
    return x0.clamp(-1, 1)


Network = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
Denoise = Callable[[torch.Tensor, int], torch.Tensor]


def denoiser(
    network: Network,
    schedule: Schedule,
    prediction: Prediction,
    condition: torch.Tensor | None = None,
    guidance: float = 1.0,
) -> Denoise:
    """The function that samplers see: noisy latents and a timestep to the clamped estimate of clean ones.

    Parameters
    ----------
    condition
        (B, W) condition vectors, or None.
    guidance
        Classifier-free guidance scale w (Ho 2022): ``unconditional + w (conditional - unconditional)``. One is
        plain conditional sampling and costs nothing more.
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
        return clean_estimate(x, said.float(), float(abar[t]), prediction)

    return denoise


@dataclass(frozen=True)
class LatentScale:
    """The linear map between latents and the [-1, 1] that the diffusion works in (Khader 2023: the codebook's range)."""

    low: float
    high: float

    def normalise(self, latent: torch.Tensor) -> torch.Tensor:
        """Latents to about [-1, 1]; not clipped."""
        return 2 * (latent - self.low) / (self.high - self.low) - 1

    def restore(self, x0: torch.Tensor) -> torch.Tensor:
        """The inverse."""
        return (x0 + 1) / 2 * (self.high - self.low) + self.low

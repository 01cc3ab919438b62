"""Losses of the VQ-GAN (Khader 2023; Esser 2021; Ge 2022)."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def gradient_l1(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of neighbouring-voxel differences along the three axes of (B, C, D, H, W).

    Keeps edges sharp where no perceptual network is at hand.
    """
    parts = [F.l1_loss(made.diff(dim=axis), real.diff(dim=axis)) for axis in (2, 3, 4)]
    return torch.stack(parts).mean()


def hinge(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Discriminator loss: ``(relu(1 - real) + relu(1 + made)) / 2`` of the scores, averaged."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + made).mean())


def feature_matching(made: list[torch.Tensor], real: list[torch.Tensor]) -> torch.Tensor:
    """Sum over all layers but the scores of the mean absolute difference of features."""
    return torch.stack([F.l1_loss(a, b.detach()) for a, b in zip(made[:-1], real[:-1], strict=True)]).sum()


def random_slices(volumes: tuple[torch.Tensor, ...], generator: torch.Generator) -> list[torch.Tensor]:
    """One slice of each volume (B, C, D, H, W), the same place in all tensors given, along a random axis.

    The published code cuts along D alone, so only those slices are ever made to look real.
    """
    axis = int(torch.randint(2, 5, (), generator=generator))
    batch, length = volumes[0].shape[0], volumes[0].shape[axis]
    where = torch.randint(length, (batch,), generator=generator).tolist()
    return [torch.stack([v[i].select(axis - 1, n) for i, n in enumerate(where)]) for v in volumes]

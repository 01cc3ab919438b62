"""Losses of StyleGAN2's training: adversarial, gradient penalty, path length."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def generator_loss(scores: Tensor) -> Tensor:
    """Non-saturating loss (Goodfellow 2014) of generated images' scores (N, 1)."""
    return F.softplus(-scores.float()).mean()


def discriminator_loss(real: Tensor, generated: Tensor) -> Tensor:
    """Logistic loss of the scores (N, 1) of real and of generated images."""
    return F.softplus(-real.float()).mean() + F.softplus(generated.float()).mean()


def r1_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """Mean squared gradient of the scores at real images (Mescheder 2018), to be weighted by gamma / 2."""
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def path_lengths(images: Tensor, ws: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Length (N,) of the image's change along a random direction for each step of the latents (Karras 2020, section 3.2).

    Parameters
    ----------
    images
        (N, C, H, W), made from ``ws`` with gradients.
    ws
        (N, num_ws, w_dim).
    """
    noise = torch.randn(images.shape, generator=generator).to(images) / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()

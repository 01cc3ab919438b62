"""A linear stand-in for the decoder: a cheap look at a latent.

One 3 x 3 x 3 convolution from the normalised latent to the grey values of each latent voxel's block, fitted by ridge
regression on training volumes. It is blurred and it is cheap, which is what a preview that changes with every step needs.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import functional as F

Triple = tuple[int, int, int]


def _blocks(image: torch.Tensor, factor: Triple) -> torch.Tensor:
    """(1, 1, D, H, W) to (D/d * H/h * W/w, d * h * w): the grey values of each block."""
    d, h, w = factor
    depth, height, width = (n // f for n, f in zip(image.shape[2:], factor, strict=True))
    return image.view(depth, d, height, h, width, w).permute(0, 2, 4, 1, 3, 5).reshape(-1, d * h * w)


def fit_preview(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], factor: Triple) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit the linear decoder.

    Parameters
    ----------
    pairs
        Normalised latents (1, C, D/d, H/h, W/w) and images (1, 1, D, H, W) in [-1, 1].
    factor
        The autoencoder's downsampling (d, h, w).

    Returns
    -------
    weight, bias
        (d * h * w, C, 3, 3, 3) and (d * h * w,).
    """
    gram: torch.Tensor | float = 0.0
    cross: torch.Tensor | float = 0.0
    channels = 0
    for latent, image in pairs:
        channels = latent.shape[1]
        padded = F.pad(latent.double(), (1,) * 6, mode="replicate")
        columns = padded.unfold(2, 3, 1).unfold(3, 3, 1).unfold(4, 3, 1)[0].permute(1, 2, 3, 0, 4, 5, 6)
        features = columns.reshape(-1, channels * 27)
        features = torch.cat((features, features.new_ones(len(features), 1)), dim=1)
        gram = gram + features.T @ features
        cross = cross + features.T @ _blocks(image.double(), factor)
    assert isinstance(gram, torch.Tensor)
    assert isinstance(cross, torch.Tensor)
    ridge = 1e-4 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solved = torch.linalg.solve(gram + ridge, cross).float()
    return solved[:-1].T.reshape(-1, channels, 3, 3, 3).contiguous(), solved[-1].contiguous()


@torch.no_grad()
def preview(latent: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, factor: Triple) -> torch.Tensor:
    """Approximate image (1, 1, D, H, W), clamped to [-1, 1], of a normalised latent (1, C, d, h, w)."""
    blocks = F.conv3d(F.pad(latent.float(), (1,) * 6, mode="replicate"), weight, bias)
    d, h, w = factor
    _, _, depth, height, width = blocks.shape
    image = blocks.view(d, h, w, depth, height, width).permute(3, 0, 4, 1, 5, 2)
    return image.reshape(1, 1, depth * d, height * h, width * w).clamp(-1, 1)

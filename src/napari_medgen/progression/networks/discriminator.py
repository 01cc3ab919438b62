"""The StyleGAN2 discriminator, and the encoder that has its shape (Karras 2020, section 4 and appendix B)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from napari_medgen.progression.architecture import EncoderSizes, StyleGANSizes
from napari_medgen.progression.networks.stylegan_layers import Conv, Linear, binomial_filter

_GROUP = 4
_HALF = math.sqrt(0.5)


class ResidualBlock(nn.Module):
    """Two convolutions, the second of which halves, and a shortcut.

    Parameters
    ----------
    inside, outside
        Channels.
    image_channels
        Channels of the image; 0 for every block but the first.
    clamp
        Limit of the activations.
    """

    def __init__(self, inside: int, outside: int, image_channels: int, clamp: float) -> None:
        super().__init__()
        self.register_buffer("resample_filter", binomial_filter())  # of the official checkpoints; nothing uses it
        self.fromrgb = Conv(image_channels, inside, 1, clamp=clamp) if image_channels else None
        self.conv0 = Conv(inside, inside, 3, clamp=clamp)
        self.conv1 = Conv(inside, outside, 3, halve=True, clamp=clamp)
        self.skip = Conv(inside, outside, 1, halve=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        shortcut = self.skip(x, _HALF)
        out: Tensor = self.conv1(self.conv0(x), _HALF) + shortcut
        return out


def batch_spread(x: Tensor) -> Tensor:
    """Append a channel: how much the images of each group of four differ (Karras 2018, section 3)."""
    count, _, height, width = x.shape
    group = min(_GROUP, count)
    while count % group:
        group -= 1
    grouped = x.float().reshape(group, count // group, *x.shape[1:])
    deviation = (grouped - grouped.mean(0)).square().mean(0).add(1e-8).sqrt()
    spread = deviation.mean((1, 2, 3)).reshape(-1, 1, 1, 1).repeat(group, 1, height, width)
    return torch.cat([x, spread.to(x.dtype)], 1)


class Epilogue(nn.Module):
    """From 4 x 4 features to one number an image."""

    def __init__(self, width: int, clamp: float) -> None:
        super().__init__()
        self.conv = Conv(width + 1, width, 3, clamp=clamp)
        self.fc = Linear(width * 16, width, activation=True)
        self.out = Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.out(self.fc(self.conv(batch_spread(x)).flatten(1)))
        return score


class Discriminator(nn.Module):
    """Residual discriminator; its tensors have the names of the official ``D``.

    Parameters
    ----------
    sizes
        As the generator's.
    """

    def __init__(self, sizes: StyleGANSizes) -> None:
        super().__init__()
        self.sizes = sizes
        _add_blocks(self, sizes, sizes)
        self.b4 = Epilogue(sizes.width(4), sizes.clamp)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, 1) of images (N, channels, H, W) in [-1, 1]: high for what it takes for real."""
        score: Tensor = self.b4(_through_blocks(self, self.sizes, images))
        return score


class Encoder(nn.Module):
    """From an image to its latent: the discriminator's shape, with a latent at its end (as in Zhu 2020).

    Parameters
    ----------
    sizes
        The generator's.
    own
        Widths of the encoder's levels.
    """

    def __init__(self, sizes: StyleGANSizes, own: EncoderSizes) -> None:
        super().__init__()
        widths = sizes.model_copy(update=own.model_dump())
        self.sizes = sizes
        _add_blocks(self, sizes, widths)
        self.fc = Linear(widths.width(4) * 16, 2 * sizes.w_dim, activation=True)
        self.out = Linear(2 * sizes.w_dim, sizes.w_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Latents (N, w_dim) of images (N, channels, H, W) in [-1, 1]."""
        w: Tensor = self.out(self.fc(_through_blocks(self, self.sizes, images).flatten(1)))
        return w


def _add_blocks(network: nn.Module, sizes: StyleGANSizes, widths: StyleGANSizes) -> None:
    for level in reversed(sizes.levels[1:]):
        channels = sizes.channels if level == sizes.resolution else 0
        block = ResidualBlock(widths.width(level), widths.width(level // 2), channels, sizes.clamp)
        setattr(network, f"b{level}", block)


def _through_blocks(network: nn.Module, sizes: StyleGANSizes, x: Tensor) -> Tensor:
    for level in reversed(sizes.levels[1:]):
        x = getattr(network, f"b{level}")(x)
    return x

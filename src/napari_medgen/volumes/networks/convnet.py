"""A convolutional denoiser for machines without a GPU: a few tens of milliseconds a step on two cores.

A U-Net (Ronneberger 2015; Ho 2020) of 3D residual blocks with group norm, scale-shift time embedding and self-attention at
its lowest level. It is given each voxel's place in the volume as three extra channels, for anatomy has a place. It does in
one 3D convolution what the published denoiser does in a slice convolution and two attentions.
"""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as F

from napari_medgen.running.convolution import Conv3d
from napari_medgen.validity import Layers, Width


class ConvUNetSizes(BaseModel):
    """Everything that the architecture depends on.

    Attributes
    ----------
    channels
        Latent channels, in and out.
    widths
        Channels of each level; each but the first halves the grid.
    blocks
        Residual blocks a level on the way down; one more on the way up.
    condition_width
        Entries of the condition vector; zero for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["conv-unet"] = "conv-unet"
    channels: Width = 8
    widths: tuple[Width, ...] = Field((48, 96, 128), min_length=1, max_length=8)
    blocks: Layers = 1
    heads: Layers = 4
    groups: Width = 16
    condition_width: int = Field(0, ge=0, le=4096)


def time_embedding(t: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of timesteps (Vaswani 2017): (B,) -> (B, width)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10_000) / (half - 1)))
    angles = t.float()[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), Conv3d(channels, out, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * out)
        self.norm2, self.conv2 = nn.GroupNorm(groups, out), Conv3d(out, out, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(cast(torch.Tensor, self.conv2.bias))
        self.skip: nn.Module = Conv3d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulate(embedding)[:, :, None, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(torch.addcmul(shift, self.norm2(h), scale + 1)))
        return cast(torch.Tensor, self.skip(x) + h)


class _Attention(nn.Module):
    """Every voxel of the lowest level looks at every other."""

    def __init__(self, channels: int, heads: int, groups: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.to_qkv, self.to_out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, *grid = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        qkv = self.to_qkv(tokens).view(batch, -1, 3, self.heads, channels // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, channels)
        return x + cast(torch.Tensor, self.to_out(out)).transpose(1, 2).view(batch, channels, *grid)


def _places(x: torch.Tensor) -> torch.Tensor:
    """Position of each voxel along each axis, -1 to 1: (B, 3, D, H, W)."""
    axes = [torch.linspace(-1, 1, n, device=x.device, dtype=x.dtype) for n in x.shape[2:]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(len(x), -1, -1, -1, -1)


class ConvUNet(nn.Module):
    """The denoiser: noisy latent (B, C, D, H, W), timesteps (B,) and condition (B, W) to a prediction (B, C, D, H, W).

    The latent's sides must be multiples of ``2 ** (levels - 1)``.
    """

    def __init__(self, sizes: ConvUNetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        widths, groups = sizes.widths, sizes.groups
        embedding = 4 * widths[0]
        self.embed = nn.Sequential(nn.Linear(widths[0], embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        # One entry more than the condition has says whether there is one.
        self.embed_condition = nn.Linear(sizes.condition_width + 1, embedding) if sizes.condition_width else None
        self.first = Conv3d(sizes.channels + 3, widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        channels, skips = widths[0], [widths[0]]
        for level, width in enumerate(widths):
            blocks = nn.ModuleList()
            for _ in range(sizes.blocks):
                blocks.append(_Residual(channels, width, embedding, groups))
                channels = width
                skips.append(channels)
            self.down.append(blocks)
            if level < len(widths) - 1:
                self.shrink.append(Conv3d(channels, channels, 3, stride=2, padding=1))
                skips.append(channels)
        self.middle = nn.ModuleList(
            (
                _Residual(channels, channels, embedding, groups),
                _Attention(channels, sizes.heads, groups),
                _Residual(channels, channels, embedding, groups),
            )
        )
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            blocks = nn.ModuleList()
            for _ in range(sizes.blocks + 1):
                blocks.append(_Residual(channels + skips.pop(), width, embedding, groups))
                channels = width
            self.up.append(blocks)
            if level:
                self.grow.append(Conv3d(channels, channels, 3, padding=1))
        self.last = nn.Sequential(nn.GroupNorm(groups, channels), nn.SiLU(), Conv3d(channels, sizes.channels, 3, padding=1))

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        embedding = self.embed(time_embedding(t, self.sizes.widths[0]))
        if self.embed_condition is not None:
            embedding = embedding + self.embed_condition(self._with_flag(condition, len(x), x))
        embedding = F.silu(embedding)
        h = self.first(torch.cat((x, _places(x)), dim=1))
        skips = [h]
        for level, blocks in enumerate(self.down):
            for block in cast(nn.ModuleList, blocks):
                h = block(h, embedding)
                skips.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
                skips.append(h)
        h = self.middle[2](self.middle[1](self.middle[0](h, embedding)), embedding)
        for level, blocks in enumerate(self.up):
            for block in cast(nn.ModuleList, blocks):
                h = block(torch.cat((h, skips.pop()), dim=1), embedding)
            if level < len(self.grow):
                h = self.grow[level](F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return cast(torch.Tensor, self.last(h))

    def _with_flag(self, condition: torch.Tensor | None, batch: int, x: torch.Tensor) -> torch.Tensor:
        """Condition vectors with a leading one; NaN rows (no condition) and a missing condition become zeros."""
        if condition is None:
            return x.new_zeros(batch, self.sizes.condition_width + 1)
        known = ~condition.isnan().any(dim=1, keepdim=True)
        return torch.cat((known.to(x.dtype), torch.where(known, condition, 0).to(x.dtype)), dim=1)

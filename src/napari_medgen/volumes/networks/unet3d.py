"""The published denoiser: a 3D U-Net with attention factorised into slices and depth (Ho 2022; Khader 2023).

Parameter names, and so checkpoint keys, are the official ones. The forward pass is not: activations stay
(batch * depth, height, width, channels), slice convolutions run as 2D convolutions, norms and attentions as the fused
functions of PyTorch. Output equals the published network's to 1e-5 at a third of its time on a CPU.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as F

from napari_medgen.validity import Layers, Width
from napari_medgen.volumes.networks.convnet import time_embedding

_ROTARY_WIDTH = 32
_BUCKETS = 32
_MAX_DISTANCE = 32


class Unet3DSizes(BaseModel):
    """Everything that the architecture depends on.

    Attributes
    ----------
    dim, multipliers
        Channels of level i are ``dim * multipliers[i]``.
    channels, out_channels
        Latent channels in and out.
    heads, head_width, groups
        Of the attentions and group norms.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["unet3d"] = "unet3d"
    dim: Width = 32
    multipliers: tuple[Layers, ...] = Field((1, 2, 4, 8), min_length=1, max_length=8)
    channels: Width = 8
    out_channels: Width = 8
    heads: Layers = 8
    head_width: Width = 32
    groups: Width = 8

    @property
    def condition_width(self) -> int:
        """Zero: the published network's conditioning does not work, and is not rebuilt."""
        return 0


class _Depth(NamedTuple):
    """What depth attention needs to know of positions: rotary cosine and sine (F, 32), bias (heads, F, F)."""

    cosine: torch.Tensor
    sine: torch.Tensor
    bias: torch.Tensor


def _nchw(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def _slice_conv(conv: nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """A (1, k, k) convolution, slice by slice, on (N, H, W, C)."""
    padding, stride = cast(tuple[int, ...], conv.padding)[1:], conv.stride[1:]
    return _nhwc(F.conv2d(_nchw(x), conv.weight.squeeze(2), conv.bias, stride, padding))


class _RelativeBias(nn.Module):
    """T5's bucketed relative position bias (Raffel 2020)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.relative_attention_bias = nn.Embedding(_BUCKETS, heads)

    def forward(self, length: int) -> torch.Tensor:
        place = torch.arange(length, device=self.relative_attention_bias.weight.device)
        behind = place[:, None] - place[None, :]
        half, exact = _BUCKETS // 2, _BUCKETS // 4
        distance = behind.abs()
        far = (
            exact
            + (torch.log(distance.clamp(min=1).float() / exact) / math.log(_MAX_DISTANCE / exact) * (half - exact)).long()
        )
        bucket = torch.where(distance < exact, distance, far.clamp(max=half - 1)) + (behind < 0) * half
        return cast(torch.Tensor, self.relative_attention_bias(bucket)).permute(2, 0, 1)


def _rotate(x: torch.Tensor, depth: _Depth) -> torch.Tensor:
    """Rotary position embedding (Su 2021) of neighbouring pairs, on (..., F, width)."""
    width = depth.cosine.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    pairs = turned.unflatten(-1, (-1, 2))
    quarter = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2)
    turned = turned * depth.cosine.to(x.dtype) + quarter * depth.sine.to(x.dtype)
    return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned


class _Attention(nn.Module):
    """Multi-head self-attention over the next-to-last axis of (..., N, C)."""

    def __init__(self, channels: int, sizes: Unet3DSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        hidden = sizes.heads * sizes.head_width
        self.to_qkv = nn.Linear(channels, 3 * hidden, bias=False)
        self.to_out = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: torch.Tensor, depth: _Depth | None) -> torch.Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).movedim(-3, 0).transpose(-3, -2)
        bias = None
        if depth is not None:
            q, k, bias = _rotate(q, depth), _rotate(k, depth), depth.bias.to(q.dtype)
        # In four axes: those of PyTorch's ways to attend that need no room for all scores take no more.
        lead = q.shape[:-3]
        q, k, v = (part.flatten(0, -4) for part in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).unflatten(0, lead)
        return cast(torch.Tensor, self.to_out(out.transpose(-3, -2).flatten(-2)))


class _Rearranged(nn.Module):
    """Holds an attention under the key that the published rearranging wrapper gave it."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn


class _ChannelNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gamma = self.gamma.flatten()
        return F.layer_norm(x, gamma.shape, gamma, None, 1e-5)


class _PreNorm(nn.Module):
    def __init__(self, channels: int, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn
        self.norm = _ChannelNorm(channels)


class _Residual(nn.Module):
    """``x + fn(norm(x))`` with the published nesting of names."""

    def __init__(self, channels: int, fn: nn.Module) -> None:
        super().__init__()
        self.fn = _PreNorm(channels, fn)

    def apply_to(self, x: torch.Tensor, attend: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return x + attend(self.fn.norm(x))


class _DepthAttention(_Residual):
    """Each column of voxels attends along depth."""

    def __init__(self, channels: int, sizes: Unet3DSizes) -> None:
        super().__init__(channels, _Rearranged(_Attention(channels, sizes)))

    def forward(self, x: torch.Tensor, depth: _Depth) -> torch.Tensor:
        length = depth.cosine.shape[0]
        attention = cast(_Rearranged, self.fn.fn).fn

        def attend(y: torch.Tensor) -> torch.Tensor:
            columns = y.unflatten(0, (-1, length)).flatten(2, 3).transpose(1, 2)
            attended: torch.Tensor = attention(columns, depth)
            return attended.transpose(1, 2).reshape(y.shape)

        return self.apply_to(x, attend)


class _SliceAttention(_Residual):
    """Each slice's voxels attend to each other."""

    def __init__(self, channels: int, sizes: Unet3DSizes) -> None:
        super().__init__(channels, _Rearranged(_Attention(channels, sizes)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attention = cast(_Rearranged, self.fn.fn).fn
        return self.apply_to(x, lambda y: attention(y.flatten(1, 2), None).view(y.shape))


class _LinearAttention(nn.Module):
    """Attention of linear cost over the voxels of a slice (Shen 2021)."""

    def __init__(self, channels: int, sizes: Unet3DSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        hidden = sizes.heads * sizes.head_width
        self.to_qkv = nn.Conv2d(channels, 3 * hidden, 1, bias=False)
        self.to_out = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = F.linear(x.flatten(1, 2), self.to_qkv.weight.flatten(1))
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q = q.softmax(dim=-1) * q.shape[-1] ** -0.5
        context = k.softmax(dim=-2).transpose(-1, -2) @ v
        out = (q @ context.to(q.dtype)).transpose(1, 2).flatten(2)
        made: torch.Tensor = F.linear(out, self.to_out.weight.flatten(1), self.to_out.bias)
        return made.view(x.shape)


class _SliceLinearAttention(_Residual):
    def __init__(self, channels: int, sizes: Unet3DSizes) -> None:
        super().__init__(channels, _LinearAttention(channels, sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.apply_to(x, self.fn.fn)


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, groups: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, out, (1, 3, 3), padding=(0, 1, 1))
        self.norm = nn.GroupNorm(groups, out)

    def forward(self, x: torch.Tensor, batch: int, modulation: torch.Tensor | None) -> torch.Tensor:
        x = _slice_conv(self.proj, x)
        # The group norm's statistics run over depth as well, so depth joins height for a moment.
        whole = _nchw(x.reshape(batch, -1, *x.shape[2:]))
        whole = F.group_norm(whole, self.norm.num_groups, self.norm.weight, self.norm.bias, self.norm.eps)
        if modulation is not None:
            scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
            whole = torch.addcmul(shift.to(whole.dtype), whole, (scale + 1).to(whole.dtype))
        return F.silu(_nhwc(whole)).reshape(x.shape)


class _ResnetBlock(nn.Module):
    def __init__(self, channels: int, out: int, groups: int, time_width: int = 0) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_width, 2 * out)) if time_width else None
        self.block1 = _Block(channels, out, groups)
        self.block2 = _Block(out, out, groups)
        self.res_conv: nn.Module = nn.Conv3d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: torch.Tensor, batch: int, time: torch.Tensor | None = None) -> torch.Tensor:
        modulation = self.mlp(time) if self.mlp is not None else None
        h = self.block2(self.block1(x, batch, modulation), batch, None)
        if isinstance(self.res_conv, nn.Conv3d):
            x = F.linear(x, self.res_conv.weight.flatten(1), self.res_conv.bias)
        return cast(torch.Tensor, h + x)


class _Time(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return time_embedding(t, self.dim)


class Unet3D(nn.Module):
    """The denoiser: noisy latent (B, C, D, H, W) and timesteps (B,) to predicted noise (B, C, D, H, W).

    Height and width must be multiples of ``2 ** (levels - 1)``; depth is never reduced.
    """

    def __init__(self, sizes: Unet3DSizes) -> None:
        super().__init__()
        self.sizes = sizes
        dim, groups, time_width = sizes.dim, sizes.groups, 4 * sizes.dim
        widths = [dim, *(dim * m for m in sizes.multipliers)]
        pairs = list(itertools.pairwise(widths))

        def stage(channels: int, out: int) -> list[nn.Module]:
            return [
                _ResnetBlock(channels, out, groups, time_width),
                _ResnetBlock(out, out, groups, time_width),
                _SliceLinearAttention(out, sizes),
                _DepthAttention(out, sizes),
            ]

        self.time_rel_pos_bias = _RelativeBias(sizes.heads)
        self.init_conv = nn.Conv3d(sizes.channels, dim, (1, 7, 7), padding=(0, 3, 3))
        self.init_temporal_attn = _DepthAttention(dim, sizes)
        self.time_mlp = nn.Sequential(_Time(dim), nn.Linear(dim, time_width), nn.GELU(), nn.Linear(time_width, time_width))
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, (channels, out) in enumerate(pairs):
            last = level == len(pairs) - 1
            shrink = nn.Identity() if last else nn.Conv3d(out, out, (1, 4, 4), (1, 2, 2), (0, 1, 1))
            self.downs.append(nn.ModuleList([*stage(channels, out), shrink]))
        middle = widths[-1]
        self.mid_block1 = _ResnetBlock(middle, middle, groups, time_width)
        self.mid_spatial_attn = _SliceAttention(middle, sizes)
        self.mid_temporal_attn = _DepthAttention(middle, sizes)
        self.mid_block2 = _ResnetBlock(middle, middle, groups, time_width)
        for level, (channels, out) in enumerate(reversed(pairs)):
            last = level == len(pairs) - 1
            grow = nn.Identity() if last else nn.ConvTranspose3d(channels, channels, (1, 4, 4), (1, 2, 2), (0, 1, 1))
            self.ups.append(nn.ModuleList([*stage(2 * out, channels), grow]))
        self.final_conv = nn.Sequential(_ResnetBlock(2 * dim, dim, groups), nn.Conv3d(dim, sizes.out_channels, 1))

    def _depth(self, length: int) -> _Depth:
        bias = self.time_rel_pos_bias(length)
        width = min(_ROTARY_WIDTH, self.sizes.head_width)
        rates = 10_000 ** (-torch.arange(0, width, 2, device=bias.device).float() / width)
        angles = (torch.arange(length, device=bias.device).float()[:, None] * rates).repeat_interleave(2, dim=1)
        return _Depth(angles.cos(), angles.sin(), bias)

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        batch, _, length, *_ = x.shape
        depth, time = self._depth(length), self.time_mlp(t)
        x = x.permute(0, 2, 3, 4, 1).flatten(0, 1).contiguous()
        x = _slice_conv(self.init_conv, x)
        first = x
        x = self.init_temporal_attn(x, depth)
        skips = []
        for block1, block2, slices, columns, shrink in (cast(nn.ModuleList, stage) for stage in self.downs):
            x = block2(block1(x, batch, time), batch, time)
            x = columns(slices(x), depth)
            skips.append(x)
            if isinstance(shrink, nn.Conv3d):
                x = _slice_conv(shrink, x)
        x = self.mid_block1(x, batch, time)
        x = self.mid_temporal_attn(self.mid_spatial_attn(x), depth)
        x = self.mid_block2(x, batch, time)
        for block1, block2, slices, columns, grow in (cast(nn.ModuleList, stage) for stage in self.ups):
            x = block2(block1(torch.cat((x, skips.pop()), dim=-1), batch, time), batch, time)
            x = columns(slices(x), depth)
            if isinstance(grow, nn.ConvTranspose3d):
                x = _nhwc(F.conv_transpose2d(_nchw(x), grow.weight.squeeze(2), grow.bias, stride=2, padding=1))
        x = self.final_conv[0](torch.cat((x, first), dim=-1), batch)
        last = cast(nn.Conv3d, self.final_conv[1])
        x = F.linear(x, last.weight.flatten(1), last.bias)
        return cast(torch.Tensor, x.unflatten(0, (batch, length)).permute(0, 4, 1, 2, 3))

"""Encode and decode volumes of which no layer's output fits in memory: slabs flow through several layers at once.

:mod:`~napari_medgen.volumes.decoding` runs each layer over the whole volume before the next. Here a whole block of layers is
asked for a slab, and each layer asks the one before it for the slices that it needs, so that at full resolution nothing but
slabs exists. A group norm needs statistics of the whole volume: they are summed up in a pass of their own, in which
everything below the norm is computed once more. A block of two residuals takes five passes, ten convolutions in the place of
four. With room on a disk each layer's output is kept there instead, and made once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from napari_medgen.volumes.decoding import Statistics, decode_bytes, nearest_vectors, residual_in_slabs, room
from napari_medgen.volumes.networks.vqgan import VQGAN, ResBlock, SamePadConv3d, SamePadConvTranspose3d, VQGANSizes
from napari_medgen.volumes.slices import Rolling, Slices, Stored, Whole

_SLICES_AT_ONCE = 64 * 2**20  # bytes of a slab of the widest layer
_SLABS_ALIVE = 14  # of a block's layers, with what they make on the way
_STORED_ALIVE = 3  # of a block's layers on a disk at a time: an earlier one goes when the next is whole


class Convolved:
    """A convolution of a source, after norm and SiLU where a norm is given."""

    def __init__(self, layer: SamePadConv3d, source: Slices, norm: nn.GroupNorm | None = None, slab: int = 1) -> None:
        self._layer, self._source, self._norm, self._slab = layer, source, norm, slab
        self._stride = layer.conv.stride[0]
        self.depth = source.depth // self._stride
        self._known: tuple[torch.Tensor, torch.Tensor] | None = None

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices of the output."""
        conv, (before, _), kernel = self._layer.conv, self._layer.padding[0], self._layer.conv.kernel_size[0]
        first, last = start * self._stride - before, (stop - 1) * self._stride - before + kernel
        scaling = self._scaling()
        part = self._source.part(max(first, 0), min(last, self._source.depth))
        dtype = part.dtype
        if scaling is not None:
            scale, shift = (v[None, :, None, None, None] for v in scaling)
            part = F.silu(torch.addcmul(shift, part, scale), inplace=True)
        around = [n for pair in reversed(self._layer.padding[1:]) for n in pair]
        part = F.pad(part, [*around, max(-first, 0), max(last - self._source.depth, 0)], mode=self._layer.padding_type)
        return F.conv3d(part, conv.weight, conv.bias, conv.stride).to(dtype)

    def _scaling(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """What the norm amounts to for this volume, found the first time that it is needed."""
        if self._norm is not None and self._known is None:
            sums = Statistics(self._norm)
            for start, stop in slabs(self._source.depth, self._slab):
                sums.add(self._source.part(start, stop))
            self._known = sums.scaling()
        return self._known


class Enlarged:
    """A transposed convolution of a source."""

    def __init__(self, layer: SamePadConvTranspose3d, source: Slices) -> None:
        self._layer, self._source = layer, source
        self._stride = layer.convt.stride[0]
        self.depth = source.depth * self._stride

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices of the output."""
        stride, (before, after) = self._stride, self._layer.padding[0]
        first, last = start // stride, -(-stop // stride)
        low, high = first - before, last + after
        part = self._source.part(max(low, 0), min(high, self._source.depth))
        around = [n for pair in reversed(self._layer.padding[1:]) for n in pair]
        lacking = [max(-low, 0), max(high - self._source.depth, 0)]
        made = self._layer.convt(F.pad(part, [*around, *lacking], mode=self._layer.padding_type)).to(part.dtype)
        return cast(torch.Tensor, made)[:, :, start - first * stride : stop - first * stride]


class Residual:
    """A residual block of a source; ``keep`` is what becomes of what its first convolution made."""

    def __init__(self, block: ResBlock, source: Slices, slab: int, keep: Callable[[Slices], Slices] = Rolling) -> None:
        self._source, self.depth = source, source.depth
        inner = keep(Convolved(block.conv1, source, block.norm1, slab))
        self._branch = Convolved(block.conv2, inner, block.norm2, slab)

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices of the output; the branch, which needs more of the source, asks first."""
        return self._branch.part(start, stop) + self._source.part(start, stop)


def slabs(depth: int, slab: int) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of slabs of a depth."""
    for start in range(0, depth, slab):
        yield start, min(start + slab, depth)


def gathered(source: Slices, slab: int) -> torch.Tensor:
    """The whole of a volume that is made in slabs."""
    out: torch.Tensor | None = None
    for start, stop in slabs(source.depth, slab):
        made = source.part(start, stop)
        if out is None:
            out = room(made, source.depth, made.dtype)
        out[:, :, start:stop] = made
    return cast(torch.Tensor, out)


@torch.no_grad()
def decode_streamed(
    net: VQGAN, latent: torch.Tensor, *, quantise: bool = True, slab: int = 0, scratch: Path | None = None
) -> torch.Tensor:
    """The image of one latent (1, C, d, h, w), equal to ``net.decode`` up to rounding.

    Parameters
    ----------
    slab
        Slices at a time; 0 for what fits.
    scratch
        Folder of a disk with room for :func:`scratch_bytes`; without one, what is needed again is made again.

    Raises
    ------
    WritingError
        If the disk has no room after all.
    """
    decoder = net.decoder
    keep: Callable[[Slices], Slices] = functools.partial(Stored, folder=scratch) if scratch else Rolling
    x = net.post_vq_conv(nearest_vectors(net, latent, quantise))
    x = decoder.final_block(x)
    for place, block in enumerate(decoder.conv_blocks):
        stride = cast(SamePadConvTranspose3d, block.up).convt.stride
        channels = cast(SamePadConvTranspose3d, block.up).convt.out_channels
        own = slab or _slices(channels, x.shape[3] * stride[1], x.shape[4] * stride[2])
        flow = keep(Enlarged(cast(SamePadConvTranspose3d, block.up), Whole(x)))
        flow = keep(Residual(cast(ResBlock, block.res1), flow, own, keep))
        flow = Residual(cast(ResBlock, block.res2), flow, own, keep)
        if place == len(decoder.conv_blocks) - 1:
            flow = Convolved(decoder.conv_last, Rolling(flow))
        x = gathered(flow, own)
    image: torch.Tensor = x
    return image


@torch.no_grad()
def encode_in_slabs(net: VQGAN, image: torch.Tensor, *, slab: int = 0) -> torch.Tensor:
    """The latent of one image (1, C, D, H, W), equal to ``net.encode`` up to rounding.

    Parameters
    ----------
    slab
        Slices at a time; 0 for what fits.
    """
    encoder = net.encoder
    first = encoder.conv_first
    x = image
    flow: Slices = Rolling(Convolved(first, Whole(x)))
    channels = first.conv.out_channels
    for block in encoder.conv_blocks:
        own = slab or _slices(channels, *x.shape[3:])
        down = cast(SamePadConv3d, block.down)
        x = gathered(Convolved(down, flow), own)
        x = residual_in_slabs(cast(ResBlock, block.res), x, slab or _slices(down.conv.out_channels, *x.shape[3:]))
        flow, channels = Whole(x), down.conv.out_channels
    latent: torch.Tensor = net.pre_vq_conv(encoder.final_block(x))
    return latent


def streamed_bytes(sizes: VQGANSizes, shape: tuple[int, ...]) -> int:
    """Memory that decoding an image of (D, H, W) takes at its peak by :func:`decode_streamed`, beside the weights."""
    levels = len(sizes.strides)
    at = [n // factor for n, factor in zip(shape, sizes.downsample, strict=True)]
    kept = _count(at, sizes.n_hiddens * 2**levels)
    peak = 0
    for level, stride in enumerate(sizes.strides):
        at = [n * s for n, s in zip(at, stride, strict=True)]
        width = sizes.n_hiddens * 2 ** (levels - level)
        slab = _slices(width, at[1], at[2])
        flows = _SLABS_ALIVE * _count([slab + 4, *at[1:]], width)
        made = _count(at, width if level < levels - 1 else sizes.image_channels)
        peak = max(peak, kept + made + flows)
        kept = made
    return peak


def scratch_bytes(sizes: VQGANSizes, shape: tuple[int, ...]) -> int:
    """Room on a disk that decoding an image of (D, H, W) takes at its peak."""
    return _STORED_ALIVE * _count(shape, sizes.n_hiddens * 2)


def least_decode_bytes(sizes: VQGANSizes, shape: tuple[int, ...]) -> int:
    """Memory that decoding takes at least: small volumes are best in slabs of single layers, large ones streamed."""
    return min(decode_bytes(sizes, shape, slabs=True), streamed_bytes(sizes, shape))


def encode_bytes(sizes: VQGANSizes, shape: tuple[int, ...], *, slabs: bool = False) -> int:
    """Memory that encoding an image of (D, H, W) takes at its peak, beside the weights: whole, or in slabs."""
    if not slabs:
        return int(_count(shape, sizes.n_hiddens) * 3.5)
    half = [n // s for n, s in zip(shape, sizes.strides[0], strict=True)]
    slab = _SLABS_ALIVE * _count([_slices(sizes.n_hiddens, *shape[1:]) + 4, *shape[1:]], sizes.n_hiddens)
    return int(_count(half, sizes.n_hiddens * 2) * 2.2) + slab + _count(shape, sizes.image_channels)


def _count(shape: tuple[int, ...] | list[int], channels: int) -> int:
    """Bytes of a tensor in single precision."""
    total = 4 * channels
    for n in shape:
        total *= n
    return total


def _slices(channels: int, rows: int, columns: int) -> int:
    """Slices of a slab: as many as are quick to compute with, and few enough not to matter."""
    return max(1, min(16, _SLICES_AT_ONCE // (4 * channels * rows * columns)))

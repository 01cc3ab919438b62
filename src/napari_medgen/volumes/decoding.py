"""Decode a latent in slabs: the same image as in one piece, in a fraction of the memory.

The decoder's group norms need statistics of the whole volume, so it cannot simply be run on tiles. Here each layer is
run over the whole volume before the next, but a slab of depth at a time: norm, activation, border and convolution of a
slab are made and thrown away, and no more than three full-size tensors exist at once.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from napari_medgen.volumes.networks.vqgan import VQGAN, Decoder, ResBlock, SamePadConv3d, SamePadConvTranspose3d, VQGANSizes

_WHOLE_TENSORS = 6  # full-size tensors alive at the peak of an ordinary decode
_SLAB_TENSORS = 3


def decode_bytes(sizes: VQGANSizes, shape: tuple[int, ...], *, slabs: bool = False) -> int:
    """Memory that decoding an image of (D, H, W) takes at its peak, beside the weights."""
    voxels = shape[0] * shape[1] * shape[2]
    widest = sizes.n_hiddens * 2
    return int(voxels * widest * 4 * (_SLAB_TENSORS if slabs else _WHOLE_TENSORS) * 1.15)


def nearest_vectors(net: VQGAN, latent: torch.Tensor, quantise: bool) -> torch.Tensor:
    """What the decoder is fed: the nearest codes' vectors, or the latent itself."""
    return net.codebook.decode(net.codebook.encode(latent.float())) if quantise else latent


@torch.no_grad()
def decode_in_slabs(net: VQGAN, latent: torch.Tensor, *, quantise: bool = True, slab: int = 16) -> torch.Tensor:
    """The image of one latent (1, C, d, h, w), equal to ``net.decode`` up to rounding.

    Parameters
    ----------
    slab
        Depth of a slab in voxels of the layer at hand.
    """
    decoder: Decoder = net.decoder
    x = net.post_vq_conv(nearest_vectors(net, latent, quantise))
    x = decoder.final_block(x)
    for block in decoder.conv_blocks:
        x = _up(cast(SamePadConvTranspose3d, block.up), x, slab)
        x = residual_in_slabs(cast(ResBlock, block.res1), x, slab)
        x = residual_in_slabs(cast(ResBlock, block.res2), x, slab)
    return _conv(decoder.conv_last, x, None, slab)


class Statistics:
    """What a group norm needs to know of a volume (1, C, D, H, W), summed up over its slabs."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        self._norm = norm
        self._sums: list[torch.Tensor] = []
        self._count = 0
        self._dtype = torch.float32

    def add(self, part: torch.Tensor) -> None:
        """Count a slab."""
        groups = self._norm.num_groups
        # A channel at a time, for that reads either layout as it lies.
        made = [_per_channel(values).view(groups, -1).sum(1) for values in (part, part.square())]
        self._sums = [sum_ + one for sum_, one in zip(self._sums, made, strict=True)] if self._sums else made
        self._count += part.numel() // groups
        self._dtype = part.dtype

    def scaling(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift (C,) that the norm amounts to for this volume."""
        norm = self._norm
        mean = self._sums[0] / self._count
        deviation = (self._sums[1] / self._count - mean.square() + norm.eps).rsqrt()
        each = norm.num_channels // norm.num_groups
        mean, deviation = (v.repeat_interleave(each).to(self._dtype) for v in (mean, deviation))
        scale = deviation * norm.weight
        return scale, norm.bias - mean * scale


def _statistics(norm: nn.GroupNorm, x: torch.Tensor, slab: int) -> tuple[torch.Tensor, torch.Tensor]:
    sums = Statistics(norm)
    for part in x.split(slab, dim=2):
        sums.add(part)
    return sums.scaling()


def _per_channel(x: torch.Tensor) -> torch.Tensor:
    """Sums (C,) in double precision, a slice at a time: PyTorch copies what it is to add up in another precision."""
    return torch.stack([part.sum((0, 2, 3, 4), dtype=_sums(x)) for part in x.split(1, dim=2)]).sum(0)


def _sums(x: torch.Tensor) -> torch.dtype:
    """What sums are made in: double precision, which Apple's GPU has not; there a slice's sum is added to another's."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def room(made: torch.Tensor, depth: int, dtype: torch.dtype) -> torch.Tensor:
    """Room for a whole volume of which ``made`` is a slab, in the slab's layout."""
    layout = torch.channels_last_3d if made.is_contiguous(memory_format=torch.channels_last_3d) else torch.contiguous_format
    shape = (1, made.shape[1], depth, *made.shape[3:])
    return torch.empty(shape, dtype=dtype, device=made.device, memory_format=layout)


def _window(x: torch.Tensor, start: int, stop: int, padding: tuple[int, int], mode: str) -> torch.Tensor:
    """Slices [start - before, stop + after) of depth, borders padded as the layer would."""
    before, after = padding
    inside = x[:, :, max(start - before, 0) : min(stop + after, x.shape[2])]
    lacking = (max(before - start, 0), max(stop + after - x.shape[2], 0))
    return F.pad(inside, (0, 0, 0, 0, *lacking), mode=mode) if any(lacking) else inside


def _conv(
    layer: SamePadConv3d, x: torch.Tensor, norm: nn.GroupNorm | None, slab: int, add_to: torch.Tensor | None = None
) -> torch.Tensor:
    """Norm, SiLU and a stride-one convolution, slab by slab; added to a tensor in place where one is given."""
    statistics = _statistics(norm, x, slab) if norm is not None else None
    out = add_to
    conv, sides = layer.conv, layer.padding[1:]
    for start in range(0, x.shape[2], slab):
        stop = min(start + slab, x.shape[2])
        # Zero padding comes after the activation, so a border of zeros must not be normed.
        part = x[:, :, max(start - layer.padding[0][0], 0) : min(stop + layer.padding[0][1], x.shape[2])]
        if statistics is not None:
            scale, shift = (v[None, :, None, None, None] for v in statistics)
            part = F.silu(torch.addcmul(shift, part, scale), inplace=True)
        lacking = (max(layer.padding[0][0] - start, 0), max(stop + layer.padding[0][1] - x.shape[2], 0))
        around = [n for pair in reversed(sides) for n in pair]
        part = F.pad(part, [*around, *lacking], mode=layer.padding_type)
        made = F.conv3d(part, conv.weight, conv.bias)
        if out is None:
            out = room(made, x.shape[2], x.dtype)
        if add_to is None:
            out[:, :, start:stop] = made
        else:
            out[:, :, start:stop] += made
    return cast(torch.Tensor, out)


def residual_in_slabs(block: ResBlock, x: torch.Tensor, slab: int) -> torch.Tensor:
    """A residual block of a volume, which takes the place of its input."""
    h = _conv(block.conv1, x, block.norm1, slab)
    return _conv(block.conv2, h, block.norm2, slab, add_to=x)


def _up(layer: SamePadConvTranspose3d, x: torch.Tensor, slab: int) -> torch.Tensor:
    """The transposed convolution: an output slab of depth stride * n needs n input slices and one beyond each end."""
    convt = layer.convt
    stride = convt.stride[0]
    before, after = layer.padding[0]
    sides = [n for pair in reversed(layer.padding[1:]) for n in pair]
    out: torch.Tensor | None = None
    rows = max(1, slab // stride)
    for start in range(0, x.shape[2], rows):
        stop = min(start + rows, x.shape[2])
        part = _window(x, start, stop, (before, after), layer.padding_type)
        made = convt(F.pad(part, [*sides, 0, 0], mode=layer.padding_type))
        if out is None:
            out = room(made, x.shape[2] * stride, x.dtype)
        out[:, :, start * stride : stop * stride] = made
    return cast(torch.Tensor, out)

"""The 3D VQ-GAN of stage one: encoder, codebook, decoder (Khader 2023, "VQ-GAN"; after TATS, Ge 2022).

Module names equal the official checkpoint's, so that its keys map one to one. Tensors are (B, C, D, H, W), intensities
nominally in [-1, 1].
"""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.nn import functional as F

from napari_medgen.running.convolution import Conv3d
from napari_medgen.validity import Width
from napari_medgen.volumes.networks.codebook import Codebook, Quantised

Triple = tuple[int, int, int]
Padding = Literal["replicate", "constant", "reflect", "circular"]


class VQGANSizes(BaseModel):
    """Everything that the architecture of a VQ-GAN depends on.

    Attributes
    ----------
    n_hiddens
        Channels of the first convolution; level i has ``n_hiddens * 2**i``.
    downsample
        Factor along (D, H, W), each a power of two; factors may differ.
    embedding_dim, n_codes
        Channels of the latent, and size of the codebook.
    image_channels
        Channels of the image.
    num_groups
        Groups of the group norms; must divide ``2 * n_hiddens``.
    padding_type
        How borders are padded. ``replicate`` is the published one; ``constant`` pads with zeros, which the CPU's
        convolution does without a copy.
    padding_reach
        Which layers ``padding_type`` reaches: ``all``, or ``encoder``, as in the published code, where it stops at the first
        and the shrinking convolutions and every other layer replicates its border.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_hiddens: Width = 16
    downsample: Triple = (4, 4, 4)
    embedding_dim: Width = 8
    n_codes: int = Field(16384, ge=1, le=2**20)
    image_channels: int = Field(1, ge=1, le=16)
    num_groups: Width = 32
    padding_type: Padding = "replicate"
    padding_reach: Literal["all", "encoder"] = "all"

    @model_validator(mode="after")
    def _check(self) -> VQGANSizes:
        if any(factor < 1 or factor & (factor - 1) for factor in self.downsample) or not 2 <= max(self.downsample) <= 64:
            raise ValueError(f"downsample must be powers of two up to 64, at least one above 1, got {self.downsample}")
        if (2 * self.n_hiddens) % self.num_groups:
            raise ValueError(f"num_groups ({self.num_groups}) must divide 2 * n_hiddens ({2 * self.n_hiddens})")
        return self

    @property
    def inner_padding(self) -> Padding:
        """How the borders of residual blocks and of the decoder are padded."""
        return self.padding_type if self.padding_reach == "all" else "replicate"

    @property
    def strides(self) -> list[Triple]:
        """Stride of each level: two along an axis while it has factor left, then one."""
        levels = [int(math.log2(factor)) for factor in self.downsample]
        return [cast(Triple, tuple(2 if i < n else 1 for n in levels)) for i in range(max(levels))]


def _split_padding(kernel: int, stride: Triple) -> tuple[tuple[int, int], ...]:
    """(before, after) along each axis so that a convolution divides the size by its stride exactly."""
    return tuple(((kernel - s + 1) // 2, (kernel - s) // 2) for s in stride)


def _pad(x: torch.Tensor, padding: tuple[tuple[int, int], ...], mode: str) -> torch.Tensor:
    return F.pad(x, [n for pair in reversed(padding) for n in pair], mode=mode)


class SamePadConv3d(nn.Module):
    """Convolution whose output size is the input size over the stride."""

    def __init__(self, channels: int, out: int, kernel: int, padding_type: str, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.padding, self.padding_type = _split_padding(kernel, stride), padding_type
        symmetric = all(before == after for before, after in self.padding)
        # Zeros on both sides alike are what the convolution itself can do, without a padded copy.
        self.pads_itself = padding_type == "constant" and symmetric
        own = cast(Triple, tuple(before for before, _ in self.padding)) if self.pads_itself else (0, 0, 0)
        self.conv = Conv3d(channels, out, kernel, stride=stride, padding=own)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.pads_itself and any(n for pair in self.padding for n in pair):
            x = _pad(x, self.padding, self.padding_type)
        return cast(torch.Tensor, self.conv(x))


class SamePadConvTranspose3d(nn.Module):
    """Transposed convolution (kernel 4) whose output size is the input size times the stride."""

    def __init__(self, channels: int, out: int, padding_type: str, stride: Triple) -> None:
        super().__init__()
        self.padding, self.padding_type = _split_padding(4, stride), padding_type
        self.convt = nn.ConvTranspose3d(channels, out, 4, stride=stride, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.convt(_pad(x, self.padding, self.padding_type)))


def _norm(channels: int, sizes: VQGANSizes) -> nn.GroupNorm:
    return nn.GroupNorm(sizes.num_groups, channels, eps=1e-6)


class ResBlock(nn.Module):
    """Norm, SiLU, convolution, twice, beside an identity."""

    def __init__(self, channels: int, sizes: VQGANSizes) -> None:
        super().__init__()
        self.norm1 = _norm(channels, sizes)
        self.conv1 = SamePadConv3d(channels, channels, 3, sizes.inner_padding)
        self.norm2 = _norm(channels, sizes)
        self.conv2 = SamePadConv3d(channels, channels, 3, sizes.inner_padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return cast(torch.Tensor, x + self.conv2(F.silu(self.norm2(h))))


class _Down(nn.Module):
    def __init__(self, channels: int, out: int, stride: Triple, sizes: VQGANSizes) -> None:
        super().__init__()
        self.down = SamePadConv3d(channels, out, 4, sizes.padding_type, stride)
        self.res = ResBlock(out, sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.res(self.down(x)))


class _Up(nn.Module):
    def __init__(self, channels: int, out: int, stride: Triple, sizes: VQGANSizes) -> None:
        super().__init__()
        self.up = SamePadConvTranspose3d(channels, out, sizes.inner_padding, stride)
        self.res1 = ResBlock(out, sizes)
        self.res2 = ResBlock(out, sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.res2(self.res1(self.up(x))))


class Encoder(nn.Module):
    """Image (B, C, D, H, W) to features (B, n_hiddens * 2**levels, D/d, H/h, W/w)."""

    def __init__(self, sizes: VQGANSizes) -> None:
        super().__init__()
        width = sizes.n_hiddens
        self.conv_first = SamePadConv3d(sizes.image_channels, width, 3, sizes.padding_type)
        blocks = [_Down(width * 2**i, width * 2 ** (i + 1), s, sizes) for i, s in enumerate(sizes.strides)]
        self.conv_blocks = nn.ModuleList(blocks)
        self.out_channels = width * 2 ** len(blocks)
        self.final_block = nn.Sequential(_norm(self.out_channels, sizes), nn.SiLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_first(x)
        for block in self.conv_blocks:
            x = block(x)
        return cast(torch.Tensor, self.final_block(x))


class Decoder(nn.Module):
    """Features (B, n_hiddens * 2**levels, d, h, w) to an image, neither squashed nor clamped."""

    def __init__(self, sizes: VQGANSizes) -> None:
        super().__init__()
        levels = len(sizes.strides)
        widths = [sizes.n_hiddens * 2 ** (levels - i) for i in range(levels)]
        self.final_block = nn.Sequential(_norm(widths[0], sizes), nn.SiLU())
        inputs = [widths[0], *widths[:-1]]
        self.conv_blocks = nn.ModuleList(
            _Up(channels, out, stride, sizes) for channels, out, stride in zip(inputs, widths, sizes.strides, strict=True)
        )
        self.conv_last = SamePadConv3d(widths[-1], sizes.image_channels, 3, sizes.inner_padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.final_block(x)
        for block in self.conv_blocks:
            x = block(x)
        return cast(torch.Tensor, self.conv_last(x))


class VQGAN(nn.Module):
    """Autoencoder between images and quantised latents.

    Examples
    --------
    >>> net = VQGAN(VQGANSizes(downsample=(2, 4, 4), n_codes=64))
    >>> net.encode(torch.zeros(1, 1, 8, 16, 16)).shape
    torch.Size([1, 8, 4, 4, 4])
    """

    def __init__(self, sizes: VQGANSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = Encoder(sizes)
        self.decoder = Decoder(sizes)
        width = self.encoder.out_channels
        self.pre_vq_conv = SamePadConv3d(width, sizes.embedding_dim, 1, sizes.padding_type)
        self.post_vq_conv = SamePadConv3d(sizes.embedding_dim, width, 1, sizes.padding_type)
        self.codebook = Codebook(sizes.n_codes, sizes.embedding_dim)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Unquantised latent (B, embedding_dim, D/d, H/h, W/w) of an image: what the diffusion model learns."""
        return cast(torch.Tensor, self.pre_vq_conv(self.encoder(image)))

    def decode(self, latent: torch.Tensor, *, quantise: bool = True) -> torch.Tensor:
        """Image of a latent, each position first replaced by its nearest code unless told otherwise."""
        if quantise:
            latent = self.codebook.decode(self.codebook.encode(latent))
        return cast(torch.Tensor, self.decoder(self.post_vq_conv(latent)))

    def forward(self, image: torch.Tensor, *, bypass: float = 0.0) -> tuple[torch.Tensor, Quantised]:
        """Reconstruction of an image and what the codebook did, for training.

        ``bypass`` is the share of images decoded from the latent itself, so that the decoder learns both; at one, the
        codebook is left alone.
        """
        latent = self.encode(image).float()
        if bypass >= 1:
            quantised = Quantised(latent, latent.new_zeros(0, dtype=torch.int64), latent.new_zeros(()))
        else:
            quantised = self.codebook(latent)
        vectors = quantised.vectors
        if 0 < bypass < 1:
            continuous = torch.rand(len(latent), 1, 1, 1, 1, device=latent.device) < bypass
            vectors = torch.where(continuous, latent, vectors)
        return self.decoder(self.post_vq_conv(vectors)), quantised

"""The StyleGAN2 generator: mapping network and synthesis network (Karras 2020)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from napari_medgen.progression.architecture import StyleGANSizes
from napari_medgen.progression.networks.stylegan_layers import (
    GAIN,
    Linear,
    activate,
    binomial_filter,
    double,
    modulated_conv,
)

_MAPPING_RATE = 0.01
_EPSILON = 1e-8

Noise = Literal["const", "random", "none"]


class Mapping(nn.Module):
    """From noise z to the latent w.

    Parameters
    ----------
    sizes
        Lengths and number of layers.
    """

    w_avg: Tensor

    def __init__(self, sizes: StyleGANSizes) -> None:
        super().__init__()
        self._layers = sizes.mapping_layers
        for index in range(self._layers):
            inside = sizes.w_dim if index else sizes.z_dim
            setattr(self, f"fc{index}", Linear(inside, sizes.w_dim, multiplier=_MAPPING_RATE, activation=True))
        self.register_buffer("w_avg", torch.zeros(sizes.w_dim))

    def forward(self, z: Tensor) -> Tensor:
        """Latents (N, w_dim) of noise (N, z_dim)."""
        x = z * (z.square().mean(1, keepdim=True) + _EPSILON).rsqrt()
        for index in range(self._layers):
            x = getattr(self, f"fc{index}")(x)
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3 x 3 convolution, noise, bias and leaky ReLU."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(self, inside: int, outside: int, level: int, sizes: StyleGANSizes, *, doubles: bool) -> None:
        super().__init__()
        self.affine = Linear(sizes.w_dim, inside, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outside, inside, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.register_buffer("resample_filter", binomial_filter())
        self.register_buffer("noise_const", torch.randn(level, level))
        self._doubles, self._clamp = doubles, sizes.clamp

    def forward(self, x: Tensor, w: Tensor, noise: Noise | Tensor = "const") -> Tensor:
        kernel = self.resample_filter if self._doubles else None
        added = noise if isinstance(noise, Tensor) else self._noise(noise, len(x), x.device)
        bias: Tensor = self.bias
        each: Tensor | None = None
        if added is not None and added.dim() == 2:
            # The same for the whole batch, so that it goes with the bias and costs no pass over the features.
            bias = (bias[None, :, None, None] + added * self.noise_strength).contiguous(memory_format=torch.channels_last)
        elif added is not None:
            each = added * (self.noise_strength * GAIN)
        x = modulated_conv(x, self.weight, self.affine(w), bias, gain=GAIN, kernel=kernel)
        return activate(x if each is None else x + each.to(x.dtype), self._clamp * GAIN)

    def _noise(self, kind: Noise, count: int, device: torch.device) -> Tensor | None:
        """(H, W) for all images, (N, 1, H, W), or none."""
        if kind == "random":
            return torch.randn((count, 1, *self.noise_const.shape), device=device)
        return self.noise_const if kind == "const" else None


class ToGrey(nn.Module):
    """Modulated 1 x 1 convolution to the image's channels (``torgb`` in the official checkpoints)."""

    def __init__(self, inside: int, sizes: StyleGANSizes) -> None:
        super().__init__()
        self.affine = Linear(sizes.w_dim, inside, bias=1.0)
        self.weight = nn.Parameter(torch.randn(sizes.channels, inside, 1, 1))
        self.bias = nn.Parameter(torch.zeros(sizes.channels))
        self._gain, self._clamp = 1 / math.sqrt(inside), sizes.clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = modulated_conv(x, self.weight, self.affine(w) * self._gain, self.bias, demodulate=False)
        return x.clamp(-self._clamp, self._clamp) if self._clamp else x


class SynthesisBlock(nn.Module):
    """One level: two convolutions (the first level has one), added to the doubled image of the levels before."""

    resample_filter: Tensor

    def __init__(self, level: int, sizes: StyleGANSizes) -> None:
        super().__init__()
        width = sizes.width(level)
        self.register_buffer("resample_filter", binomial_filter())
        self.first = level == sizes.levels[0]
        if self.first:
            self.const = nn.Parameter(torch.randn(width, level, level))
        else:
            self.conv0 = SynthesisLayer(sizes.width(level // 2), width, level, sizes, doubles=True)
        self.conv1 = SynthesisLayer(width, width, level, sizes, doubles=False)
        self.torgb = ToGrey(width, sizes)

    def forward(
        self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise | dict[str, Tensor], name: str
    ) -> tuple[Tensor, Tensor]:
        """Features and image of this level; ``ws`` (N, 2 or 3, w_dim) begins at the level's first convolution."""

        def of(layer: str) -> Noise | Tensor:
            return noise[f"{name}.{layer}"] if isinstance(noise, dict) else noise

        if x is None or image is None:
            x = self.const.expand(len(ws), -1, -1, -1)
            x = self.conv1(x, ws[:, 0], of("conv1"))
            return x, self.torgb(x, ws[:, 1]).float()
        x = self.conv0(x, ws[:, 0], of("conv0"))
        x = self.conv1(x, ws[:, 1], of("conv1"))
        # In single precision, also in a training in bfloat16: its eight digits are fewer than a grey value has.
        with torch.autocast(x.device.type, enabled=False):
            doubled = double(image, self.resample_filter)
        return x, doubled + self.torgb(x, ws[:, 2]).float()


class Synthesis(nn.Module):
    """From latents to an image.

    Parameters
    ----------
    sizes
        Resolution, channels and widths.
    """

    def __init__(self, sizes: StyleGANSizes) -> None:
        super().__init__()
        self.sizes = sizes
        for level in sizes.levels:
            setattr(self, f"b{level}", SynthesisBlock(level, sizes))

    def forward(self, ws: Tensor, noise: Noise | dict[str, Tensor] = "const") -> Tensor:
        """Images of latents.

        Parameters
        ----------
        ws
            (N, num_ws, w_dim).
        noise
            ``const`` for the network's own, ``random`` for new, ``none`` for none, or tensors by layer ("b8.conv0").

        Returns
        -------
        torch.Tensor
            (N, channels, resolution, resolution), -1 black to 1 white, not clipped.
        """
        x: Tensor | None = None
        image: Tensor | None = None
        place = 0
        for level in self.sizes.levels:
            block: SynthesisBlock = getattr(self, f"b{level}")
            x, image = block(x, image, ws[:, place : place + 3], noise, f"b{level}")
            place += 1 if block.first else 2
        assert image is not None  # there is at least one level
        return image

    def noise_buffers(self) -> dict[str, Tensor]:
        """The network's own noise (H, W) of each convolution, by layer."""
        return {name: module.noise_const for name, module in self.named_modules() if isinstance(module, SynthesisLayer)}


class Generator(nn.Module):
    """StyleGAN2: ``mapping`` and ``synthesis``; its tensors have the names of the official ``G_ema``.

    Parameters
    ----------
    sizes
        Of both networks.
    """

    def __init__(self, sizes: StyleGANSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.mapping = Mapping(sizes)
        self.synthesis = Synthesis(sizes)

    def spread(self, w: Tensor) -> Tensor:
        """One latent (N, w_dim) given to every layer: (N, num_ws, w_dim)."""
        return w[:, None].expand(-1, self.sizes.num_ws, -1)

    def forward(self, z: Tensor, truncation: float = 1.0, noise: Noise = "const") -> Tensor:
        """Images of noise; a truncation below 1 draws latents towards their mean."""
        w = self.mapping(z)
        if truncation != 1:
            w = self.mapping.w_avg.lerp(w, truncation)
        images: Tensor = self.synthesis(self.spread(w), noise)
        return images

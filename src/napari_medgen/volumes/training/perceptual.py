"""LPIPS (Zhang 2018) on VGG16 features, from weights the user has: none are downloaded.

Any official stage-one checkpoint of Medical Diffusion holds a complete set under ``perceptual_model.``; a safetensors file
with the same names serves as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from napari_medgen.errors import RecipeError
from napari_medgen.models.checkpoints import read_checkpoint
from napari_medgen.models.folder import load_weights

_PREFIX = "perceptual_model."
# VGG16's convolutions: number in the published network, channels in and out; a pool comes before each later slice.
_SLICES = (
    ((0, 3, 64), (2, 64, 64)),
    ((5, 64, 128), (7, 128, 128)),
    ((10, 128, 256), (12, 256, 256), (14, 256, 256)),
    ((17, 256, 512), (19, 512, 512), (21, 512, 512)),
    ((24, 512, 512), (26, 512, 512), (28, 512, 512)),
)


class _Slice(nn.Module):
    def __init__(self, convolutions: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        for number, channels, out in convolutions:
            self.add_module(str(number), nn.Conv2d(channels, out, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for convolution in self.children():
            x = F.relu(convolution(x))
        return x


class _Features(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for index, convolutions in enumerate(_SLICES, 1):
            self.add_module(f"slice{index}", _Slice(convolutions))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        features = []
        for index, part in enumerate(self.children()):
            x = part(F.max_pool2d(x, 2) if index else x)
            features.append(x)
        return features


class _Head(nn.Module):
    """A 1 x 1 convolution under the key of the published head, whose dropout (entry 0) is not rebuilt.

    In the published training that dropout stays active, so the loss is noise in part.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"1": nn.Conv2d(channels, 1, 1, bias=False)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.model["1"](x))


class _Scaling(nn.Module):
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))


class LPIPS(nn.Module):
    """Perceptual distance of slices (B, 1 or 3, H, W) in [-1, 1], averaged over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling_layer, self.net = _Scaling(), _Features()
        for index, convolutions in enumerate(_SLICES):
            self.add_module(f"lin{index}", _Head(convolutions[-1][2]))

    def forward(self, made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        scaling = self.scaling_layer
        pair = (torch.cat((made, real)) - scaling.shift) / scaling.scale
        total = made.new_zeros(())
        for index, features in enumerate(self.net(pair)):
            unit = features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
            a, b = unit.chunk(2)
            total = total + getattr(self, f"lin{index}")((a - b).square()).mean()
        return total


def load_lpips(path: str | Path) -> LPIPS:
    """LPIPS with the weights in a file, frozen.

    Raises
    ------
    RecipeError
        If no file is named.
    ModelError
        If it cannot be read or lacks a tensor.
    """
    if not path:
        raise RecipeError("A perceptual loss needs perceptual_weights: a file with LPIPS-VGG16, or perceptual = 0.")
    tensors = {key.removeprefix(_PREFIX): value for key, value in _tensors(Path(path)).items() if key.startswith(_PREFIX)}
    network = LPIPS()
    load_weights(network, tensors, f"perceptual network in {Path(path).name}")
    return network.requires_grad_(False).eval()


def _tensors(path: Path) -> Mapping[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return cast(Mapping[str, torch.Tensor], load_file(path))
    content = read_checkpoint(path)
    return cast(Mapping[str, torch.Tensor], content.get("state_dict", content))

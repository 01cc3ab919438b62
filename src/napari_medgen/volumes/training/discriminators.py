"""Patch discriminators of the VQ-GAN (pix2pixHD, Wang 2018), for slices and for volumes; keys are the official ones."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn


class PatchDiscriminator(nn.Module):
    """Scores overlapping patches as real or made, and shows its layers' features.

    Parameters
    ----------
    dims
        2 for slices (B, C, H, W), 3 for volumes (B, C, D, H, W).
    image_channels, width, layers
        1, 64 and 3 in the paper.
    """

    def __init__(self, dims: int, image_channels: int = 1, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        norm = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
        slope = 0.2

        def block(channels: int, out: int, stride: int) -> nn.Sequential:
            return nn.Sequential(conv(channels, out, 4, stride, 2), norm(out), nn.LeakyReLU(slope, True))

        blocks: list[nn.Sequential] = [nn.Sequential(conv(image_channels, width, 4, 2, 2), nn.LeakyReLU(slope, True))]
        channels = width
        for index in range(1, layers + 1):
            out = min(channels * 2, 512)
            blocks.append(block(channels, out, 2 if index < layers else 1))
            channels = out
        blocks.append(nn.Sequential(conv(channels, 1, 4, 1, 2)))
        self.depth = len(blocks)
        for index, module in enumerate(blocks):
            self.add_module(f"model{index}", module)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features of each layer; the last entry holds the scores."""
        features = [x]
        for index in range(self.depth):
            features.append(cast(nn.Module, getattr(self, f"model{index}"))(features[-1]))
        return features[1:]

"""What progression asks of a classifier, which it is given and does not know.

The classifier belongs to another system; the command line and the viewer bring the two together.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from napari_medgen.imaging.radiograph import Radiograph


class Grader(Protocol):
    """A classifier of ordered grades. Frames are (N, 1, H, W) in [0, 1], already mirrored as the generator sees them."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def checksum(self) -> str:
        """Of its weights: latents and errors that were found with another grader are not comparable."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each grade, the mildest first."""

    def doubts(self, image: Radiograph) -> list[str]:
        """Sentences that say why this image is not one for this classifier; empty for one that is."""

    def probabilities(self, frames: Tensor) -> Tensor:
        """Probability (N, grades) of each grade; sums to one for each frame."""

    def features(self, frames: Tensor) -> list[Tensor]:
        """Feature maps (N, C, h, w) of several depths; gradients flow to the frames."""


def normalised(maps: list[Tensor]) -> list[Tensor]:
    """Feature maps whose vectors have length one at every place (Zhang 2018, LPIPS), over the root of the places.

    The sum of squared differences of two such lists is thus the sum over depths of the mean over places.
    """
    scaled = []
    for one in maps:
        one = one.float()
        length = one.square().sum(1, keepdim=True).add(1e-10).rsqrt()
        scaled.append(one * length / (one.shape[2] * one.shape[3]) ** 0.5)
    return scaled


def perceptual_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Distance (N,) of normalised feature maps: 0 for equal images, at most four times the number of depths."""
    return torch.stack([(x - y).square().sum((1, 2, 3)) for x, y in zip(a, b, strict=True)]).sum(0)


def expected_grade(probabilities: Tensor) -> Tensor:
    """Mean grade (N,) of probabilities (N, grades): 0 for the mildest."""
    return (probabilities * torch.arange(probabilities.shape[1], dtype=probabilities.dtype)).sum(1)

"""Adaptive discriminator augmentation (Karras 2020a, "Training generative adversarial networks with limited data")."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.progression.training.recipe import AugmentationRecipe

_LN2 = math.log(2)


def augment(images: Tensor, probability: float, own: AugmentationRecipe, generator: torch.Generator) -> Tensor:
    """Change images (N, C, H, W) at random; each kind of change is made with ``probability``, gradients flow through.

    What comes into the picture from outside is the edge, reflected, as published.
    """
    if probability <= 0:
        return images
    count = len(images)

    def amount(deviation: float) -> Tensor:
        drawn = torch.randn(count, generator=generator) * deviation
        return torch.where(torch.rand(count, generator=generator) < probability, drawn, torch.zeros(count))

    angle = amount(own.rotation) * (math.pi / 180)
    zoom, stretch = (amount(own.scaling) * _LN2).exp(), (amount(own.stretching) * _LN2).exp()
    shift_x, shift_y = amount(2 * own.shift), amount(2 * own.shift)
    cos, sin = angle.cos(), angle.sin()
    across, down = 1 / (zoom * stretch), stretch / zoom
    rows = torch.stack([cos * across, -sin * down, shift_x, sin * across, cos * down, shift_y], 1)
    theta = rows.reshape(count, 2, 3).to(images)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    # In single precision: the gradient of grid_sample in bfloat16 is coarse.
    moved = F.grid_sample(images.float(), grid.float(), padding_mode="reflection", align_corners=False)
    gain, offset = (amount(own.contrast) * _LN2).exp(), amount(own.brightness)
    return moved * gain.to(moved)[:, None, None, None] + offset.to(moved)[:, None, None, None]


class AugmentationControl:
    """The probability of changes, steered so that the discriminator's opinion of real images stays at the target."""

    def __init__(self, own: AugmentationRecipe, batch: int) -> None:
        self._own, self._batch = own, batch
        self.probability, self._count = 0.0, 0
        self._signs: float | Tensor = 0.0

    def saw(self, mean_sign: float | Tensor) -> None:
        """Take note of the mean sign of a batch's real scores; correct the probability every ``interval`` batches."""
        self._signs, self._count = self._signs + mean_sign, self._count + 1
        if self._count < self._own.interval:
            return
        step = self._batch * self._count / (self._own.kimg * 1000)
        rises = float(self._signs) / self._count > self._own.target
        self.probability = min(max(self.probability + (step if rises else -step), 0.0), 1.0)
        self._signs, self._count = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        return {"probability": self.probability, "signs": float(self._signs), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.probability, self._signs, self._count = state["probability"], state["signs"], state["count"]

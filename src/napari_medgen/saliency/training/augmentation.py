"""Random changes of training images, a batch at a time, by kornia."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medgen.errors import RecipeError
from napari_medgen.saliency.training.recipe import AugmentationRecipe

if TYPE_CHECKING:
    from torch import nn


def build_augmentation(recipe: AugmentationRecipe) -> nn.Module:
    """A module that changes each image of a batch (N, 1, H, W) in [0, 1] in its own way; it draws from torch's global seed.

    Raises
    ------
    RecipeError
        If the extra ``train`` is not installed.
    """
    try:
        from kornia import augmentation as K
    except ImportError:
        raise RecipeError("Training needs more packages: pip install 'napari-medgen[train]'.") from None

    def around_one(amount: float) -> tuple[float, float]:
        return 1 - amount, 1 + amount

    steps: list[Any] = [
        K.RandomAffine(
            degrees=recipe.rotation,
            translate=(recipe.shift, recipe.shift),
            scale=around_one(recipe.scaling),
            shear=recipe.shear or None,
            padding_mode="border",
            p=1.0,
        )
    ]
    if recipe.flip:
        steps.append(K.RandomHorizontalFlip(p=0.5))
    if recipe.brightness:
        steps.append(K.RandomBrightness(around_one(recipe.brightness), p=1.0))
    if recipe.contrast:
        steps.append(K.RandomContrast(around_one(recipe.contrast), p=1.0))
    if recipe.gamma:
        steps.append(K.RandomGamma(around_one(recipe.gamma), p=1.0))
    augmentation: nn.Module = K.AugmentationSequential(*steps, data_keys=["input"])
    return augmentation

"""What the weights of each stage depend on: a checkpoint is gone on from only where it is the same."""

from __future__ import annotations

from typing import Any, Literal

from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import AUGMENTATION, Recipe
from napari_medgen.volumes.training.start import start_checksum

# Batches of an update count with the processes, in ``more``; how weights are stored comes after.
_NOT_WEIGHTS = {"accumulate", "stored"}
# Of a recipe's data: what decides how volumes are written, and who is who, does not change a weight by itself.
_NOT_DATA = frozenset({"range", "table", "table_key", "validation", "held_out", "subject"})


def stage_recipe(recipe: Recipe, dataset: Dataset, stage: Literal["autoencoder", "denoiser"], **more: Any) -> dict[str, Any]:
    """The part of a recipe that a stage's weights depend on, the people it is trained on, and ``more``."""
    left_out = _NOT_DATA | (AUGMENTATION if stage == "autoencoder" else frozenset())
    content = {
        "seed": recipe.seed,
        "data": recipe.data.model_dump(mode="json", exclude=set(left_out)),
        "people": dataset.people,
        stage: getattr(recipe, stage).model_dump(mode="json", exclude=_NOT_WEIGHTS),
    }
    if recipe.start:
        content["start"] = start_checksum(recipe.start)
    if stage == "denoiser":
        content["conditions"] = {one.name: one.model_dump(mode="json") for one in recipe.conditions}
    return content | more

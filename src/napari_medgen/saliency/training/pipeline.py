"""From a recipe and a folder of images to a classifier's model folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import ModelFolder, half_precision, open_folder, write_folder
from napari_medgen.running.fabric import build_fabric
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.workspace import holds_checkpoint
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, ClassifierArchitecture
from napari_medgen.saliency.network import ResNet
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.saliency.suitability import FeatureReference, stage_averages
from napari_medgen.saliency.training.cases import Split
from napari_medgen.saliency.training.dataset import Dataset, build_dataset
from napari_medgen.saliency.training.fitting import train_classifier
from napari_medgen.saliency.training.recipe import ClassifierRecipe

_AT_ONCE = 64
_WAYS = {
    "standard": "Trained on clean images.",
    "adversarial": "Trained on adversarial images only, through one batch norm.",
    "dual": "Trained on clean and adversarial images through separate batch norms.",
}


def train_saliency(
    recipe: ClassifierRecipe, data: Path, work: Path, out: Path, *, resume: bool = False, devices: int = 1, nodes: int = 1
) -> Steps[ModelFolder | None]:
    """Train a classifier and write its model folder.

    Parameters
    ----------
    data
        Folder of the recipe's images.
    work
        Folder of the checkpoint, the log and the images' cache.
    out
        The model folder to write.
    resume
        Go on from the checkpoint in ``work``; without it, a work folder with one is refused.
    devices, nodes
        Processes a machine, and machines (Lightning Fabric).

    Yields
    ------
    Progress
        Images read, then updates.

    Returns
    -------
    ModelFolder or None
        The model; None in a process that is not the first of several, and has nothing to write.

    Raises
    ------
    RecipeError
        If the data cannot be used, or there is a checkpoint and ``resume`` is not set.
    """
    if not resume and holds_checkpoint(work, "classifier"):
        raise RecipeError(f"{work} holds an unfinished training; pass --resume to go on, or choose another folder.")
    fabric = build_fabric(recipe.precision, devices, nodes)
    with fabric.rank_zero_first():  # one process prepares what all read
        dataset = yield from build_dataset(recipe, data, work)
    network = yield from train_classifier(recipe, dataset, work, fabric)
    if not fabric.is_global_zero:
        return None
    package(recipe, dataset, network, out)
    yield Progress(1, 1, f"Wrote {out}")
    return open_folder(out)


def package(recipe: ClassifierRecipe, dataset: Dataset, network: ResNet, out: Path) -> ModelFolder:
    """Write what was trained: weights in half precision, and what the training images look like."""
    architecture = ClassifierArchitecture(
        labels=recipe.labels,
        exclusive=recipe.exclusive,
        ordinal=recipe.ordinal,
        network=recipe.sizes,
        view=recipe.view,
        training=recipe.training,
        attack=None if recipe.training == "standard" else recipe.attack,
        family=recipe.name,
        body_part=recipe.body_part,
        mask=recipe.mask_shows,
    )
    reference = FeatureReference.of(*(_features(recipe, dataset, network, split) for split in ("train", "validation")))
    weights = {CLASSIFIER_FILE: half_precision(network.state_dict()), REFERENCE_FILE: reference.tensors()}
    about = recipe.about
    card = ModelCard(
        name=recipe.model_name,
        title=f"{about.title}, {recipe.training} training"
        if recipe.training != "dual"
        else f"{about.title}, dual batch norm",
        description=f"{about.description} {_WAYS[recipe.training]}",
        task="saliency",
        architecture=architecture.model_dump(mode="json"),
        data=about.data,
        licence=about.licence,
        intended_use=about.intended_use,
        limits=about.limits,
        recipe=recipe.model_dump(mode="json"),
        checksums={},
    )
    return write_folder(out, card, weights)


def _features(recipe: ClassifierRecipe, dataset: Dataset, network: ResNet, split: Split) -> torch.Tensor:
    """Stage averages (N, D) of a split's images as they are, without augmentation."""
    view, device = NetworkView.of(recipe.data.frame, recipe.view), next(network.parameters()).device
    rows, found = dataset.rows(split), []
    for start in range(0, len(rows), _AT_ONCE):
        frames = torch.from_numpy(np.ascontiguousarray(dataset.frames[rows[start : start + _AT_ONCE]]))
        seen = view.see(frames[:, None].float() / 255).expand(-1, recipe.network.channels, -1, -1)
        found.append(stage_averages(network, seen.to(device)))
    return torch.cat(found)

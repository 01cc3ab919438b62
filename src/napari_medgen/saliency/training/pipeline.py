"""From a recipe and a folder of images to a classifier's model folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.models.folder import ModelFolder, write_folder
from napari_medgen.models.recipe import card_from
from napari_medgen.models.stored import half_precision
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.training.archive import from_folder_or_file, prepare_file
from napari_medgen.running.training.launch import Launch, run_training
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, ClassifierArchitecture
from napari_medgen.saliency.network import ResNet
from napari_medgen.saliency.suitability import FeatureReference, stage_averages
from napari_medgen.saliency.training.archive import read_archive, write_archive
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
    recipe: ClassifierRecipe,
    data: Path,
    work: Path,
    out: Path,
    *,
    resume: bool = False,
    devices: int = 1,
    nodes: int = 1,
    readers: int | None = None,
) -> Steps[ModelFolder | None]:
    """Train a classifier and write its model folder.

    Parameters
    ----------
    data
        Folder of the recipe's images, or an archive of :func:`prepare_archive`.
    work, out, resume, devices, nodes
        See :class:`~napari_medgen.running.training.launch.Launch`.
    readers
        Processes beside each that read its data ahead; None for as many as pay.

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

    def write(dataset: Dataset, network: ResNet) -> Steps[ModelFolder]:
        yield Progress(0, 0, "Looking at the training images")
        return package(recipe, dataset, network, out)

    return run_training(
        Launch(work, out, recipe.precision, resume, devices, nodes),
        ("classifier",),
        lambda fabric: _dataset(recipe, data, work),
        lambda dataset, fabric: train_classifier(recipe, dataset, work, fabric, readers),
        write,
    )


def prepare_archive(recipe: ClassifierRecipe, data: Path, work: Path, out: Path) -> Steps[Path]:
    """Prepare a folder of images as one file that :func:`train_saliency` takes instead, on any machine.

    Parameters
    ----------
    work
        Folder of the prepared frames, as a training's.
    out
        The ``.npz`` file to write.

    Yields
    ------
    Progress
        A step an image that has to be read.

    Raises
    ------
    RecipeError
        If the data cannot be used, or the file cannot be written.
    """
    return prepare_file(out, build_dataset(recipe, data, work), lambda dataset: write_archive(recipe, dataset, out))


def _dataset(recipe: ClassifierRecipe, data: Path, work: Path) -> Steps[Dataset]:
    return from_folder_or_file(data, work, lambda: build_dataset(recipe, data, work), lambda: read_archive(recipe, data))


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
    about, way = recipe.about, "dual batch norm" if recipe.training == "dual" else f"{recipe.training} training"
    title, description = f"{about.title}, {way}", f"{about.description} {_WAYS[recipe.training]}"
    card = card_from(recipe, about, recipe.model_name, "saliency", architecture, title, description)
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

"""From a recipe and a folder of volumes to a model folder."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_medgen.models.folder import ModelFolder, write_folder
from napari_medgen.models.recipe import card_from
from napari_medgen.models.stored import eight_bits, half_precision
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement
from napari_medgen.running.training.archive import from_folder_or_file, prepare_file
from napari_medgen.running.training.launch import Launch, run_training
from napari_medgen.running.training.together import first_alone
from napari_medgen.running.writing import harmless
from napari_medgen.volumes.architecture import (
    AUTOENCODER_FILE,
    DENOISER_FILE,
    REFERENCE_FILE,
)
from napari_medgen.volumes.copy_check import TrainingReference
from napari_medgen.volumes.model import pack_reference
from napari_medgen.volumes.networks.codebook import TRAINING_ONLY
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.preview import fit_preview
from napari_medgen.volumes.training.archive import read_archive, write_archive
from napari_medgen.volumes.training.autoencoder import train_autoencoder
from napari_medgen.volumes.training.dataset import Dataset, build_dataset
from napari_medgen.volumes.training.denoiser import train_denoiser
from napari_medgen.volumes.training.latents import Latents, encode_dataset
from napari_medgen.volumes.training.recipe import Recipe
from napari_medgen.volumes.training.start import require_same_diffusion

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PREVIEW_VOLUMES = 24


def train_volumes(
    recipe: Recipe,
    data: Path,
    work: Path,
    out: Path,
    *,
    resume: bool = False,
    devices: int = 1,
    nodes: int = 1,
    readers: int | None = None,
    placement: Placement | None = None,
) -> Steps[ModelFolder | None]:
    """Train both stages and write the model folder.

    Parameters
    ----------
    data
        Folder of the recipe's files, or an archive of :func:`prepare_archive`.
    work, out, resume, devices, nodes
        See :class:`~napari_medgen.running.training.launch.Launch`.
    readers
        Processes beside each that read its data ahead; None for as many as pay.
    placement
        Where volumes are prepared and encoded; by default in the first process.

    Yields
    ------
    Progress
        Steps of the stage at hand.

    Returns
    -------
    ModelFolder or None
        The model; None in a process that is not the first of several, and has nothing to write.

    Raises
    ------
    RecipeError
        If the data cannot be used, or there are checkpoints and ``resume`` is not set.
    """

    def train(dataset: Dataset, fabric: Fabric) -> Steps[tuple[VQGAN, Latents, nn.Module]]:
        autoencoder = yield from train_autoencoder(recipe, dataset, work, fabric, readers)
        latents = yield from first_alone(
            fabric, work, lambda: encode_dataset(recipe, dataset, autoencoder, work, fabric, placement)
        )
        denoiser = yield from train_denoiser(recipe, dataset, latents, autoencoder, work, fabric, readers)
        return autoencoder, latents, denoiser

    def write(dataset: Dataset, trained: tuple[VQGAN, Latents, nn.Module]) -> Steps[ModelFolder]:
        yield Progress(0, 0, "Describing the training volumes")
        _write_people(dataset, work)
        autoencoder, latents, denoiser = trained
        return package(recipe, dataset, latents, autoencoder, denoiser, out)

    require_same_diffusion(recipe)
    launch = Launch(work, out, recipe.precision, resume, devices, nodes)
    return run_training(
        launch, ("autoencoder", "denoiser"), lambda fabric: _dataset(recipe, data, work, placement), train, write
    )


def prepare_archive(recipe: Recipe, data: Path, work: Path, out: Path, placement: Placement | None = None) -> Steps[Path]:
    """Prepare a folder of volumes as one file that :func:`train_volumes` takes instead, on any machine.

    Parameters
    ----------
    work
        Folder of the prepared volumes, as a training's.
    out
        The ``.npz`` file to write.
    placement
        Where files are prepared; by default in this process.

    Yields
    ------
    Progress
        A step a file that has to be prepared.

    Raises
    ------
    RecipeError
        If the data cannot be used, or the file cannot be written.
    """
    return prepare_file(
        out, build_dataset(recipe, data, work, placement), lambda dataset: write_archive(recipe, dataset, out)
    )


def _dataset(recipe: Recipe, data: Path, work: Path, placement: Placement | None) -> Steps[Dataset]:
    return from_folder_or_file(
        data, work, lambda: build_dataset(recipe, data, work, placement), lambda: read_archive(recipe, data)
    )


def package(
    recipe: Recipe, dataset: Dataset, latents: Latents, autoencoder: VQGAN, denoiser: nn.Module, out: Path
) -> ModelFolder:
    """Write what was trained as a model folder: weights in half precision, the preview, the training descriptors."""
    own = recipe.data
    architecture = recipe.architecture(latents.scale)
    flip = "SPL".find(own.flip) if own.flip else None
    weight, bias = _fit_preview(autoencoder, (_volume(dataset, i) for i in dataset.train[:_PREVIEW_VOLUMES]), latents)
    reference = TrainingReference.of(
        (_volume(dataset, i) for i in dataset.train), *_pseudonyms([dataset.subjects[i] for i in dataset.train]), flip
    )
    kept = {name: value for name, value in autoencoder.state_dict().items() if name.split(".")[-1] not in TRAINING_ONLY}
    learned = denoiser.state_dict()
    weights = {
        AUTOENCODER_FILE: half_precision(kept),
        DENOISER_FILE: eight_bits(learned) if recipe.denoiser.stored == "int8" else half_precision(learned),
        REFERENCE_FILE: {
            **pack_reference(reference),
            "preview.weight": weight.half(),
            "preview.bias": bias,
        },
    }
    card = card_from(recipe, recipe.about, recipe.name, "volumes", architecture)
    return write_folder(out, card, weights)


def _volume(dataset: Dataset, index: int) -> NDArray[np.float32]:
    return np.asarray(dataset.volumes[index], np.float32)


def _pseudonyms(subjects: list[str]) -> tuple[list[str], list[int]]:
    """What each training volume is called in the model, which may travel, and the number of its person.

    Files' names often hold a patient's; who is who can be seen in the work folder (``people.csv``), which stays.
    """
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(subjects), 1)}
    seen: Counter[str] = Counter()
    names = []
    for subject in subjects:
        seen[subject] += 1
        several = subjects.count(subject) > 1
        names.append(f"person {numbers[subject]}" + (f", volume {seen[subject]}" if several else ""))
    return names, [numbers[subject] for subject in subjects]


def _write_people(dataset: Dataset, work: Path) -> None:
    """The key to the pseudonyms, beside the checkpoints."""
    names, _ = _pseudonyms([dataset.subjects[i] for i in dataset.train])
    with (work / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["pseudonym", "subject", "file"])
        for name, i in zip(names, dataset.train, strict=True):
            writer.writerow([name, harmless(dataset.subjects[i]), harmless(dataset.names[i])])


@torch.no_grad()
def _fit_preview(
    autoencoder: VQGAN, volumes: Iterable[NDArray[np.float32]], latents: Latents
) -> tuple[torch.Tensor, torch.Tensor]:
    net = autoencoder.cpu()
    images = (torch.from_numpy(volume)[None, None] for volume in volumes)
    pairs = ((latents.scale.normalise(net.encode(image)), image) for image in images)
    return fit_preview(pairs, autoencoder.sizes.downsample)

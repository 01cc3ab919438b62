"""From a recipe and a folder of volumes to a model folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import ModelFolder, half_precision, open_folder, write_folder
from napari_medgen.running.fabric import build_fabric
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.architecture import (
    AUTOENCODER_FILE,
    DENOISER_FILE,
    REFERENCE_FILE,
    VolumeArchitecture,
)
from napari_medgen.volumes.generator import pack_reference
from napari_medgen.volumes.neighbours import TrainingReference
from napari_medgen.volumes.preview import fit_preview
from napari_medgen.volumes.training.autoencoder import train_autoencoder
from napari_medgen.volumes.training.dataset import Dataset, build_dataset
from napari_medgen.volumes.training.denoiser import train_denoiser
from napari_medgen.volumes.training.latents import Latents, encode_dataset
from napari_medgen.volumes.training.recipe import Recipe
from napari_medgen.volumes.vqgan import VQGAN

_PREVIEW_VOLUMES = 24


def train_volumes(
    recipe: Recipe, data: Path, work: Path, out: Path, *, resume: bool = False, devices: int = 1, nodes: int = 1
) -> Steps[ModelFolder]:
    """Train both stages and write the model folder.

    Parameters
    ----------
    data
        Folder of the recipe's files.
    work
        Folder of checkpoints, logs and pictures.
    out
        The model folder to write.
    resume
        Go on from the checkpoints in ``work``; without it, a work folder with checkpoints is refused.
    devices, nodes
        Processes a machine, and machines (Lightning Fabric).

    Yields
    ------
    Progress
        Steps of the stage at hand.

    Raises
    ------
    RecipeError
        If the data cannot be used, or there are checkpoints and ``resume`` is not set.
    """
    if not resume and (work / "autoencoder.pt").is_file():
        raise RecipeError(f"{work} holds an unfinished training; pass --resume to go on, or choose another folder.")
    fabric = build_fabric(recipe.precision, devices, nodes)
    # One process prepares what all read.
    with fabric.rank_zero_first():
        dataset = yield from build_dataset(recipe, data, work)
    if not len(dataset.train):
        raise RecipeError("Every volume fell into the validation split; lower the share.")
    autoencoder = yield from train_autoencoder(recipe, dataset, work, fabric)
    with fabric.rank_zero_first():
        latents = yield from encode_dataset(recipe, dataset, autoencoder, work, fabric)
    denoiser = yield from train_denoiser(recipe, dataset, latents, autoencoder, work, fabric)
    yield Progress(0, 1, "Writing the model")
    if fabric.is_global_zero:
        package(recipe, dataset, latents, autoencoder, denoiser, out)
    fabric.barrier()
    yield Progress(1, 1, f"Wrote {out}")
    return open_folder(out)


def package(
    recipe: Recipe, dataset: Dataset, latents: Latents, autoencoder: VQGAN, denoiser: nn.Module, out: Path
) -> ModelFolder:
    """Write what was trained as a model folder: weights in half precision, the preview, the training descriptors."""
    own = recipe.data
    architecture = VolumeArchitecture(
        shape=own.shape,
        spacing=own.spacing,
        intensities=own.range,
        autoencoder=recipe.autoencoder.sizes,
        denoiser=recipe.denoiser.sizes,
        timesteps=recipe.denoiser.timesteps,
        prediction=recipe.denoiser.prediction,
        latent_range=(latents.scale.low, latents.scale.high),
        quantise=recipe.quantise,
        conditions=recipe.conditions,
    )
    flip = "SPL".find(own.flip) if own.flip else None
    names = [dataset.names[i] for i in dataset.train]
    volumes = [np.asarray(dataset.volumes[i], np.float32) for i in dataset.train]
    weight, bias = _fit_preview(autoencoder, volumes, latents)
    kept = {name: value for name, value in autoencoder.state_dict().items() if name.split(".")[-1] not in _UNUSED}
    weights = {
        AUTOENCODER_FILE: half_precision(kept),
        DENOISER_FILE: half_precision(denoiser.state_dict()),
        REFERENCE_FILE: {
            **pack_reference(TrainingReference.of(volumes, names, flip)),
            "preview.weight": weight.half(),
            "preview.bias": bias,
        },
    }
    about = recipe.about
    card = ModelCard(
        name=recipe.name,
        title=about.title,
        description=about.description,
        task="volumes",
        architecture=architecture.model_dump(mode="json"),
        data=about.data,
        licence=about.licence,
        intended_use=about.intended_use,
        limits=about.limits,
        recipe=recipe.model_dump(mode="json"),
        checksums={},
    )
    return write_folder(out, card, weights)


_UNUSED = ("N", "z_avg", "initialised")


@torch.no_grad()
def _fit_preview(autoencoder: VQGAN, volumes: list[np.ndarray], latents: Latents) -> tuple[torch.Tensor, torch.Tensor]:
    images = [torch.from_numpy(volume)[None, None] for volume in volumes[:_PREVIEW_VOLUMES]]
    net = autoencoder.cpu()
    pairs = ((latents.scale.normalise(net.encode(image)), image) for image in images)
    return fit_preview(pairs, autoencoder.sizes.downsample)

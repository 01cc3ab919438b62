"""Weights that a training begins from: those of another model of the same architecture (fine-tuning)."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from napari_medgen.errors import RecipeError
from napari_medgen.models.folder import CARD, file_checksum, load_weights, open_folder
from napari_medgen.models.stored import read_weights
from napari_medgen.volumes.architecture import AUTOENCODER_FILE, DENOISER_FILE, read_architecture
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.networks.codebook import TRAINING_ONLY
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.recipe import Recipe

_TRAINING_ONLY = "|".join(f".{name}" for name in TRAINING_ONLY)


def start_checksum(folder: str) -> list[str]:
    """Checksums of the weights to begin from: what is trained depends on them, and not on where they lie.

    Raises
    ------
    RecipeError
        If the folder holds no autoencoder.
    """
    names = [AUTOENCODER_FILE, *([DENOISER_FILE] if _has_denoiser(folder) else [])]
    try:
        return [file_checksum(Path(folder) / name) for name in names]
    except OSError:
        raise RecipeError(f"There are no weights to start from in {folder}.") from None


def require_same_diffusion(recipe: Recipe) -> None:
    """Refuse a start whose card says that its denoiser predicts something else, or is told something else.

    A folder without a card is what came back of a run that was stopped.

    Raises
    ------
    RecipeError
        If what it says and what the recipe says differ.
    """
    if not recipe.start or not (Path(recipe.start) / CARD).is_file():
        return
    own = read_architecture(open_folder(Path(recipe.start)).card)
    pairs = {
        "prediction": (own.prediction, recipe.denoiser.prediction),
        "timesteps": (own.timesteps, recipe.denoiser.timesteps),
        "conditions": (own.conditions, recipe.conditions),
    }
    for name, (was, wanted) in pairs.items():
        if was != wanted:
            raise RecipeError(f"The model to start from ({recipe.start}) has other {name} than the recipe.")


def start_scale(folder: str) -> LatentScale:
    """How the denoiser of a model's folder sees latents.

    Raises
    ------
    ModelError
        If the folder has no card that says so.
    """
    own = read_architecture(open_folder(Path(folder)).card)
    return LatentScale.of(own.latent_range, own.latent_limit)


def start_autoencoder(net: VQGAN, folder: str) -> None:
    """Fill an autoencoder with the weights of a model's folder; nothing where ``folder`` is empty.

    Raises
    ------
    RecipeError
        If the folder holds no such weights.
    ModelError
        If they are another architecture's.
    """
    if not folder:
        return
    tensors = read_weights(Path(folder) / AUTOENCODER_FILE)
    load_weights(net, tensors, f"autoencoder in {folder}", missing_ok=_TRAINING_ONLY)
    codes = net.codebook
    if "codebook.N" not in tensors:
        codes.N.fill_(1.0)
        codes.z_avg.copy_(codes.embeddings)
    codes.initialised.fill_(True)


def start_denoiser(net: nn.Module, folder: str) -> None:
    """Fill a denoiser with the weights of a model's folder; one that holds an autoencoder alone leaves it as it is."""
    if folder and _has_denoiser(folder):
        load_weights(net, read_weights(Path(folder) / DENOISER_FILE), f"denoiser in {folder}")


def _has_denoiser(folder: str) -> bool:
    return (Path(folder) / DENOISER_FILE).is_file()

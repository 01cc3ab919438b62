"""Weights that a training begins from: those of another model of the same architecture (fine-tuning)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from napari_medgen.errors import RecipeError
from napari_medgen.models.folder import load_weights
from napari_medgen.volumes.architecture import AUTOENCODER_FILE, DENOISER_FILE
from napari_medgen.volumes.networks.vqgan import VQGAN

# Of a codebook, what only training needs: shipped models lack it.
_TRAINING_ONLY = ".N|.z_avg|.initialised"


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
    tensors = _read(Path(folder) / AUTOENCODER_FILE)
    load_weights(net, tensors, f"autoencoder in {folder}", missing_ok=_TRAINING_ONLY)
    codes = net.codebook
    if "codebook.N" not in tensors:
        codes.N.fill_(1.0)
        codes.z_avg.copy_(codes.embeddings)
    codes.initialised.fill_(True)


def start_denoiser(net: nn.Module, folder: str) -> None:
    """Fill a denoiser with the weights of a model's folder; see :func:`start_autoencoder`."""
    if folder:
        load_weights(net, _read(Path(folder) / DENOISER_FILE), f"denoiser in {folder}")


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError):
        raise RecipeError(f"There are no weights to start from in {path}.") from None

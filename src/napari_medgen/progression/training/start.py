"""Weights that a training begins from: those of another model, which may be of half the resolution."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from napari_medgen.errors import RecipeError
from napari_medgen.models.folder import file_checksum
from napari_medgen.models.stored import read_weights
from napari_medgen.progression.architecture import ENCODER_FILE, GENERATOR_FILE
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator, SynthesisBlock


def start_of(folder: str) -> dict[str, list[str]]:
    """Checksums of the weights to begin from, for the checkpoint; nothing where ``folder`` is empty.

    Raises
    ------
    RecipeError
        If the folder holds no such weights.
    """
    if not folder:
        return {}
    try:
        return {"start": [file_checksum(Path(folder) / name) for name in (GENERATOR_FILE, ENCODER_FILE)]}
    except OSError:
        raise RecipeError(f"There are no weights of a generator and its encoder to start from in {folder}.") from None


def begin_with(folder: str, generator: Generator, encoder: Encoder) -> None:
    """Fill networks with the weights of a model's folder; nothing where ``folder`` is empty.

    A weight is taken where it has the same name and shape. A level of the generator that the other has not adds nothing to
    the image at first, so that a training begins with the other's images, enlarged (after Karras 2018, "Progressive growing
    of GANs").

    Raises
    ------
    RecipeError
        If the folder holds no such weights, or not one of them fits.
    """
    if not folder:
        return
    known = _fill(generator, Path(folder) / GENERATOR_FILE)
    _fill(encoder, Path(folder) / ENCODER_FILE)
    for level in generator.sizes.levels:
        block: SynthesisBlock = getattr(generator.synthesis, f"b{level}")
        if f"synthesis.b{level}.torgb.weight" not in known:
            nn.init.zeros_(block.torgb.weight)


def _fill(network: nn.Module, path: Path) -> set[str]:
    """Copy what fits; the names of it."""
    saved = read_weights(path)
    own = network.state_dict()
    fitting = {name: value for name, value in saved.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise RecipeError(f"None of the weights in {path} fits the networks of the recipe.")
    with torch.no_grad():
        for name, value in fitting.items():
            own[name].copy_(value)
    return set(fitting)

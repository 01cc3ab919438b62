"""The latents that stage two learns from: encoded once, of several slightly moved copies of each training volume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.augment import Augmenter
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import Recipe
from napari_medgen.volumes.training.start import start_scale

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_AT_ONCE = 8  # volumes that a GPU encodes together


@dataclass(frozen=True)
class Latents:
    """Encoded training volumes.

    Attributes
    ----------
    latents
        (M, C, D, H, W) float16, unquantised and not yet scaled.
    source
        (M,) index of the volume each is a copy of.
    scale
        The codebook's range, or each channel's own mean and deviation.
    made_by
        Checksum of the autoencoder that encoded them.
    """

    latents: NDArray[np.float16]
    source: NDArray[np.intp]
    scale: LatentScale
    made_by: str


@torch.no_grad()
def encode_dataset(recipe: Recipe, dataset: Dataset, net: VQGAN, work: Path, fabric: Fabric) -> Steps[Latents]:
    """Latents of every training volume and its augmented copies, kept in the work folder.

    Yields
    ------
    Progress
        A step a volume.
    """
    made_by = weights_checksum(net)
    stamp = {
        "data": recipe.data.model_dump(mode="json"),
        "contents": dataset.contents,
        "people": dataset.people,
        "autoencoder": made_by,
        "seed": recipe.seed,
    }
    store, note = work / "latents.npy", work / "latents.json"
    source = np.repeat(dataset.train, recipe.data.copies)
    if note.is_file() and store.is_file() and json.loads(note.read_text()) == json.loads(json.dumps(stamp)):
        known = np.load(store, mmap_mode="r")
        return Latents(known, source, _scale(recipe, net, known), made_by)
    note.unlink(missing_ok=True)
    out: np.memmap[Any, np.dtype[np.float16]] | None = None
    at_once = 1 if fabric.device.type == "cpu" else _AT_ONCE
    for first in range(0, len(source), recipe.data.copies):
        copies = _copies(recipe, dataset, source[first], first, fabric.device)
        for row in range(first, first + recipe.data.copies, at_once):
            images = torch.stack(list(islice(copies, at_once)))
            with fabric.autocast():
                latents = net.encode(images[:, None]).float().cpu().numpy()
            if out is None:
                shape = (len(source), *latents.shape[1:])
                out = np.lib.format.open_memmap(store, mode="w+", dtype=np.float16, shape=shape)
            out[row : row + len(latents)] = latents
            yield Progress(row + len(latents), len(source), "Encoding the training volumes")
    assert out is not None
    out.flush()
    note.write_text(json.dumps(stamp))
    return Latents(out, source, _scale(recipe, net, out), made_by)


def _copies(recipe: Recipe, dataset: Dataset, index: int, row: int, device: torch.device) -> Iterator[torch.Tensor]:
    """A volume as it is, then its augmented copies, each drawn by the number of its row."""
    volume = np.asarray(dataset.volumes[index], np.float32)
    yield torch.from_numpy(volume).to(device)
    if recipe.data.copies > 1:
        augmenter = Augmenter(volume, recipe.data, device)
        for copy in range(row + 1, row + recipe.data.copies):
            yield augmenter.draw(np.random.default_rng([recipe.seed, copy]))


def _scale(recipe: Recipe, net: VQGAN, latents: NDArray[np.float16]) -> LatentScale:
    if not recipe.denoiser.iterations:
        return start_scale(recipe.start)  # the denoiser's own
    return LatentScale.standard(latents) if recipe.denoiser.standardise else LatentScale.between(*net.codebook.extent)


def weights_checksum(net: torch.nn.Module) -> str:
    """SHA-256 of a network's parameters."""
    return hashlib.sha256(b"".join(p.detach().float().cpu().numpy().tobytes() for p in net.parameters())).hexdigest()

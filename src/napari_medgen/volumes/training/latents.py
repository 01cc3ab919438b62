"""The latents that stage two learns from: encoded once, of several slightly moved copies of each training volume."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
        The codebook's range.
    made_by
        Checksum of the autoencoder that encoded them.
    """

    latents: NDArray[np.float16]
    source: NDArray[np.intp]
    scale: LatentScale
    made_by: str


def augment(volume: NDArray[np.float32], recipe: DataRecipe, rng: np.random.Generator) -> NDArray[np.float32]:
    """A volume (S, P, L) in [-1, 1], turned, scaled and moved a little, and mirrored half of the time."""
    if recipe.flip and rng.random() < 0.5:
        volume = np.flip(volume, "SPL".find(recipe.flip))
    angles = np.radians(rng.uniform(-recipe.rotation, recipe.rotation, 3))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [i for i in range(3) if i != axis]
        part = np.eye(3)
        part[a, a] = part[b, b] = np.cos(angle)
        part[a, b], part[b, a] = -np.sin(angle), np.sin(angle)
        turn = turn @ part
    spacing = np.asarray(recipe.spacing)
    in_voxels = (turn * (1 + rng.uniform(-recipe.scaling, recipe.scaling, 3))) * spacing / spacing[:, None]
    middle = (np.asarray(volume.shape) - 1) / 2
    moved = middle + rng.uniform(-recipe.shift, recipe.shift, 3) / spacing - in_voxels @ middle
    out = ndimage.affine_transform(volume, in_voxels, moved, order=3, mode="constant", cval=-1.0)
    clipped: NDArray[np.float32] = np.clip(out, -1, 1).astype(np.float32)
    return clipped


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
    scale = LatentScale(*net.codebook.extent)
    if note.is_file() and store.is_file() and json.loads(note.read_text()) == json.loads(json.dumps(stamp)):
        return Latents(np.load(store, mmap_mode="r"), source, scale, made_by)
    note.unlink(missing_ok=True)
    out: np.memmap[Any, np.dtype[np.float16]] | None = None
    for row, index in enumerate(source):
        volume = np.asarray(dataset.volumes[index], np.float32)
        if row % recipe.data.copies:
            volume = augment(volume, recipe.data, np.random.default_rng([recipe.seed, row]))
        with fabric.autocast():
            latent = net.encode(torch.from_numpy(volume)[None, None].to(fabric.device))[0].float().cpu().numpy()
        if out is None:
            out = np.lib.format.open_memmap(store, mode="w+", dtype=np.float16, shape=(len(source), *latent.shape))
        out[row] = latent
        yield Progress(row + 1, len(source), "Encoding the training volumes")
    assert out is not None
    out.flush()
    note.write_text(json.dumps(stamp))
    return Latents(out, source, scale, made_by)


def weights_checksum(net: torch.nn.Module) -> str:
    """SHA-256 of a network's parameters."""
    return hashlib.sha256(b"".join(p.detach().float().cpu().numpy().tobytes() for p in net.parameters())).hexdigest()

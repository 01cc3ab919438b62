"""The latents that stage two learns from: encoded once, of several slightly moved copies of each training volume."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import RecipeError, WritingError
from napari_medgen.running.progress import Steps
from napari_medgen.running.rows import RowPlan, fill_rows
from napari_medgen.running.shards import Placement
from napari_medgen.running.training.fabric import build_fabric
from napari_medgen.running.workers import own_device
from napari_medgen.running.writing import write_whole
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.augment import Augmenter
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import Recipe
from napari_medgen.volumes.training.start import start_scale

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_AT_ONCE = 8  # volumes that a GPU encodes together
_NOTED = 8  # volumes between two notes of what is done


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


def encode_dataset(
    recipe: Recipe, dataset: Dataset, net: VQGAN, work: Path, fabric: Fabric, placement: Placement | None = None
) -> Steps[Latents]:
    """Latents of every training volume and its augmented copies, kept in the work folder; what is there is not made again.

    Parameters
    ----------
    placement
        Where they are made; workers read the volumes and the autoencoder's weights in the work folder. By default here.

    Yields
    ------
    Progress
        A step a volume.
    """
    made_by, placement = weights_checksum(net), placement or Placement()
    sizes, own = recipe.autoencoder.sizes, recipe.data
    places = [n // factor for n, factor in zip(own.shape, sizes.downsample, strict=True)]
    plan = RowPlan(
        how={
            "data": own.model_dump(mode="json"),
            "contents": dataset.contents,
            "people": dataset.people,
            "autoencoder": made_by,
            "seed": recipe.seed,
        },
        stamps=[[str(index)] for index in dataset.train],
        shape=(own.copies, sizes.embedding_dim, *places),
        dtype=np.float16,
        items=[(int(index), number * own.copies) for number, index in enumerate(dataset.train)],
        make=_Encodes(recipe, dataset.volumes, net, fabric),
        elsewhere=lambda: _handed_over(recipe, dataset, net, work, made_by),
        noted=_NOTED,
        placement=placement,
    )
    rows = yield from fill_rows(work / "latents.npy", plan, lambda index: "Encoding the training volumes")
    latents = rows.array.reshape(-1, *rows.array.shape[2:])
    return Latents(latents, np.repeat(dataset.train, own.copies), _scale(recipe, net, latents), made_by)


@dataclass(frozen=True)
class _Encodes:
    """Encodes a volume and its copies (copies, C, d, h, w)."""

    recipe: Recipe
    volumes: NDArray[Any]
    net: VQGAN
    fabric: Fabric

    @torch.no_grad()
    def __call__(self, asked: tuple[int, int]) -> NDArray[np.float16]:
        index, row = asked
        copies = _copies(self.recipe, self.volumes[index], row, self.fabric.device)
        made = []
        while images := list(islice(copies, 1 if self.fabric.device.type == "cpu" else _AT_ONCE)):
            with self.fabric.autocast():
                made.append(self.net.encode(torch.stack(images)[:, None]).float().cpu().numpy())
        return np.concatenate(made).astype(np.float16)


@dataclass(frozen=True)
class _EncodesElsewhere:
    """Encodes a volume on a worker, which reads it and the autoencoder's weights."""

    recipe: Recipe
    volumes: Path
    weights: Path
    made_by: str

    def __call__(self, asked: tuple[int, int]) -> NDArray[np.float16]:
        net, fabric = _autoencoder(self.recipe.model_dump_json(), self.weights, self.made_by)
        return _Encodes(self.recipe, np.load(self.volumes, mmap_mode="r"), net, fabric)(asked)


@contextlib.contextmanager
def _handed_over(recipe: Recipe, dataset: Dataset, net: VQGAN, work: Path, made_by: str) -> Iterator[_EncodesElsewhere]:
    """Files of the autoencoder's weights and, where they came in an archive, of the volumes, for workers meanwhile."""
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    weights, unpacked = write_whole(work / "encoder.safetensors", save(tensors), WritingError), work / "unpacked.npy"
    try:
        yield _EncodesElsewhere(recipe, _file_of(dataset.volumes, unpacked).resolve(), weights.resolve(), made_by)
    finally:
        for path in (weights, unpacked):
            path.unlink(missing_ok=True)


def _file_of(volumes: NDArray[Any], unpacked: Path) -> Path:
    """The file that volumes are mapped from; one that is written where they came in an archive."""
    if isinstance(volumes, np.memmap) and volumes.filename is not None:
        return Path(volumes.filename)
    try:
        np.save(unpacked, volumes)
    except OSError as error:
        raise WritingError(f"{unpacked} cannot be written: {error.strerror or error}.") from None
    return unpacked


@functools.lru_cache(maxsize=1)
def _autoencoder(recipe: str, weights: Path, made_by: str) -> tuple[VQGAN, Fabric]:
    from safetensors.torch import load_file

    wanted = Recipe.model_validate_json(recipe)
    fabric, net = build_fabric(wanted.precision, device=own_device("")), VQGAN(wanted.autoencoder.sizes)
    net.load_state_dict(load_file(weights))
    if weights_checksum(net) != made_by:
        raise RecipeError(f"{weights.name} on {platform.node()} is another autoencoder than the one that was trained.")
    return net.eval().to(fabric.device), fabric


def _copies(recipe: Recipe, volume: NDArray[Any], row: int, device: torch.device) -> Iterator[torch.Tensor]:
    """A volume as it is, then its augmented copies, each drawn by the number of its row."""
    volume = np.asarray(volume, np.float32)
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

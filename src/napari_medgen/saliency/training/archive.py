"""Prepared radiographs as one small file: what travels to the machine that trains, instead of the folder of images.

Frames are kept as WebP with a loss of about three grey levels of 255, below the grain of a film; lossless they would be five
times as large. Images for testing stay where they are.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from napari_medgen.running.training.archive import Arrays, pack, unpack
from napari_medgen.saliency.training.cases import Case
from napari_medgen.saliency.training.dataset import Dataset, require_learnable
from napari_medgen.saliency.training.recipe import ClassifierRecipe

_QUALITY = 80
_SPLITS = ("train", "validation")


def write_archive(recipe: ClassifierRecipe, dataset: Dataset, path: Path) -> None:
    """Write the images that a training looks at; ``path`` ends in ``.npz``, and is whole or absent.

    Raises
    ------
    RecipeError
        If the file cannot be written.
    """
    rows = [row for row, case in enumerate(dataset.cases) if case.split in _SPLITS]
    cases = [dataset.cases[row] for row in rows]
    packed = [_packed(dataset.frames[row]) for row in rows]
    about = {
        "people": dataset.people,
        "names": [case.image.name for case in cases],
        "subjects": [case.subject for case in cases],
        "sides": [case.side for case in cases],
        "splits": [case.split for case in cases],
    }
    arrays: Arrays = {
        "frames": np.frombuffer(b"".join(packed), np.uint8),
        "ends": np.cumsum([len(one) for one in packed], dtype=np.int64),
        "targets": dataset.targets[rows].numpy(),
    }
    pack(path, _prepared_by(recipe), about, arrays, compressed=False)


def read_archive(recipe: ClassifierRecipe, path: Path) -> Dataset:
    """Read what :func:`write_archive` wrote, for the recipe that it was prepared by, whatever its way of training.

    Raises
    ------
    RecipeError
        If it is no such file, is damaged, or was prepared by a recipe that prepares images otherwise.
    """
    names = ("frames", "ends", "targets")
    dataset = unpack(path, "images", names, _prepared_by(recipe), lambda about, arrays: _dataset(recipe, about, arrays))
    require_learnable(recipe, dataset.cases, dataset.targets)
    return dataset


def _dataset(recipe: ClassifierRecipe, about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Dataset:
    count, ends, targets = len(about["names"]), arrays["ends"], arrays["targets"]
    if targets.shape != (count, len(recipe.labels)) or targets.dtype != np.float32:
        raise ValueError("targets")
    if (
        arrays["frames"].dtype != np.uint8
        or ends.shape != (count,)
        or ends.dtype != np.int64
        or (count and ends[-1] != len(arrays["frames"]))
    ):
        raise ValueError("ends")
    if (np.diff(ends, prepend=0) < 0).any():
        raise ValueError("ends")
    texts = (about[name] for name in ("names", "subjects", "sides", "splits"))
    if not all(isinstance(one, str) for column in texts for one in column):
        raise ValueError("about")
    content = arrays["frames"].tobytes()
    frames = np.empty((count, *recipe.data.frame), np.uint8)
    for row, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        frames[row] = _unpacked(content[begin:end], recipe.data.frame)
    listed = zip(about["names"], about["subjects"], about["sides"], about["splits"], targets.tolist(), strict=True)
    cases = [Case(Path(name), None, subject, side, split, tuple(row)) for name, subject, side, split, row in listed]
    if any(case.split not in _SPLITS for case in cases):
        raise ValueError("splits")
    return Dataset(cases, frames, torch.from_numpy(targets), str(about["people"]))


def _packed(frame: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(content, "WEBP", quality=_QUALITY)
    return content.getvalue()


def _unpacked(content: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=("WEBP",)) as image:
        if image.size != (shape[1], shape[0]):
            raise ValueError("frames")
        return np.asarray(image.convert("L"))


def _prepared_by(recipe: ClassifierRecipe) -> dict[str, Any]:
    """The part of a recipe that the archive's frames, their split and their targets depend on."""
    return {
        "data": recipe.data.model_dump(mode="json"),
        "labels": recipe.labels,
        "mirror": recipe.view.mirror,
        "crop": recipe.view.model_dump(mode="json") if recipe.view.fit == "crop" else None,
    }

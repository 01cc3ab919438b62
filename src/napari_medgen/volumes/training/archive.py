"""Prepared volumes as one small file: what travels to the machine that trains, instead of the folder of images.

Grey values are kept as bytes, 0 for -1 and 255 for 1, whose rounding is far below any autoencoder's error, and compressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.running.training.archive import About, Arrays, pack, unpack
from napari_medgen.volumes.training.dataset import Dataset, require_both_sides
from napari_medgen.volumes.training.recipe import AUGMENTATION, Recipe


def write_archive(recipe: Recipe, dataset: Dataset, path: Path) -> None:
    """Write a dataset; ``path`` ends in ``.npz``, and is whole or absent.

    Raises
    ------
    RecipeError
        If the file cannot be written.
    """
    about = {"names": dataset.names, "subjects": dataset.subjects, "contents": dataset.contents}
    grey = np.empty(dataset.volumes.shape, np.uint8)
    for row, volume in zip(grey, dataset.volumes, strict=True):
        row[:] = np.round((np.asarray(volume, np.float32).clip(-1, 1) + 1) * 127.5)
    arrays: Arrays = {"volumes": grey, "conditions": dataset.conditions, "training": dataset.training}
    pack(path, _prepared_by(recipe), about, arrays, compressed=True)


def read_archive(recipe: Recipe, path: Path) -> Dataset:
    """Read what :func:`write_archive` wrote, for the recipe that it was prepared by.

    Raises
    ------
    RecipeError
        If it is no such file, is damaged, or was prepared by a recipe that prepares volumes otherwise.
    """
    names = ("volumes", "conditions", "training")
    dataset = unpack(path, "volumes", names, _prepared_by(recipe), lambda about, arrays: _dataset(recipe, about, arrays))
    require_both_sides(recipe.data, dataset.subjects, dataset.training)
    return dataset


def _dataset(recipe: Recipe, about: About, arrays: Arrays) -> Dataset:
    _require_whole(recipe, about, arrays)
    volumes = np.empty(arrays["volumes"].shape, np.float16)
    for row, grey in zip(volumes, arrays["volumes"], strict=True):
        row[:] = grey.astype(np.float32) / 127.5 - 1
    contents = str(about["contents"])
    return Dataset(volumes, arrays["conditions"], about["names"], about["subjects"], arrays["training"], contents)


def _require_whole(recipe: Recipe, about: About, arrays: Arrays) -> None:
    """Every part is there, of its type, and of as many volumes as every other."""
    count, width = len(about["names"]), sum(condition.width for condition in recipe.conditions)
    wanted = {
        "volumes": (np.uint8, (count, *recipe.data.shape)),
        "conditions": (np.float32, (count, width)),
        "training": (np.bool_, (count,)),
    }
    for name, (kind, shape) in wanted.items():
        if arrays[name].dtype != kind or arrays[name].shape != shape:
            raise ValueError(name)
    for name in ("names", "subjects"):
        if (
            not isinstance(about[name], list)
            or len(about[name]) != count
            or not all(isinstance(one, str) for one in about[name])
        ):
            raise ValueError(name)


def _prepared_by(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that the archive's volumes, their split and their conditions depend on."""
    data = recipe.data.model_dump(mode="json", exclude=set(AUGMENTATION | {"range", "flip"}))
    return {"data": data, "conditions": [condition.model_dump(mode="json") for condition in recipe.conditions]}

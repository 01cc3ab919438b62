"""Prepared volumes as one small file: what travels to the machine that trains, instead of the folder of images.

Grey values are kept as bytes, 0 for -1 and 255 for 1, whose rounding is far below any autoencoder's error, and compressed.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from napari_medgen.errors import RecipeError
from napari_medgen.running.writing import write_whole
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import AUGMENTATION, Recipe

SUFFIX = ".npz"


def write_archive(recipe: Recipe, dataset: Dataset, path: Path) -> None:
    """Write a dataset; ``path`` ends in ``.npz``, and is whole or absent."""
    about = {
        "recipe": _prepared_by(recipe),
        "names": dataset.names,
        "subjects": dataset.subjects,
        "contents": dataset.contents,
    }
    grey = np.stack([np.round((np.asarray(one, np.float32) + 1) * 127.5) for one in dataset.volumes]).astype(np.uint8)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        volumes=grey,
        conditions=dataset.conditions,
        training=dataset.training,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
    )
    write_whole(path, content.getvalue(), RecipeError)


def read_archive(recipe: Recipe, path: Path) -> Dataset:
    """Read what :func:`write_archive` wrote, for the recipe that it was prepared by.

    Raises
    ------
    RecipeError
        If it is no such file, or was prepared by a recipe that prepares volumes otherwise.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            about = json.loads(bytes(content["about"]))
            volumes, conditions, training = content["volumes"], content["conditions"], content["training"]
        names, subjects, contents, how = (about[key] for key in ("names", "subjects", "contents", "recipe"))
        if not len(volumes) == len(conditions) == len(training) == len(names) == len(subjects):
            raise ValueError
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise RecipeError(f"{path.name} is no archive of prepared volumes (napari-medgen prepare makes one).") from None
    if how != _prepared_by(recipe):
        raise RecipeError(f"{path.name} was prepared by another recipe; prepare it anew with this one.")
    if volumes.shape[1:] != recipe.data.shape or volumes.dtype != np.uint8:
        raise RecipeError(f"{path.name} is no archive of prepared volumes (napari-medgen prepare makes one).")
    back = (volumes.astype(np.float32) / 127.5 - 1).astype(np.float16)
    return Dataset(back, conditions.astype(np.float32), list(names), list(subjects), training.astype(bool), str(contents))


def _prepared_by(recipe: Recipe) -> dict[str, object]:
    """The part of a recipe that the archive's volumes, their split and their conditions depend on."""
    data = recipe.data.model_dump(mode="json", exclude=set(AUGMENTATION | {"range", "flip"}))
    content = {"data": data, "conditions": [condition.model_dump(mode="json") for condition in recipe.conditions]}
    return dict(json.loads(json.dumps(content)))

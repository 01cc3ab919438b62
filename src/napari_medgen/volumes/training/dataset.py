"""A folder of volumes as one array of training volumes: found, split by subject, resampled and rescaled."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError, RecipeError
from napari_medgen.imaging.nifti import SUFFIXES, read_nifti, stem
from napari_medgen.imaging.resample import foreground_centre, resample
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe


@dataclass(frozen=True)
class Case:
    """One file: its path, mask, subject and the values of the conditions."""

    image: Path
    mask: Path | None
    subject: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """Prepared volumes.

    Attributes
    ----------
    volumes
        (N, S, P, L) float16 in [-1, 1], a memory-mapped file.
    conditions
        (N, W) float32 condition vectors; W may be zero.
    names, subjects, training
        File stem, subject, and whether it is in the training split, for each volume.
    """

    volumes: NDArray[np.float16]
    conditions: NDArray[np.float32]
    names: list[str]
    subjects: list[str]
    training: NDArray[np.bool_]

    @property
    def train(self) -> NDArray[np.intp]:
        """Indices of the training volumes."""
        return np.flatnonzero(self.training)

    @property
    def validation(self) -> NDArray[np.intp]:
        """Indices of the validation volumes."""
        return np.flatnonzero(~self.training)


def find_cases(recipe: DataRecipe, conditions: tuple[Condition, ...], folder: Path) -> list[Case]:
    """Files of a data folder that a recipe names, in alphabetical order.

    Raises
    ------
    RecipeError
        If there are no files, a mask is missing, or a file has no usable row in the table.
    """
    if not folder.is_dir():
        raise RecipeError(f"There is no data folder {folder}.")
    images = sorted(path for path in folder.glob(recipe.images) if path.name.endswith(SUFFIXES))
    if not images:
        raise RecipeError(f"{folder} holds no NIfTI file that matches {recipe.images}.")
    rows = _table(folder / recipe.table, recipe.table_key) if conditions else {}
    return [_case(path, recipe, conditions, folder, rows) for path in images]


def _table(path: Path, key: str) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row[key]: row for row in csv.DictReader(file)}
    except (OSError, KeyError):
        raise RecipeError(f"The table {path.name} cannot be read, or has no column {key!r}.") from None


def _case(
    image: Path, recipe: DataRecipe, conditions: tuple[Condition, ...], folder: Path, rows: dict[str, dict[str, str]]
) -> Case:
    name = stem(image)
    mask = folder / recipe.masks.format(stem=name) if recipe.masks else None
    if mask is not None and not mask.is_file():
        raise RecipeError(f"{image.name} has no mask {mask.name}.")
    found = re.match(recipe.subject, name)
    subject = found.group(1) if found and found.groups() else name
    values: dict[str, Any] = {}
    if conditions:
        keys = [key for key in rows if name.startswith(key)]
        if not keys:
            raise RecipeError(f"{image.name} has no row in the table {recipe.table}.")
        row = rows[max(keys, key=len)]
        values = {condition.name: row.get(condition.column, "") for condition in conditions}
    return Case(image, mask, subject, values)


def held_out(subjects: list[str], share: float) -> set[str]:
    """Subjects of the validation split: those whose hash comes first, so that more files do not reshuffle it."""
    ranked = sorted(set(subjects), key=lambda subject: hashlib.sha256(subject.encode()).hexdigest())
    return set(ranked[: round(len(ranked) * share)])


def prepare(volume: Volume, mask: Volume | None, recipe: DataRecipe) -> Volume:
    """A volume on the recipe's grid with intensities in [-1, 1]; background and padding are -1.

    Rescaling comes last, so padding is background and not mid-grey as in the published loader.
    """
    voxels = volume.voxels.astype(np.float32)
    if mask is not None:
        if mask.voxels.shape != voxels.shape:
            raise RecipeError(f"{volume.name} and its mask have different shapes.")
        inside = mask.voxels > 0
    else:
        inside = voxels > voxels.min()
    low, high = np.percentile(voxels[inside], (recipe.lower, recipe.upper)) if inside.any() else (0.0, 0.0)
    if high <= low:
        raise ImageError(f"{volume.name} holds a single grey value.")
    scaled = np.clip((voxels - low) / (high - low), 0, 1) * 2 - 1
    if mask is not None:
        scaled[~inside] = -1
    centre = foreground_centre(inside) if recipe.centre == "foreground" else None
    whole = Volume(scaled.astype(np.float32), volume.affine, volume.name, volume.provenance, volume.source_codes)
    return resample(whole, recipe.shape, recipe.spacing, centre, fill=-1.0)


def load_case(case: Case, recipe: DataRecipe) -> Volume:
    """Read one case and prepare it."""
    return prepare(read_nifti(case.image), read_nifti(case.mask) if case.mask else None, recipe)


def build_dataset(recipe: Recipe, folder: Path, work: Path) -> Steps[Dataset]:
    """Prepare every file of a folder once, and keep the result in the work folder.

    Yields
    ------
    Progress
        A step a file.
    """
    cases = find_cases(recipe.data, recipe.conditions, folder)
    vectors = [[entry for c in recipe.conditions for entry in c.encode(case.values[c.name])] for case in cases]
    conditions = np.asarray(vectors, np.float32).reshape(len(cases), -1)
    chosen = held_out([case.subject for case in cases], recipe.data.validation)
    training = np.array([case.subject not in chosen for case in cases])
    stamp = {"data": recipe.data.model_dump(mode="json"), "files": [str(case.image.name) for case in cases]}
    store, note = work / "volumes.npy", work / "volumes.json"
    if not (store.is_file() and note.is_file() and json.loads(note.read_text()) == json.loads(json.dumps(stamp))):
        work.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        shape = (len(cases), *recipe.data.shape)
        volumes = np.lib.format.open_memmap(store, mode="w+", dtype=np.float16, shape=shape)
        for index, case in enumerate(cases):
            volumes[index] = load_case(case, recipe.data).voxels
            yield Progress(index + 1, len(cases), f"Preparing {case.image.name}")
        volumes.flush()
        note.write_text(json.dumps(stamp))
    volumes = np.load(store, mmap_mode="r")
    names = [stem(case.image) for case in cases]
    return Dataset(volumes, conditions, names, [case.subject for case in cases], training)

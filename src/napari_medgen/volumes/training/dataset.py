"""A folder of volumes as one array of training volumes: found, split by subject, resampled and rescaled."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError, RecipeError
from napari_medgen.imaging.listing import list_files
from napari_medgen.imaging.nifti import SUFFIXES, count_volumes, read_nifti, stem
from napari_medgen.imaging.resample import foreground_centre, resample
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import Steps
from napari_medgen.running.rows import RowPlan, fill_rows
from napari_medgen.running.shards import Placement
from napari_medgen.running.stamps import file_stamp, fingerprint
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.training.recipe import AUGMENTATION, DataRecipe, Recipe

# What of a recipe's data does not change a prepared volume: the split, and what is done to volumes later.
_LATER = frozenset({"validation", "held_out", "subject", "table", "table_key", "range", "flip"}) | AUGMENTATION
_NOTED = 8  # large volumes take seconds each
_BIDS_SUBJECT = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+)")


@dataclass(frozen=True)
class Case:
    """One file: its path, mask, subject, name within the data folder, and the values of the conditions."""

    image: Path
    mask: Path | None
    subject: str
    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """Prepared volumes.

    Attributes
    ----------
    volumes
        (N, S, P, L) float16 in [-1, 1]; a memory-mapped file, unless it came from an archive.
    conditions
        (N, W) float32 condition vectors; W may be zero.
    names, subjects, training
        Place in the data folder, subject, and whether it is in the training split, for each volume.
    contents
        Fingerprint of the files and of how they were prepared: what is made of the volumes depends on it.
    """

    volumes: NDArray[np.float16]
    conditions: NDArray[np.float32]
    names: list[str]
    subjects: list[str]
    training: NDArray[np.bool_]
    contents: str

    @property
    def train(self) -> NDArray[np.intp]:
        """Indices of the training volumes."""
        return np.flatnonzero(self.training)

    @property
    def validation(self) -> NDArray[np.intp]:
        """Indices of the validation volumes."""
        return np.flatnonzero(~self.training)

    @property
    def people(self) -> str:
        """Fingerprint of who is in it and on which side: a training must not go on with others."""
        return fingerprint([[name, bool(kept)] for name, kept in zip(self.names, self.training, strict=True)])


def find_cases(recipe: DataRecipe, conditions: tuple[Condition, ...], folder: Path) -> list[Case]:
    """Files of a data folder that a recipe names, in alphabetical order.

    Hidden files and what systems leave behind are passed over.

    Raises
    ------
    RecipeError
        If there are no files, a mask is missing, or a file has no usable row in the table.
    """
    if not folder.is_dir():
        raise RecipeError(f"There is no data folder {folder}.")
    images = list_files(folder, recipe.images, SUFFIXES)
    if not images:
        raise RecipeError(f"{folder} holds no NIfTI file that matches {recipe.images}.")
    rows = _tables(folder, recipe) if conditions else {}
    return [_case(path, recipe, conditions, folder, rows) for path in images]


def _tables(folder: Path, recipe: DataRecipe) -> dict[str, dict[str, str]]:
    """The rows of the recipe's table, or of every table that its glob finds, by their key."""
    try:
        paths = list_files(folder, recipe.table, (".csv",)) if "*" in recipe.table else [folder / recipe.table]
    except (ValueError, NotImplementedError):  # no pattern, or one of an absolute path
        paths = []
    if not paths:
        raise RecipeError(f"{folder} holds no table that matches {recipe.table}.")
    rows: list[dict[str, str]] = []
    keys: list[str] = []
    for path in paths:
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                found = list(csv.DictReader(file))
                keys += [row[recipe.table_key].strip() for row in found]
        except (OSError, ValueError, KeyError, AttributeError):
            raise RecipeError(f"The table {path.name} cannot be read, or has no column {recipe.table_key!r}.") from None
        rows += found
    if twice := next((one for one in keys if keys.count(one) > 1), None):
        raise RecipeError(f"The table {Path(recipe.table).name} has two rows for {twice}.")
    return dict(zip(keys, rows, strict=True))


def subject_of(recipe: DataRecipe, place: str) -> str:
    """The subject of a file, from its place in the data folder (without the suffix, ``/`` between folders).

    A pattern with a slash is looked for in the whole place, any other at the beginning of the file's own name. Without a
    pattern it is BIDS's ``sub-XX`` where the place names one, else each file is a subject of its own.

    Raises
    ------
    RecipeError
        If the pattern does not match.
    """
    if not recipe.subject:
        bids = _BIDS_SUBJECT.search(place)
        return bids.group(1) if bids else place
    found = re.search(recipe.subject, place) if "/" in recipe.subject else re.match(recipe.subject, place.rsplit("/", 1)[-1])
    if found is None:
        raise RecipeError(f"The name {place} does not say which subject it is of ({recipe.subject}).")
    return found.group(1) if found.groups() else found.group(0)


def _case(
    image: Path, recipe: DataRecipe, conditions: tuple[Condition, ...], folder: Path, rows: dict[str, dict[str, str]]
) -> Case:
    parent = image.parent.relative_to(folder).as_posix()
    name = stem(image) if parent == "." else f"{parent}/{stem(image)}"
    subject = subject_of(recipe, name)
    mask = folder / recipe.masks.format(stem=stem(image), folder=parent, subject=subject) if recipe.masks else None
    if mask is not None and not mask.is_file():
        raise RecipeError(f"{image.name} has no mask {mask.name}.")
    values: dict[str, Any] = {}
    if conditions:
        row = _row(rows, stem(image), subject)
        if row is None:
            raise RecipeError(f"{image.name} has no row in the table {recipe.table}.")
        values = {condition.name: row.get(condition.column, "") for condition in conditions}
    return Case(image, mask, subject, name, values)


def _row(rows: dict[str, dict[str, str]], name: str, subject: str) -> dict[str, str] | None:
    """The row of a file: of its subject, or of a key that its name begins with and that ends where a word ends.

    ``sub-1`` is thus not the row of ``sub-10``.
    """
    for key in (subject, name):
        if key in rows:
            return rows[key]
    keys = [key for key in rows if key and name.startswith(key) and not name[len(key)].isalnum()]
    return rows[max(keys, key=len)] if keys else None


def held_out(subjects: Collection[str], share: float, named: Sequence[str] = ()) -> set[str]:
    """Subjects of the validation split.

    Each is chosen by a number that depends on nothing but itself, so that more files move nobody from one side to the
    other. ``named`` subjects are taken instead where a recipe names them.
    """
    if named:
        return set(named) & set(subjects)
    return {subject for subject in subjects if _fraction(subject) < share}


def _fraction(subject: str) -> float:
    return int(hashlib.sha256(f"validation {subject}".encode()).hexdigest()[:12], 16) / 16**12


def prepare(volume: Volume, mask: Volume | None, recipe: DataRecipe) -> Volume:
    """A volume on the recipe's grid with intensities in [-1, 1]; background, and padding unless mirrored, are -1.

    Rescaling comes last, so padding is background and not mid-grey as in the published loader.
    """
    voxels = volume.voxels.astype(np.float32)
    if mask is not None:
        _require_same_place(volume, mask)
        inside = mask.voxels > 0
    else:
        inside = voxels > (recipe.window[0] if recipe.window else voxels.min())
    if recipe.window:
        low, high = recipe.window
    else:
        low, high = np.percentile(voxels[inside], (recipe.lower, recipe.upper)) if inside.any() else (0.0, 0.0)
    if high <= low or not inside.any():
        raise ImageError(f"{volume.name} holds a single grey value.")
    scaled = np.clip((voxels - low) / (high - low), 0, 1) * 2 - 1
    if mask is not None:
        scaled[~inside] = -1
    centre = foreground_centre(inside) if recipe.centre == "foreground" else None
    whole = Volume(scaled.astype(np.float32), volume.affine, volume.name, volume.provenance, volume.source_codes)
    fill: float | Literal["mirror"] = -1.0 if recipe.border == "background" else "mirror"
    return resample(whole, recipe.shape, recipe.spacing, centre, fill=fill)


def _require_same_place(volume: Volume, mask: Volume) -> None:
    """Refuse a mask whose corners are not those of its image, to half a voxel."""
    if mask.voxels.shape != volume.voxels.shape:
        raise RecipeError(f"{volume.name} and its mask have different shapes.")
    corners = np.array([[*(np.array(c) * (np.array(volume.voxels.shape) - 1)), 1] for c in np.ndindex(2, 2, 2)])
    apart = np.linalg.norm(((volume.affine - mask.affine) @ corners.T)[:3], axis=0).max()
    if apart > 0.5 * max(volume.spacing):
        raise RecipeError(f"{volume.name} and its mask lie {apart:.0f} mm apart.")


def load_case(case: Case, recipe: DataRecipe) -> Volume:
    """Read one case and prepare it.

    Raises
    ------
    RecipeError
        If the file holds several volumes and the recipe does not say which, or the mask lies elsewhere.
    ImageError
        If it cannot be read.
    """
    count = count_volumes(case.image)
    if count > 1 and recipe.volume is None:
        raise RecipeError(f"{case.image.name} holds {count} volumes; say which one is meant with data.volume, from 0.")
    image = read_nifti(case.image, volume=(recipe.volume or 0) if count > 1 else 0)
    return prepare(image, read_nifti(case.mask, gaps=0.0) if case.mask else None, recipe)


@dataclass(frozen=True)
class _CaseMaker:
    """Prepares a case, wherever it is asked to."""

    recipe: DataRecipe

    def __call__(self, case: Case) -> NDArray[np.float16]:
        return load_case(case, self.recipe).voxels.astype(np.float16)


def build_dataset(recipe: Recipe, folder: Path, work: Path, placement: Placement | None = None) -> Steps[Dataset]:
    """Prepare every file of a folder once, and keep the result in the work folder.

    Parameters
    ----------
    placement
        Where files are prepared; by default in this process.

    Yields
    ------
    Progress
        A step a file that has to be prepared.

    Raises
    ------
    RecipeError
        If the data cannot be used, or a split is empty.
    """
    cases = find_cases(recipe.data, recipe.conditions, folder.resolve())
    vectors = [[entry for c in recipe.conditions for entry in c.encode(case.values[c.name])] for case in cases]
    conditions = np.asarray(vectors, np.float32).reshape(len(cases), -1)
    subjects = [case.subject for case in cases]
    chosen = held_out(subjects, recipe.data.validation, recipe.data.held_out)
    training = np.array([subject not in chosen for subject in subjects])
    require_both_sides(recipe.data, subjects, training)
    plan = RowPlan(
        how=recipe.data.model_dump(mode="json", exclude=set(_LATER)),
        stamps=[[case.name, file_stamp(case.image), file_stamp(case.mask)] for case in cases],
        shape=recipe.data.shape,
        dtype=np.float16,
        items=cases,
        make=_CaseMaker(recipe.data),
        noted=_NOTED,
        placement=placement or Placement(),
    )
    rows = yield from fill_rows(work / "volumes.npy", plan, lambda index: f"Preparing {cases[index].image.name}")
    return Dataset(rows.array, conditions, [case.name for case in cases], subjects, training, rows.contents)


def require_both_sides(data: DataRecipe, subjects: list[str], training: NDArray[np.bool_]) -> None:
    """Refuse a split that leaves nobody to train on, or nobody to validate with where somebody was asked for."""
    people = len(set(subjects))
    if not training.any():
        raise RecipeError(f"All {people} subjects fell into the validation split; lower data.validation.")
    if training.all() and (data.validation > 0 or data.held_out):
        raise RecipeError(
            f"None of the {people} subjects fell into the validation split ({data.validation:g} of them); "
            "raise data.validation, name some in data.held_out, or set data.validation to 0."
        )

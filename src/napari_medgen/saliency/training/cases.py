"""Labelled images: found in class folders or a table, and split by patient."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.files import RADIOGRAPH_SUFFIXES
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.saliency.training.recipe import ClassifierRecipe, DataRecipe

Split = Literal["train", "validation", "test"]
_FOLDS: dict[str, Split] = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_SIDES: dict[str, Laterality] = {"L": "L", "R": "R"}


@dataclass(frozen=True)
class Case:
    """One image and what is known of it.

    Attributes
    ----------
    image, mask
        Files; the mask may be None.
    subject, side, split
        Patient, side of the body, and what the image is for.
    targets
        0, 1 or NaN for each label.
    """

    image: Path
    mask: Path | None
    subject: str
    side: Laterality
    split: Split
    targets: tuple[float, ...]


def find_cases(recipe: ClassifierRecipe, root: Path) -> list[Case]:
    """All images of a recipe's data folder.

    Raises
    ------
    RecipeError
        If the folder or table is missing or holds no image, names an image that is not there, or has a patient both in
        training and in test.
    """
    if not root.is_dir():
        raise RecipeError(f"There is no data folder {root}.")
    cases = _of_table(recipe, root) if recipe.data.table else _of_folders(recipe, root)
    if not cases:
        raise RecipeError(f"{root} holds no image where the recipe looks for them.")
    tested = {case.subject for case in cases if case.split == "test"}
    shared = tested & {case.subject for case in cases if case.split != "test"}
    if recipe.data.in_both == "drop":
        cases = [case for case in cases if case.split == "test" or case.subject not in shared]
    elif shared:
        raise RecipeError(f"{len(shared)} patients are both in training and in test, for example {min(shared)}.")
    return _thinned(recipe.data, _with_validation(recipe.data, cases))


def _of_folders(recipe: ClassifierRecipe, root: Path) -> list[Case]:
    data, cases = recipe.data, []
    folds: tuple[tuple[Split, str], ...] = (("train", data.train), ("test", data.test))
    for split, place in folds:
        for folder, label in data.folders.items():
            targets = tuple(float(name == label) for name in recipe.labels)
            for image in sorted((root / place / folder).glob("*")):
                if image.suffix.lower() in RADIOGRAPH_SUFFIXES:
                    mask = root / data.mask.format(split=place, folder=folder, stem=image.stem) if data.mask else None
                    cases.append(_case(data, image, mask, split, targets))
    return cases


def _of_table(recipe: ClassifierRecipe, root: Path) -> list[Case]:
    data = recipe.data
    try:
        with (root / data.table).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        raise RecipeError(f"There is no table {data.table} in {root}.") from None
    columns = rows[0].keys() if rows else ()
    for column in (data.image_column, "fold", *recipe.labels):
        if column not in columns:
            raise RecipeError(f"The table {data.table} has no column {column}.")
    cases = []
    for row in rows:
        image, split = root / row[data.image_column], _FOLDS.get(row["fold"])
        if split is None:
            raise RecipeError(f"The table {data.table} has the fold {row['fold']}; it must be train, valid or test.")
        if not image.is_file():
            raise RecipeError(f"The table {data.table} names {row[data.image_column]}, which is not in {root}.")
        targets = tuple(_label(row[name], data) for name in recipe.labels)
        mask = root / data.mask.format(split=row["fold"], folder="", stem=image.stem) if data.mask else None
        cases.append(_case(data, image, mask, split, targets))
    return cases


def _label(text: str, data: DataRecipe) -> float:
    """0, 1 or NaN. The official code counts what is not above zero as absent, uncertain labels and gaps among them."""
    value = float(text or 0)
    if value < 0 and data.uncertain == "unknown":
        return float("nan")
    return float(value > 0)


def _case(data: DataRecipe, image: Path, mask: Path | None, split: Split, targets: tuple[float, ...]) -> Case:
    subject = re.search(data.subject, image.stem)
    side = re.search(data.side, image.stem) if data.side else None
    if subject is None:
        raise RecipeError(f"The name {image.name} does not say which patient it is of ({data.subject}).")
    found = mask if mask is not None and mask.is_file() else None
    return Case(image, found, subject.group(1), _SIDES.get(side.group(1).upper(), "") if side else "", split, targets)


def _fraction(subject: str, purpose: str) -> float:
    """A number in [0, 1) that depends on nothing but the patient, so that a split survives new images."""
    return int(hashlib.sha256(f"{purpose} {subject}".encode()).hexdigest()[:12], 16) / 16**12


def _with_validation(data: DataRecipe, cases: list[Case]) -> list[Case]:
    if any(case.split == "validation" for case in cases):
        return cases
    return [
        replace(case, split="validation")
        if case.split == "train" and _fraction(case.subject, "validation") < data.validation
        else case
        for case in cases
    ]


def _thinned(data: DataRecipe, cases: list[Case]) -> list[Case]:
    """Smaller shares are subsets of larger ones, so that sizes are compared and not draws."""
    return [case for case in cases if case.split != "train" or _fraction(case.subject, "share") < data.share]

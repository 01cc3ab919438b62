"""Labelled images: found in class folders or a table, and split by patient."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.files import RADIOGRAPH_SUFFIXES
from napari_medgen.imaging.listing import list_files
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.saliency.training.recipe import ClassifierRecipe, DataRecipe

Split = Literal["train", "validation", "test"]
_FOLDS: dict[str, Split] = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_SIDES: dict[str, Laterality] = {"L": "L", "R": "R"}
# Whose images go where a patient is in two splits and the recipe says "drop": the test's are kept first.
_RANK: dict[Split, int] = {"test": 0, "validation": 1, "train": 2}


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

    @property
    def labelled(self) -> bool:
        """Whether anything is known of it."""
        return not all(math.isnan(target) for target in self.targets)


def find_cases(recipe: ClassifierRecipe, root: Path, *, all_test: bool = False) -> list[Case]:
    """All images of a recipe's data folder, those without any label among them.

    Parameters
    ----------
    all_test
        Every image of a table that has no fold is for testing; otherwise such a table is refused.

    Raises
    ------
    RecipeError
        If the folder or table is missing or holds no image, names an image that is not there or twice, holds a label that
        is none, or has a patient in two splits.
    """
    if not root.is_dir():
        raise RecipeError(f"There is no data folder {root}.")
    cases = _of_table(recipe, root, all_test) if recipe.data.table else _of_folders(recipe, root)
    if not cases:
        raise RecipeError(f"{root} holds no image where the recipe looks for them.")
    return _thinned(recipe.data, _with_validation(recipe.data, _apart(recipe.data, cases)))


def _apart(data: DataRecipe, cases: list[Case]) -> list[Case]:
    """Refuse patients that are in two splits, or drop their images from the one that is less worth keeping."""
    splits: dict[str, set[Split]] = {}
    for case in cases:
        splits.setdefault(case.subject, set()).add(case.split)
    shared = {subject: found for subject, found in splits.items() if len(found) > 1}
    if not shared:
        return cases
    if data.in_both == "refuse":
        first = min(shared)
        both = " and in ".join({"train": "training"}.get(split, split) for split in sorted(shared[first], reverse=True))
        raise RecipeError(f"{len(shared)} patients are both in {both}, for example {first}.")
    kept = {subject: min(found, key=_RANK.__getitem__) for subject, found in shared.items()}
    return [case for case in cases if kept.get(case.subject, case.split) == case.split]


def _of_folders(recipe: ClassifierRecipe, root: Path) -> list[Case]:
    data, cases = recipe.data, []
    folds: tuple[tuple[Split, str], ...] = (("train", data.train), ("test", data.test))
    for split, place in folds:
        for folder, label in data.folders.items():
            targets = tuple(float(name == label) for name in recipe.labels)
            for image in list_files(root / place / folder, "*", RADIOGRAPH_SUFFIXES):
                mask = root / data.mask.format(split=place, folder=folder, stem=image.stem) if data.mask else None
                cases.append(_case(data, root, image, mask, split, targets, {}))
    return cases


def _of_table(recipe: ClassifierRecipe, root: Path, all_test: bool) -> list[Case]:
    data = recipe.data
    try:
        with (root / data.table).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        raise RecipeError(f"There is no table {data.table} in {root}.") from None
    columns = rows[0].keys() if rows else ()
    foldless = all_test and "fold" not in columns
    wanted = (data.image_column, *(() if foldless else ("fold",)), *recipe.labels, data.subject_column)
    for column in wanted:
        if column and column not in columns:
            raise RecipeError(f"The table {data.table} has no column {column}.")
    cases, seen = [], set()
    for number, row in enumerate(rows, 2):
        where = f"{data.table}, line {number}"
        name, fold = (row[data.image_column] or "").strip(), "test" if foldless else (row["fold"] or "").strip().lower()
        image, split = root / name, _FOLDS.get(fold)
        if split is None:
            raise RecipeError(f"{where}: the fold is {row['fold']!r}; it must be train, valid or test.")
        if not name or not image.is_file():
            raise RecipeError(f"{where} names {name or 'no image'}, which is not in {root}.")
        if name in seen:
            raise RecipeError(f"{where}: {name} was named before.")
        seen.add(name)
        targets = _targets(recipe, row, where)
        mask = root / data.mask.format(split=fold, folder="", stem=image.stem) if data.mask else None
        cases.append(_case(data, root, image, mask, split, targets, row))
    return cases


def _targets(recipe: ClassifierRecipe, row: Mapping[str, str], where: str) -> tuple[float, ...]:
    targets = tuple(_label(row[name], recipe.data, f"{where}, {name}") for name in recipe.labels)
    if not recipe.exclusive:
        return targets
    if sum(target == 1 for target in targets) > 1:
        raise RecipeError(f"{where}: more than one of the labels holds, of which exactly one may.")
    # The one that holds says of all others that they do not, gaps included; where none is said to hold, nobody knows.
    return tuple(float(target == 1) if 1 in targets else math.nan for target in targets)


def _label(text: str | None, data: DataRecipe, where: str) -> float:
    """0, 1 or NaN: gaps and negative numbers are what the recipe says of them, other numbers positive or not."""
    text = (text or "").strip()
    try:
        value = float(text) if text else math.nan
    except ValueError:
        raise RecipeError(f"{where}: the label is {text!r}; it must be 1, 0, -1 for uncertain, or empty.") from None
    if math.isnan(value):
        return 0.0 if data.blank == "absent" else math.nan
    if value < 0:
        return 0.0 if data.uncertain == "absent" else math.nan
    return float(value > 0)


def _case(
    data: DataRecipe,
    root: Path,
    image: Path,
    mask: Path | None,
    split: Split,
    targets: tuple[float, ...],
    row: Mapping[str, str],
) -> Case:
    if data.subject_column:
        subject = (row[data.subject_column] or "").strip()
    else:
        # A pattern with a slash is meant for the folders as well: patient(\d+)/
        place = image.relative_to(root) if image.is_relative_to(root) else image  # a table may name files elsewhere
        found = re.search(data.subject, place.with_suffix("").as_posix() if "/" in data.subject else image.stem)
        subject = (found.group(1) if found.groups() else found.group(0)) if found else ""
    if not subject:
        wanted = data.subject_column or data.subject
        raise RecipeError(f"The name {image.name} does not say which patient it is of ({wanted}).")
    side = re.search(data.side, image.stem) if data.side else None
    kept = mask if mask is not None and mask.is_file() else None
    return Case(image, kept, subject, _SIDES.get(side.group(1).upper(), "") if side else "", split, targets)


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


def unlabelled(cases: Sequence[Case]) -> int:
    """Images of which nothing is known; they are left out of training and of figures, and counted."""
    return sum(not case.labelled for case in cases)

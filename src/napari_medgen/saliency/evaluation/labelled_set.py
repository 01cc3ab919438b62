"""Labelled images that a classifier is measured on, and what is known of them; their pixels are read when they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import About, validate_recipe
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.training.cases import Case, find_cases
from napari_medgen.saliency.training.recipe import ClassifierRecipe, DataRecipe
from napari_medgen.statistics.bootstrap import group_indices


@dataclass(frozen=True)
class TestSet:
    """Images by their files, and the truth.

    Attributes
    ----------
    cases
        Files of image and mask, patient, side and targets of each.
    data
        What the values of a mask mean.
    left_out
        Images that nothing is known of, and for each label those of which it alone is unknown; none of them counts.
    unreadable
        Why images could not be used, by their files; they are not among the cases.
    """

    __test__ = False  # not a test, whatever pytest thinks of the name

    cases: tuple[Case, ...]
    data: DataRecipe
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cases)

    @cached_property
    def targets(self) -> Tensor:
        """(N, classes): 0, 1, or NaN."""
        return torch.tensor([case.targets for case in self.cases], dtype=torch.float32)

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """(N,) number of each image's patient, so that patients are redrawn and not images."""
        return group_indices([case.subject for case in self.cases])

    @property
    def masked(self) -> bool:
        """Whether any image has a mask."""
        return any(case.mask is not None for case in self.cases)

    def rows(self, rows: Sequence[int]) -> TestSet:
        """Some of the images."""
        return replace(self, cases=tuple(self.cases[row] for row in rows))

    def first(self, count: int) -> TestSet:
        """A part of ``count`` images, spread over the whole."""
        if count >= len(self):
            return self
        return self.rows(np.linspace(0, len(self) - 1, count).round().astype(int).tolist())

    def without(self, unreadable: dict[Path, str]) -> TestSet:
        """The set without images that could not be read, of which it keeps why.

        Raises
        ------
        RecipeError
            If none is left.
        """
        if not unreadable:
            return self
        left = tuple(case for case in self.cases if case.image not in unreadable)
        if not left:
            raise RecipeError(f"No test image can be used. {next(iter(unreadable.values()))}")
        return replace(self, cases=left, unreadable=self.unreadable | unreadable)

    def places_in(self, other: TestSet) -> list[int]:
        """Rows of these images in a set that has them all."""
        places = {case.image: row for row, case in enumerate(other.cases)}
        return [places[case.image] for case in self.cases]


def named(said: Mapping[Path, str]) -> dict[str, str]:
    """What is said of files, by their names, with their folders' where several are called the same."""
    single = len({path.name for path in said}) == len(said)
    return {path.name if single else f"{path.parent.name}/{path.name}": why for path, why in said.items()}


@dataclass(frozen=True)
class LabelTable:
    """A table of labels beside a user's own images, in the place of the layout that the model's recipe knows.

    Attributes
    ----------
    table
        CSV in the data folder: a column of file names, one a label, and perhaps ``fold``; without it every image counts.
    image_column, subject_column
        Of the file name, and of the patient; without the latter each image is a patient's of its own.
    blank, uncertain
        What a gap and a negative label mean: ``unknown`` (left out and counted) or ``absent``.
    """

    table: str = "labels.csv"
    image_column: str = "Image Index"
    subject_column: str = ""
    blank: Literal["unknown", "absent"] = "unknown"
    uncertain: Literal["unknown", "absent"] = "unknown"


def find_test_set(classifier: Classifier, root: Path, *, labels: LabelTable | None = None) -> TestSet:
    """The test images of a data folder.

    Parameters
    ----------
    labels
        Table that lists them; by default they are laid out as the model's recipe says, or for an imported model listed in
        ``labels.csv``.

    Raises
    ------
    RecipeError
        If there is no test image of which anything is known.
    """
    recipe = _recipe(classifier, labels)
    every = [case for case in find_cases(recipe, root.resolve(), all_test=True) if case.split == "test"]
    cases = tuple(case for case in every if case.labelled)
    if not cases:
        raise RecipeError(f"{root} holds no test image with a label.")
    found = TestSet(cases, recipe.data)
    unknown = found.targets.isnan().sum(0).tolist()
    left_out = {"no label": len(every) - len(cases)} | dict(zip(recipe.labels, unknown, strict=True))
    return replace(found, left_out={name: count for name, count in left_out.items() if count})


def _recipe(classifier: Classifier, labels: LabelTable | None) -> ClassifierRecipe:
    card, own = classifier.folder.card, classifier.architecture
    if card.recipe and labels is None:
        return validate_recipe(ClassifierRecipe, card.recipe, card.name)
    about = About(title=card.title, description="", data="", licence="", intended_use="", limits="")
    asked = labels or LabelTable()
    return ClassifierRecipe(
        task="saliency",
        name="imported",
        labels=own.labels,
        exclusive=own.exclusive,
        about=about,
        data=DataRecipe(
            table=asked.table,
            image_column=asked.image_column,
            subject_column=asked.subject_column,
            # With a slash the whole place in the folder is meant: names may be the same in several folders.
            subject="" if asked.subject_column else "(.*)/?",
            blank=asked.blank,
            uncertain=asked.uncertain,
        ),
        network=own.network,
        view=own.view,
    )

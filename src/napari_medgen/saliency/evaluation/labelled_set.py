"""Labelled images that a classifier is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.models.recipe import About, validate_recipe
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.room import room_for
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.training.cases import Case, find_cases
from napari_medgen.saliency.training.recipe import ClassifierRecipe, DataRecipe
from napari_medgen.statistics.bootstrap import group_indices

_BATCH = 64


@dataclass(frozen=True)
class Masked:
    """A mask on an image's pixels: where the finding may be, and which pixels count."""

    inside: NDArray[np.bool_]
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class TestSet:
    """Images as the network sees them, and the truth.

    Attributes
    ----------
    inputs
        (N, channels, H, W) float32 in [0, 1], on the CPU; in a mapped file where there are too many for the memory.
    targets
        (N, classes): 0, 1, or NaN.
    views
        What of each image is seen.
    masks
        Mask of each image, or None.
    groups
        (N,) number of each image's patient, so that patients are redrawn and not images.
    names
        File stems.
    left_out
        Images that nothing is known of, and for each label those of which it alone is unknown; none of them counts.
    """

    __test__ = False  # not a test, whatever pytest thinks of the name

    inputs: Tensor
    targets: Tensor
    views: list[NetworkView]
    masks: list[Masked | None]
    groups: NDArray[np.intp]
    names: list[str]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self) -> list[slice]:
        """Slices of at most 64 images."""
        return [slice(i, i + _BATCH) for i in range(0, len(self), _BATCH)]

    def first(self, count: int) -> TestSet:
        """A part of ``count`` images, spread over the whole."""
        if count >= len(self):
            return self
        rows = np.linspace(0, len(self) - 1, count).round().astype(int)
        return TestSet(
            self.inputs[rows],
            self.targets[rows],
            [self.views[i] for i in rows],
            [self.masks[i] for i in rows],
            np.unique(self.groups[rows], return_inverse=True)[1],
            [self.names[i] for i in rows],
            self.left_out,
        )


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


def load_test_set(
    classifier: Classifier, root: Path, *, labels: LabelTable | None = None, masks: bool = True
) -> Steps[TestSet]:
    """The test images of a data folder.

    Parameters
    ----------
    labels
        Table that lists them; by default they are laid out as the model's recipe says, or for an imported model listed in
        ``labels.csv``.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    RecipeError
        If there is no test image of which anything is known.
    """
    recipe = _recipe(classifier, labels)
    every = [case for case in find_cases(recipe, root, all_test=True) if case.split == "test"]
    cases = [case for case in every if case.labelled]
    if not cases:
        raise RecipeError(f"{root} holds no test image with a label.")
    channels = classifier.architecture.network.channels
    inputs = torch.from_numpy(room_for((len(cases), channels, *classifier.architecture.view.size)))
    views, found = [], []
    for index, case in enumerate(cases):
        image = read_radiograph(case.image)
        if case.side:
            image = replace(image, laterality=case.side)
        inputs[index] = classifier.see(image)[0].cpu()
        views.append(classifier.view_of(image))
        found.append(_mask(case, recipe.data, image.shape) if masks else None)
        yield Progress(index + 1, len(cases), "Reading test images")
    targets = torch.tensor([case.targets for case in cases], dtype=torch.float32)
    groups = group_indices([case.subject for case in cases])
    unknown = targets.isnan().sum(0).tolist()
    left_out = {"no label": len(every) - len(cases)} | dict(zip(recipe.labels, unknown, strict=True))
    return TestSet(
        inputs,
        targets,
        views,
        found,
        groups,
        [case.image.stem for case in cases],
        {name: count for name, count in left_out.items() if count},
    )


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


def _mask(case: Case, data: DataRecipe, shape: tuple[int, int]) -> Masked | None:
    if case.mask is None:
        return None
    pixels = read_radiograph(case.mask).pixels
    if pixels.shape != shape:
        rows = (np.arange(shape[0]) * pixels.shape[0] // shape[0])[:, None]
        pixels = pixels[rows, np.arange(shape[1]) * pixels.shape[1] // shape[1]]
    return Masked(pixels == data.mask_inside, pixels != data.mask_ignore)

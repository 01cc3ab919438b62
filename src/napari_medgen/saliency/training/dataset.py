"""Training images in memory: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.frame_cache import cached_frames
from napari_medgen.imaging.network_view import NetworkView, ViewSizes, to_tensor
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.stamps import file_stamp, fingerprint
from napari_medgen.saliency.training.cases import Case, Split, find_cases, unlabelled
from napari_medgen.saliency.training.recipe import ClassifierRecipe


@dataclass(frozen=True)
class Dataset:
    """Images and their targets, in the order of the cases.

    Attributes
    ----------
    cases
        Where each came from.
    frames
        (N, rows, columns) uint8, sides that the view mirrors already mirrored.
    targets
        (N, classes) float32: 0, 1 or NaN, not all of a row NaN.
    people
        Fingerprint of who is in which split: a training must not go on with others.
    """

    cases: list[Case]
    frames: NDArray[np.uint8]
    targets: torch.Tensor
    people: str

    def rows(self, split: Split) -> NDArray[np.intp]:
        """Indices of a split's images."""
        return np.flatnonzero([case.split == split for case in self.cases])


def build_dataset(recipe: ClassifierRecipe, root: Path, work: Path) -> Steps[Dataset]:
    """Find the images and read them, or map those of an earlier run whose files are the same.

    Images of which no label is known, and those that cannot be read, are left out and counted.

    Yields
    ------
    Progress
        A step an image that has to be read; the last says what was left out.

    Raises
    ------
    RecipeError
        If there is no image for training or for validation, a split lacks a class, or more than one image in ten cannot
        be read.
    """
    cases = find_cases(recipe, root)
    blank = unlabelled(cases)
    cases = [case for case in cases if case.labelled]
    if not cases:
        raise RecipeError(f"None of the {blank} images has a label; data.blank says what a gap means.")
    frames, kept = yield from cached_frames(
        [[case.image.relative_to(root).as_posix(), case.side, file_stamp(case.image)] for case in cases],
        lambda index: frame(_read(cases[index]), recipe.data.frame, recipe.view),
        recipe.data.frame,
        {"frame": recipe.data.frame, "view": recipe.view.model_dump(mode="json")},
        work,
        RecipeError,
    )
    unreadable = len(cases) - len(kept)
    cases = [cases[index] for index in kept]
    targets = torch.tensor([case.targets for case in cases], dtype=torch.float32)
    require_learnable(recipe, cases, targets)
    left_out = [f"{blank} without a label"] * bool(blank) + [f"{unreadable} unreadable"] * bool(unreadable)
    note = f"; left out: {', '.join(left_out)}" if left_out else ""
    yield Progress(len(cases), len(cases), f"{len(cases)} images are read{note}")
    people = fingerprint([[case.subject, case.split] for case in cases])
    return Dataset(cases, frames, targets, people)


def _read(case: Case) -> Radiograph:
    image = read_radiograph(case.image)
    # The name says which side; the file may too, but a folder's convention is the recipe's.
    return replace(image, laterality=case.side) if case.side else image


def frame(image: Radiograph, size: tuple[int, int], view: ViewSizes) -> NDArray[np.uint8]:
    """An image as 8-bit grey of ``size``, mirrored if its side is the one to mirror.

    A network that squashes its images sees the same of a squashed frame. For one that crops them to its own proportions, the
    frame is the part of the image around what is seen, in those proportions; where the image ends it is black.
    """
    grey = image.grey()
    if view.mirror and image.laterality == view.mirror:
        grey = grey[:, ::-1]
    if view.fit == "crop":
        grey = _around_the_view(grey, size, view)
    tensor = to_tensor(grey)
    if grey.shape != size:
        tensor = F.interpolate(tensor, size, mode="bilinear", antialias=True, align_corners=False)
    pixels: NDArray[np.uint8] = (tensor[0, 0] * 255).round().to(torch.uint8).numpy()
    return pixels


def _around_the_view(grey: NDArray[np.float32], size: tuple[int, int], view: ViewSizes) -> NDArray[np.float32]:
    """The part of an image whose view, as a frame of ``size`` has it, is the view of the image itself."""
    of_image, of_frame = NetworkView.of((grey.shape[0], grey.shape[1]), view), NetworkView.of(size, view)
    ranges, padding = [], []
    for axis in (0, 1):
        first, last = of_image.box[axis], of_image.box[axis + 2]
        scale = (last - first) / (of_frame.box[axis + 2] - of_frame.box[axis])
        start = round(first - of_frame.box[axis] * scale)
        end = round(first + (size[axis] - of_frame.box[axis]) * scale)
        ranges.append(slice(max(start, 0), min(end, grey.shape[axis])))
        padding.append((max(-start, 0), max(end - grey.shape[axis], 0)))
    return np.pad(grey[tuple(ranges)], padding)


def require_learnable(recipe: ClassifierRecipe, cases: list[Case], targets: torch.Tensor) -> None:
    """Refuse a split without images, and a label that all images of a split share.

    Raises
    ------
    RecipeError
        Which split, and which label.
    """
    splits = np.array([case.split for case in cases])
    for split in ("train", "validation"):
        chosen = targets[splits == split]
        if not len(chosen):
            raise RecipeError(f"There is no image for {split}; change the shares or add patients.")
        for index, label in enumerate(recipe.labels):
            column = chosen[:, index]
            if not (column == 1).any() or not (column == 0).any():
                raise RecipeError(f"In {split}, every image has the same label for {label}; nothing can be learned of it.")

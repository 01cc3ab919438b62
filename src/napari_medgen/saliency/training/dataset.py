"""Training images in memory: read once, kept as 8-bit frames in a file that is mapped."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.training.cases import Case, Split, find_cases
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from napari_medgen.saliency.view import to_tensor

_CHUNK = 64


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
        (N, classes) float32: 0, 1 or NaN.
    """

    cases: list[Case]
    frames: NDArray[np.uint8]
    targets: torch.Tensor

    def rows(self, split: Split) -> NDArray[np.intp]:
        """Indices of a split's images."""
        return np.flatnonzero([case.split == split for case in self.cases])


def build_dataset(recipe: ClassifierRecipe, root: Path, work: Path) -> Steps[Dataset]:
    """Find the images and read them, or map those of an earlier run.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    RecipeError
        If there is no image for training or for validation, or a split lacks a class.
    ImageError
        If an image cannot be read.
    """
    cases = find_cases(recipe, root)
    targets = torch.tensor([case.targets for case in cases], dtype=torch.float32)
    _require(recipe, cases, targets)
    rows, columns = recipe.data.frame
    names = [str(case.image.relative_to(root)) for case in cases]
    about = json.dumps([names, recipe.data.frame, recipe.view.mirror])
    file = work / f"frames-{hashlib.sha256(about.encode()).hexdigest()[:16]}.npy"
    if not file.is_file():
        work.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        frames = np.lib.format.open_memmap(part, "w+", np.uint8, (len(cases), rows, columns))
        # Reading a picture releases the interpreter's lock, so threads do help.
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(cases), _CHUNK):
                chunk = cases[start : start + _CHUNK]
                read = pool.map(lambda case: frame(_read(case), (rows, columns), recipe.view.mirror), chunk)
                for offset, image in enumerate(read):
                    frames[start + offset] = image
                yield Progress(start + len(chunk), len(cases), "Reading images")
        frames.flush()
        del frames
        part.replace(file)
    yield Progress(len(cases), len(cases), "Images are read")
    return Dataset(cases, np.load(file, mmap_mode="r"), targets)


def _read(case: Case) -> Radiograph:
    image = read_radiograph(case.image)
    # The name says which side; the file may too, but a folder's convention is the recipe's.
    return image if not case.side else _sided(image, case)


def _sided(image: Radiograph, case: Case) -> Radiograph:
    from dataclasses import replace

    return replace(image, laterality=case.side)


def frame(image: Radiograph, size: tuple[int, int], mirror: str) -> NDArray[np.uint8]:
    """An image squashed to ``size`` as 8-bit grey, mirrored if its side is the one to mirror."""
    grey = image.grey()
    if mirror and image.laterality == mirror:
        grey = grey[:, ::-1]
    tensor = to_tensor(grey)
    if grey.shape != size:
        tensor = F.interpolate(tensor, size, mode="bilinear", antialias=True, align_corners=False)
    pixels: NDArray[np.uint8] = (tensor[0, 0] * 255).round().to(torch.uint8).numpy()
    return pixels


def _require(recipe: ClassifierRecipe, cases: list[Case], targets: torch.Tensor) -> None:
    splits = np.array([case.split for case in cases])
    for split in ("train", "validation"):
        chosen = targets[splits == split]
        if not len(chosen):
            raise RecipeError(f"There is no image for {split}; change the shares or add patients.")
        for index, label in enumerate(recipe.labels):
            column = chosen[:, index]
            if not (column == 1).any() or not (column == 0).any():
                raise RecipeError(f"In {split}, every image has the same label for {label}; nothing can be learned of it.")

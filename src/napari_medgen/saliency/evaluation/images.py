"""The images of a test set as a network sees them, and their masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.saliency.evaluation.labelled_set import TestSet
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.training.cases import Case
from napari_medgen.saliency.training.recipe import DataRecipe


@dataclass(frozen=True)
class Masked:
    """A mask on an image's pixels: where the finding may be, and which pixels count."""

    inside: NDArray[np.bool_]
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class SeenImage:
    """An image as the network sees it: input (1, channels, H, W) float32 in [0, 1] on the CPU, and what of it is seen."""

    case: Case
    seen: Tensor
    view: NetworkView
    mask: Masked | None = None


def read_images(
    classifier: Classifier, test: TestSet, failed: dict[Path, str] | None = None, *, masks: bool = False
) -> Iterator[SeenImage]:
    """Read the images of a test set, one after the other.

    Parameters
    ----------
    failed
        Is told why an image cannot be used, which is then left out; without it that ends the reading.
    masks
        Whether masks are read as well, where there are any.

    Raises
    ------
    ImageError
        If a file cannot be read and there is no ``failed``.
    """
    for case in test.cases:
        try:
            image = read_radiograph(case.image)
            if case.side:
                image = replace(image, laterality=case.side)
            look = classifier.look(image)
            mask = _mask(case, test.data, image.shape) if masks else None
            seen = look.seen.cpu()
        except ImageError as error:
            if failed is None:
                raise
            failed[case.image] = str(error)
            continue
        yield SeenImage(case, seen, look.view, mask)


def inputs_of(classifier: Classifier, test: TestSet) -> Tensor:
    """Inputs (N, channels, H, W) of all images of a small test set, on the CPU."""
    return torch.cat([image.seen for image in read_images(classifier, test)])


def _mask(case: Case, data: DataRecipe, shape: tuple[int, int]) -> Masked | None:
    if case.mask is None:
        return None
    pixels = read_radiograph(case.mask).pixels
    if pixels.shape != shape:
        rows = (np.arange(shape[0]) * pixels.shape[0] // shape[0])[:, None]
        pixels = pixels[rows, np.arange(shape[1]) * pixels.shape[1] // shape[1]]
    return Masked(pixels == data.mask_inside, pixels != data.mask_ignore)

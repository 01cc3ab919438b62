"""Whether an image is of the kind that a classifier was trained on.

A check that costs nothing and needs no outlier examples: training images are made small and brought to one brightness and
contrast; their principal components span what such images look like (Turk 1991). An image that these components cannot
rebuild is of another kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.view import to_tensor

_SIDE = 24
_COMPONENTS = 48
_QUANTILE = 0.999
# An image of the kind is allowed a little more than the worst of a thousand training images.
_MARGIN = 1.15
_FEWEST_PIXELS = 32


@dataclass(frozen=True)
class ImageReference:
    """What the training images look like.

    Attributes
    ----------
    mean, components
        (D,) and (K, D) of standardised thumbnails.
    limit
        Residual above which an image is of another kind: of held-out training images, nearly all lie below it.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    limit: float

    @classmethod
    def of(cls, images: NDArray[np.float32]) -> ImageReference:
        """Reference of training images (N, rows, columns) in [0, 1]."""
        rows = np.concatenate([_thumbnails(torch.from_numpy(images[i : i + 256])) for i in range(0, len(images), 256)])
        # The limit comes from images that the components were not fitted to.
        held, fitted = rows[::5], np.delete(rows, np.s_[::5], axis=0)
        if not len(fitted):
            fitted = rows
        mean = fitted.mean(0)
        _, _, directions = np.linalg.svd(fitted - mean, full_matrices=False)
        reference = cls(mean, directions[:_COMPONENTS].astype(np.float32), np.inf)
        limit = float(np.quantile([reference._residual(row) for row in held], _QUANTILE)) * _MARGIN
        return cls(reference.mean, reference.components, limit)

    def tensors(self) -> dict[str, Tensor]:
        """For a weight file."""
        return {
            "mean": torch.from_numpy(self.mean).half(),
            "components": torch.from_numpy(self.components).half(),
            "limit": torch.tensor([self.limit]),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> ImageReference:
        """From a weight file."""
        return cls(tensors["mean"].numpy(), tensors["components"].numpy(), float(tensors["limit"]))

    def _residual(self, row: NDArray[np.float32]) -> float:
        centred = row - self.mean
        rest = centred - (self.components @ centred) @ self.components
        return float(np.sqrt((rest**2).mean()))

    def unlikeness(self, grey: NDArray[np.float32]) -> float:
        """How unlike the training images one is, (rows, columns) in [0, 1]: above 1 it is of another kind."""
        return self._residual(_thumbnails(to_tensor(grey)[0])[0]) / self.limit


def _thumbnails(images: Tensor) -> NDArray[np.float32]:
    """(N, rows, columns) as rows of small images with mean 0 and standard deviation 1."""
    small = torch.nn.functional.interpolate(images[:, None], (_SIDE, _SIDE), mode="bilinear", antialias=True)
    rows = small.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    values: NDArray[np.float32] = (rows / rows.std(1, keepdim=True).clamp(min=1e-3)).numpy()
    return values


def warnings_about(image: Radiograph, reference: ImageReference | None, body_part: str) -> list[str]:
    """Sentences that say why a map of this image would mean nothing; empty where nothing speaks against it.

    Parameters
    ----------
    reference
        The training images' look; None for a model that does not carry it (an imported one).
    body_part
        What the model was trained on, for the sentence.
    """
    rows, columns = image.shape
    if min(rows, columns) < _FEWEST_PIXELS:
        return [f"{rows} x {columns} pixels are too few to see anything in: at least {_FEWEST_PIXELS} each way are needed."]
    grey = image.grey()
    if float(grey.std()) < 0.01:
        return ["The image is of one grey value throughout: there is nothing for the model to see. Check the window."]
    found = []
    if image.coloured:
        found.append("This is a colour picture, and the model was trained on radiographs.")
    if reference is not None and reference.unlikeness(grey) > 1:
        wanted = f"a {body_part}" if body_part else "the images it was trained on"
        found.append(
            f"This does not look like {wanted}: the model was trained on nothing else, and its answer means nothing."
        )
    return found

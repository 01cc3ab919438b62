"""Whether an image is of the kind that a classifier was trained on.

The network itself knows best what its training images look like: the channel averages of its four stages are nearly
Gaussian over them, and an image of another kind lies far outside (Mahalanobis distance, after Lee 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.network import ResNet

_SHRINKAGE = 0.1  # of the covariance towards none between channels; there may be fewer images than channels squared
# Two suitable images in a hundred are warned of; on the public data this is where no image of another kind gets through.
_QUANTILE = 0.98
_LEAST_SPREAD = 1e-3  # of a channel that hardly changes; its inverse must fit half precision
_FEWEST_PIXELS = 32
_FLAT = 0.01  # standard deviation of a grey image in 0 to 1 below which there is nothing in it


@torch.no_grad()
def stage_averages(network: ResNet, seen: Tensor) -> Tensor:
    """(N, D) channel averages of all four stages, through the clean batch norm, for network inputs (N, C, H, W)."""
    return averages(network.feature_maps(seen, 0))


def averages(maps: list[Tensor]) -> Tensor:
    """(N, D) channel averages of feature maps (N, C, h, w), on the CPU."""
    return torch.cat([one.detach().mean((2, 3)) for one in maps], 1).float().cpu()


@dataclass(frozen=True)
class FeatureReference:
    """What the training images look like to the network.

    Attributes
    ----------
    mean
        (D,) of the features.
    whitening
        (D, D) matrix that makes the training images' features uncorrelated with variance one.
    limit
        Distance that two in a hundred held-out images exceed.
    """

    mean: Tensor
    whitening: Tensor
    limit: float

    @classmethod
    def of(cls, features: Tensor, held_out: Tensor) -> FeatureReference:
        """Reference of features (N, D) of training images, with a limit from those of images that were held out."""
        rows = features.double().numpy()
        mean, spread = rows.mean(0), np.maximum(rows.std(0), _LEAST_SPREAD)
        # The floor of the spread lets a channel that never changes correlate with nothing.
        correlation = np.cov((rows - mean) / spread, rowvar=False)
        size = len(mean)
        shrunk = (1 - _SHRINKAGE) * correlation + _SHRINKAGE * np.eye(size)
        whitening = np.linalg.inv(np.linalg.cholesky(shrunk)) / spread
        # Stored in half precision, so the limit is measured in it.
        found = cls(torch.from_numpy(mean).float(), torch.from_numpy(whitening).half().float(), 1.0)
        return cls(found.mean, found.whitening, float(np.quantile(found.distances(held_out), _QUANTILE)))

    def distances(self, features: Tensor) -> NDArray[np.float64]:
        """Root mean square of each image's whitened features, (N,): about one for a training image."""
        whitened = (features.float() - self.mean) @ self.whitening.T
        values: NDArray[np.float64] = whitened.square().mean(1).sqrt().double().numpy()
        return values

    def unlikeness(self, features: Tensor) -> float:
        """How unlike the training images one is, from its features (1, D): above 1 it is of another kind."""
        return float(self.distances(features)[0] / self.limit)

    def tensors(self) -> dict[str, Tensor]:
        """For a weight file."""
        return {"mean": self.mean, "whitening": self.whitening.half(), "limit": torch.tensor([self.limit])}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> FeatureReference:
        """From a weight file."""
        return cls(tensors["mean"], tensors["whitening"], float(tensors["limit"]))


def warnings_about(image: Radiograph, unlikeness: float | None, body_part: str) -> list[str]:
    """Sentences that say why a map of this image would mean nothing; empty where nothing speaks against it.

    Parameters
    ----------
    unlikeness
        Of the image to those the model was trained on; None for a model that does not know them (an imported one).
    body_part
        What the model was trained on, for the sentence.
    """
    rows, columns = image.shape
    if min(rows, columns) < _FEWEST_PIXELS:
        return [f"{rows} x {columns} pixels are too few to see anything in: at least {_FEWEST_PIXELS} each way are needed."]
    if float(image.grey().std()) < _FLAT:
        return ["The image is of one grey value throughout: there is nothing for the model to see. Check the window."]
    found = []
    if image.coloured:
        found.append("This is a colour picture, and the model was trained on radiographs.")
    if unlikeness is not None and unlikeness > 1:
        wanted = f"the images of its training ({body_part})" if body_part else "the images of its training"
        found.append(f"To the model this does not look like {wanted}, so its answer means nothing.")
    return found

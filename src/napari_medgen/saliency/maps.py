"""A saliency map: values on an image's own pixels, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.saliency.request import UNSIGNED, ExplainRequest


@dataclass(frozen=True)
class Answer:
    """What a classifier says of an image: the probability of each label, through one batch norm."""

    probabilities: dict[str, float]

    @property
    def best(self) -> str:
        """The most probable label."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


@dataclass(frozen=True, eq=False)
class SaliencyMap:
    """Where a classifier looked.

    Attributes
    ----------
    values
        (rows, columns) float32 on the image's pixels, in [-1, 1] of ``limit``: positive speaks for the class, negative
        against it, zero is neither. Where the network saw nothing it is zero.
    limit
        Attribution at which the map saturates, in logits for each unit of grey.
    label, answer
        The class that is explained, and all probabilities.
    request, view
        How the map was made, and what the network saw.
    seen
        (h, w) float32 in [0, 1]: the network's input.
    warnings
        Why the map may mean nothing; empty where nothing speaks against it.
    provenance
        Model and method.
    """

    values: NDArray[np.float32]
    limit: float
    label: str
    answer: Answer
    request: ExplainRequest
    view: NetworkView
    seen: NDArray[np.float32]
    warnings: tuple[str, ...]
    provenance: Provenance

    @property
    def probability(self) -> float:
        """Of the class that is explained."""
        return self.answer.probabilities[self.label]

    @property
    def signed(self) -> bool:
        """Whether the method tells for from against."""
        return self.request.method not in UNSIGNED

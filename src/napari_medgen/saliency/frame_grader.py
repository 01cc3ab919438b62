"""A classifier of ordered grades as other systems use it: on frames that are cut and mirrored already."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.model import Classifier

_CLEAN, _ROBUST = 0, 1


class FrameGrader:
    """Grades and features of frames, which are (N, 1, H, W) in [0, 1].

    Parameters
    ----------
    classifier
        One whose labels exclude each other and are in order.

    Raises
    ------
    ModelError
        If its labels are not so: probabilities that do not sum to one are no distribution over grades.
    """

    def __init__(self, classifier: Classifier) -> None:
        own = classifier.architecture
        if not (own.exclusive and own.ordinal):
            raise ModelError(f"{classifier.name} does not give the probabilities of ordered grades that exclude each other.")
        self._classifier, self.labels = classifier, own.labels
        # Features of adversarially trained branches follow what people see (Engstrom 2019), so images are compared by them.
        self._compared_by = min(_ROBUST, own.network.domains - 1)

    @property
    def name(self) -> str:
        """Of the model."""
        return self._classifier.name

    @property
    def checksum(self) -> str:
        """Of the model's weights."""
        return self._classifier.folder.card.checksum

    def doubts(self, image: Radiograph) -> list[str]:
        """Sentences that say why this image is not one for this classifier."""
        return self._classifier.warnings_about(image)

    @torch.no_grad()
    def probabilities(self, frames: Tensor) -> Tensor:
        """Probability (N, grades) of each grade, on the CPU."""
        return probabilities(self._classifier.logits(self._see(frames), _CLEAN), True)

    def features(self, frames: Tensor) -> list[Tensor]:
        """Output of the four stages; gradients flow to the frames."""
        return self._classifier.network.feature_maps(self._see(frames), self._compared_by)

    def _see(self, frames: Tensor) -> Tensor:
        own = self._classifier.architecture
        height, width = frames.shape[-2:]
        # Frames are mirrored as the classifier wants them, so the view gets no side.
        seen = NetworkView.of((height, width), own.view).see(frames).expand(-1, own.network.channels, -1, -1)
        return seen.to(self._classifier.device.torch).contiguous(memory_format=torch.channels_last)


class FastProgression:
    """A supervised classifier of one label, fast progression, from the baseline image alone (Han 2022, the baseline).

    Parameters
    ----------
    classifier
        One with a single label.

    Raises
    ------
    ModelError
        If it has several.
    """

    def __init__(self, classifier: Classifier) -> None:
        if len(classifier.architecture.labels) != 1:
            raise ModelError(f"{classifier.name} has several labels; a classifier of fast progression has one.")
        self._classifier = classifier

    @property
    def name(self) -> str:
        """Of the model."""
        return self._classifier.name

    def risk(self, image: Radiograph) -> float:
        """Probability of fast progression."""
        return self._classifier.answer(image).probabilities[self._classifier.architecture.labels[0]]

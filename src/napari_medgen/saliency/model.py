"""A classifier that is loaded: what it says of an image, and why."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.folder import ModelFolder
from napari_medgen.running.devices import Device
from napari_medgen.saliency.loaded import LoadedClassifier
from napari_medgen.saliency.look import Look
from napari_medgen.saliency.maps import Answer, SaliencyMap
from napari_medgen.saliency.request import ExplainRequest


class Classifier(LoadedClassifier):
    """A classifier that can be asked about images; see :class:`LoadedClassifier` for its parameters and errors."""

    def look(self, image: Radiograph, *, explain: bool = False) -> Look:
        """The image as the network sees it: whoever asks more than one thing of an image asks this."""
        return Look(self, image, explain=explain)

    def view_of(self, image: Radiograph) -> NetworkView:
        """The part of an image that the network sees."""
        return self.look(image).view

    def see(self, image: Radiograph) -> Tensor:
        """The network's input (1, channels, H, W) in [0, 1], on the device."""
        return self.look(image).seen

    def warnings_about(self, image: Radiograph) -> list[str]:
        """Sentences that say why this image is not one for this model; empty for one that is."""
        return list(self.look(image).doubts)

    def answer(self, image: Radiograph, domain: int = 0) -> Answer:
        """Probability of each class."""
        return self.look(image).answer(domain)

    def explain(self, image: Radiograph, request: ExplainRequest | None = None) -> SaliencyMap:
        """Where the network looked, on the image's own pixels; see :meth:`Look.map`."""
        return self.look(image, explain=True).map(request)


def open_classifier(folders: Sequence[ModelFolder], device: Device) -> Classifier:
    """The classifier of its folder, for whoever is given folders (:class:`napari_medgen.models.kept.Kept`)."""
    return Classifier(folders[0], device)

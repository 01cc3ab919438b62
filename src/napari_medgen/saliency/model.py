"""A classifier that is loaded: what it says of an image, and why."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.folder import ModelFolder, build_network
from napari_medgen.running.devices import Device, choose_device
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, classifier_architecture
from napari_medgen.saliency.look import Look
from napari_medgen.saliency.maps import Answer, SaliencyMap
from napari_medgen.saliency.network import ResNet, channels_last
from napari_medgen.saliency.request import ExplainRequest
from napari_medgen.saliency.suitability import FeatureReference


class Classifier:
    """A classifier with its weights on a device, in single precision.

    Parameters
    ----------
    folder
        An opened model folder.
    device
        Where to compute; by default the device in force.

    Raises
    ------
    ModelError
        If the folder holds no classifier, or weights that do not fit its card.
    """

    def __init__(self, folder: ModelFolder, device: Device | None = None) -> None:
        self.folder = folder
        self.architecture = classifier_architecture(folder.card)
        self.device = device or choose_device()
        sizes, weights = self.architecture.network, folder.tensors(CLASSIFIER_FILE)
        network = build_network(lambda: ResNet(sizes), weights, "classifier", missing_ok="num_batches_tracked")
        self.network = channels_last(network).to(self.device.torch).eval()
        self.network.requires_grad_(False)
        has_reference = REFERENCE_FILE in folder.card.checksums
        self.reference = FeatureReference.from_tensors(folder.tensors(REFERENCE_FILE)) if has_reference else None

    @property
    def name(self) -> str:
        """Of the model."""
        return self.folder.name

    def variant(self, domain: int = 0) -> str:
        """The way it was trained, and the batch norm, for a title; the model's name where nobody knows."""
        own = self.architecture
        if own.training == "unknown":
            return self.name
        names = own.domain_names
        return f"{own.training} ({names[self.domain(domain)]})" if names else own.training

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

    @torch.no_grad()
    def logits(self, seen: Tensor, domain: int = 0) -> Tensor:
        """Logits (N, classes) of network inputs, on the CPU."""
        said: Tensor = self.network(seen.to(self.device.torch), self.domain(domain))
        return said.float().cpu()

    def answer(self, image: Radiograph, domain: int = 0) -> Answer:
        """Probability of each class."""
        return self.look(image).answer(domain)

    def explain(self, image: Radiograph, request: ExplainRequest | None = None) -> SaliencyMap:
        """Where the network looked, on the image's own pixels; see :meth:`Look.map`."""
        return self.look(image, explain=True).map(request)

    def domain(self, domain: int) -> int:
        """The index of a batch norm that is there; a network with one takes its own for any of the two published ones.

        Raises
        ------
        ModelError
            If there is no such batch norm.
        """
        count = self.architecture.network.domains
        if not 0 <= domain < max(count, 2):
            raise ModelError(f"{self.name} has no batch norm {domain}; it has {count}.")
        return min(domain, count - 1)

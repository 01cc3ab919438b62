"""A classifier's weights on a device: what everything that asks a classifier is built on."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.models.folder import ModelFolder, build_network
from napari_medgen.running.devices import Device, choose_device, memory_guard
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, classifier_architecture
from napari_medgen.saliency.network import ResNet, channels_last
from napari_medgen.saliency.suitability import FeatureReference


class LoadedClassifier:
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
        with memory_guard(f"Loading {folder.name}", "Close other programs, or other widgets."):
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

    @torch.no_grad()
    def logits(self, seen: Tensor, domain: int = 0) -> Tensor:
        """Logits (N, classes) of network inputs, on the CPU."""
        said: Tensor = self.network(seen.to(self.device.torch), self.domain(domain))
        return said.float().cpu()

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

"""A classifier that is loaded: what it says of an image, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.folder import ModelFolder, load_weights
from napari_medgen.running.devices import Device, choose_device, memory_guard
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, classifier_architecture
from napari_medgen.saliency.attribution import attribute, clip_to_spread
from napari_medgen.saliency.maps import Answer, SaliencyMap
from napari_medgen.saliency.methods import ExplainRequest
from napari_medgen.saliency.network import ResNet, channels_last
from napari_medgen.saliency.suitability import FeatureReference, stage_averages, warnings_about
from napari_medgen.saliency.targets import probabilities
from napari_medgen.saliency.view import NetworkView, to_tensor


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
        network = ResNet(self.architecture.network)
        load_weights(network, folder.tensors(CLASSIFIER_FILE), "classifier", missing_ok="num_batches_tracked")
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
        return f"{own.training} ({names[self._domain(domain)]})" if names else own.training

    def view_of(self, image: Radiograph) -> NetworkView:
        """The part of an image that the network sees."""
        return NetworkView.of(image.shape, self.architecture.view, image.laterality)

    def see(self, image: Radiograph) -> Tensor:
        """The network's input (1, channels, H, W) in [0, 1], on the device."""
        seen = self.view_of(image).see(to_tensor(image.grey(), self.architecture.network.channels))
        return seen.clamp(0, 1).to(self.device.torch)

    def warnings_about(self, image: Radiograph) -> list[str]:
        """Sentences that say why this image is not one for this model; empty for one that is."""
        unlikeness = self.reference.unlikeness(stage_averages(self.network, self.see(image))) if self.reference else None
        return warnings_about(image, unlikeness, self.architecture.body_part)

    @torch.no_grad()
    def logits(self, seen: Tensor, domain: int = 0) -> Tensor:
        """Logits (N, classes) of network inputs, on the CPU."""
        said: Tensor = self.network(seen.to(self.device.torch), self._domain(domain))
        return said.float().cpu()

    def answer(self, image: Radiograph, domain: int = 0) -> Answer:
        """Probability of each class."""
        with memory_guard("Classifying the image"):
            return self._answer(self.logits(self.see(image), domain))

    def explain(self, image: Radiograph, request: ExplainRequest | None = None) -> SaliencyMap:
        """Where the network looked, on the image's own pixels.

        Raises
        ------
        ModelError
            If there is no such class or batch norm, or the method needs a package that is not installed.
        MemoryShortageError
            If memory runs out.
        """
        request = request or ExplainRequest()
        with memory_guard("Explaining the image", "Choose the input gradient, or fewer samples."):
            seen, view = self.see(image), self.view_of(image)
            answer = self._answer(self.logits(seen, request.domain))
            label = request.label or answer.best
            index = self.architecture.class_index(label)
            label = self.architecture.labels[index]
            raw = attribute(self.network, seen, index, replace(request, domain=self._domain(request.domain)))
            values, limit = self._placed(raw, view, request.clip)
        return SaliencyMap(
            values=values,
            limit=limit,
            label=label,
            answer=answer,
            request=replace(request, label=label),
            view=view,
            seen=seen[0].mean(0).cpu().numpy(),
            warnings=tuple(self.warnings_about(image)),
            provenance=self.provenance(image, request, label),
        )

    def provenance(self, image: Radiograph, request: ExplainRequest, label: str) -> Provenance:
        """What a map says of its origin; a map of a synthetic image is marked as that image is."""
        return Provenance(
            synthetic=image.provenance.synthetic,
            operation=f"saliency: {request.method}, {label}, batch norm {request.domain}, clip {request.clip:g} SD",
            source=image.name,
            model=self.folder.name,
            model_checksum=self.folder.card.checksum,
            seed=request.seed if request.method == "smoothgrad" else None,
        )

    def _placed(self, raw: Tensor, view: NetworkView, clip: float) -> tuple[NDArray[np.float32], float]:
        clipped = clip_to_spread(raw, clip)
        limit = float(clipped.abs().max())
        if limit == 0 or not np.isfinite(limit):
            return np.zeros(view.shape, np.float32), 1.0
        placed = view.place((clipped / limit)[:, None])
        return placed[0, 0].cpu().numpy().astype(np.float32), limit

    def _answer(self, logits: Tensor) -> Answer:
        said = probabilities(logits, self.architecture.exclusive)[0].tolist()
        return Answer(dict(zip(self.architecture.labels, said, strict=True)))

    def _domain(self, domain: int) -> int:
        """The index of a batch norm that is there; a network with one takes its own for any of the two published ones."""
        count = self.architecture.network.domains
        if not 0 <= domain < max(count, 2):
            raise ModelError(f"{self.name} has no batch norm {domain}; it has {count}.")
        return min(domain, count - 1)

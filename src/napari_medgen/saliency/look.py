"""One image before one classifier: what the network sees, says, doubts, and where it looked.

The network runs as often as needed and no more. Its first pass gives the answer and the features that tell whether the image
is of the kind it was trained on; kept with its graph, it gives the input gradient of any class as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.imaging.network_view import NetworkView, to_tensor
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.running.devices import memory_guard
from napari_medgen.saliency.attribution import attribute, clip_to_spread
from napari_medgen.saliency.loaded import LoadedClassifier
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.maps import Answer, SaliencyMap
from napari_medgen.saliency.request import METHODS, ExplainRequest
from napari_medgen.saliency.suitability import averages, warnings_about

_CLEAN = 0  # the batch norm whose features are known from training


@dataclass(frozen=True, eq=False)
class _Pass:
    """What one run of the network gave: its input and logits, joined by a graph or not, and the stages' averages."""

    seen: Tensor
    logits: Tensor
    averages: Tensor


class Look:
    """An image as a classifier sees it.

    Parameters
    ----------
    classifier
        Who looks.
    image
        At what.
    explain
        Whether an input gradient will be asked for; the pass then keeps its graph, which costs memory.
    """

    def __init__(self, classifier: LoadedClassifier, image: Radiograph, *, explain: bool = False) -> None:
        self.classifier, self.image = classifier, image
        self._explain = explain
        self._passes: dict[int, _Pass] = {}

    @cached_property
    def view(self) -> NetworkView:
        """The part of the image that the network sees."""
        return NetworkView.of(self.image.shape, self.classifier.architecture.view, self.image.laterality)

    @cached_property
    def seen(self) -> Tensor:
        """The network's input (1, channels, H, W) in [0, 1], on the device."""
        own = self.classifier
        tensor = to_tensor(self.image.grey(), own.architecture.network.channels)
        return self.view.see(tensor).clamp(0, 1).to(own.device.torch)

    def answer(self, domain: int = 0) -> Answer:
        """Probability of each class, through one batch norm.

        Raises
        ------
        ModelError
            If there is no such batch norm.
        MemoryShortageError
            If memory runs out.
        """
        own = self.classifier.architecture
        with memory_guard("Classifying the image"):
            logits = self._pass(self.classifier.domain(domain)).logits
            said = probabilities(logits.detach().float().cpu(), own.exclusive)[0].tolist()
        return Answer(dict(zip(own.labels, said, strict=True)))

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Sentences that say why this image is not one for this model; empty for one that is."""
        known = self.classifier.reference
        with memory_guard("Classifying the image"):
            unlikeness = None if known is None else known.unlikeness(self._pass(_CLEAN).averages)
        return tuple(warnings_about(self.image, unlikeness, self.classifier.architecture.body_part))

    def map(self, request: ExplainRequest | None = None) -> SaliencyMap:
        """Where the network looked, on the image's own pixels.

        Raises
        ------
        ModelError
            If there is no such class or batch norm, or the method needs a package that is not installed.
        MemoryShortageError
            If memory runs out.
        """
        request = request or ExplainRequest()
        own = self.classifier.architecture
        with memory_guard("Explaining the image", "Choose the input gradient, or fewer samples."):
            answer = self.answer(request.domain)
            index = own.class_index(request.label or answer.best)
            label = own.labels[index]
            values, limit = self._placed(self._attribution(index, request), request.clip)
        warnings = self.doubts
        if not values.any():
            warnings = (*warnings, f"The map is empty: by {METHODS[request.method]}, nothing here speaks for {label}.")
        return SaliencyMap(
            values=values,
            limit=limit,
            label=label,
            answer=answer,
            request=replace(request, label=label),
            view=self.view,
            seen=self.seen[0].mean(0).cpu().numpy(),
            warnings=warnings,
            provenance=self._provenance(request, label),
        )

    def gradient(self, request: ExplainRequest | None = None) -> Tensor:
        """Gradient (1, channels, H, W) of the class's logit with respect to the network's input (published), unclipped.

        Raises
        ------
        ModelError
            If there is no such class or batch norm.
        """
        request = request or ExplainRequest()
        domain = self.classifier.domain(request.domain)
        index = self.classifier.architecture.class_index(request.label or self.answer(request.domain).best)
        found = self._pass(domain, graph=True)
        (gradient,) = torch.autograd.grad(found.logits[:, index].sum(), found.seen, retain_graph=True)
        return gradient.detach()

    def _pass(self, domain: int, *, graph: bool | None = None) -> _Pass:
        """The network's run through one batch norm: that of before, if it serves."""
        graph = self._explain if graph is None else graph
        found = self._passes.get(domain)
        if found is None or (graph and not found.seen.requires_grad):
            network = self.classifier.network
            with torch.set_grad_enabled(graph):
                seen = self.seen.detach().requires_grad_(graph)
                maps = network.feature_maps(seen, domain)
                logits = network.fc(maps[-1].mean((2, 3)))
            found = self._passes[domain] = _Pass(seen, logits, averages(maps))
        return found

    def _attribution(self, index: int, request: ExplainRequest) -> Tensor:
        if request.method != "gradient":
            domain = self.classifier.domain(request.domain)
            return attribute(self.classifier.network, self.seen, index, replace(request, domain=domain))
        return self.gradient(replace(request, label=self.classifier.architecture.labels[index])).sum(1)

    def _placed(self, raw: Tensor, clip: float) -> tuple[NDArray[np.float32], float]:
        clipped = clip_to_spread(raw, clip)
        limit = float(clipped.abs().max())
        if limit == 0 or not np.isfinite(limit):
            return np.zeros(self.view.shape, np.float32), 1.0
        placed = self.view.place((clipped / limit)[:, None])
        return placed[0, 0].cpu().numpy().astype(np.float32), limit

    def _provenance(self, request: ExplainRequest, label: str) -> Provenance:
        """What a map says of its origin; a map of a synthetic image is marked as that image is."""
        folder = self.classifier.folder
        return Provenance(
            synthetic=self.image.provenance.synthetic,
            operation=f"saliency: {request.method}, {label}, batch norm {request.domain}, clip {request.clip:g} SD",
            source=self.image.origin_name,
            model=folder.name,
            model_checksum=folder.card.checksum,
            seed=request.seed if request.method == "smoothgrad" else None,
        )

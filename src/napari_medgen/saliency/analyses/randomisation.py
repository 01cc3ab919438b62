"""Does the map depend on what the network learned? The model-parameter randomisation test (Adebayo 2018)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.attribution import attribute
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.network import ResNet
from napari_medgen.saliency.request import ExplainRequest


@dataclass(frozen=True)
class Survival:
    """How much of a map is left when layers are shuffled, from the last layer down to the one named.

    Attributes
    ----------
    layer
        The last that was shuffled.
    similarity
        Spearman's correlation of the absolute maps, before and after: 1 for the same map, 0 for an unrelated one.
    signed
        The same of the signed maps.
    """

    layer: str
    similarity: float
    signed: float


def randomisation_test(
    classifier: Classifier, image: Radiograph, request: ExplainRequest | None = None, *, seed: int = 0
) -> Steps[list[Survival]]:
    """Shuffle the weights of one layer after the other, from the last to the first, and compare the maps.

    A map that survives shows the image's edges and not what the network learned.

    Yields
    ------
    Progress
        A step a layer.

    Returns
    -------
    list of Survival
        One a layer, in the order of shuffling; the loaded classifier is not changed.
    """
    request = request or ExplainRequest()
    label = request.label or classifier.answer(image, request.domain).best
    index = classifier.architecture.class_index(label)
    seen = classifier.see(image)
    domain = min(request.domain, classifier.architecture.network.domains - 1)
    request = ExplainRequest(label, domain, request.method, request.clip, request.samples, request.seed)
    original = attribute(classifier.network, seen, index, request)[0].cpu().numpy().ravel()
    network = copy.deepcopy(classifier.network)
    generator = torch.Generator().manual_seed(seed)
    layers = list(layers_from_the_end(network))
    found = []
    for step, (name, layer) in enumerate(layers):
        shuffle(layer, generator)
        values = attribute(network, seen, index, request)[0].cpu().numpy().ravel()
        found.append(Survival(name, _correlation(np.abs(original), np.abs(values)), _correlation(original, values)))
        yield Progress(step + 1, len(layers), f"Shuffled down to {name}")
    return found


def layers_from_the_end(network: ResNet) -> Iterator[tuple[str, nn.Module]]:
    """The linear layer, each residual block from the last to the first, and the stem."""
    yield "linear layer", network.fc
    for number, stage in reversed(list(enumerate(network.stages, 1))):
        for index, block in reversed(list(enumerate(stage, 1))):
            yield f"stage {number}, block {index}", block
    yield "first convolution", nn.ModuleList([network.conv1, network.bn1])


@torch.no_grad()
def shuffle(layer: nn.Module, generator: torch.Generator) -> None:
    """Put the values of every parameter of a layer into a random order: their distribution stays, what they say goes."""
    for parameter in layer.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        shuffled = parameter.detach().flatten()[order].view(parameter.shape)
        parameter.copy_(shuffled)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; zero where one of the two is flat, since nothing is left of a map then."""
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)

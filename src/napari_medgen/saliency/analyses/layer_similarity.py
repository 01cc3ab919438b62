"""Do two networks compute the same thing? Debiased linear CKA between their layers (Kornblith 2019; the paper's cka.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_medgen.errors import ModelError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.model import Classifier

IMAGES = 196  # as published
_FEWEST = 4


@dataclass(frozen=True)
class LayerSimilarity:
    """Similarity of each layer of one network to each of another.

    Attributes
    ----------
    matrix
        (layers of the first, layers of the second); 1 for the same representation up to rotation and scale.
    first, second
        Names of the convolutions, in the order of the networks.
    """

    matrix: NDArray[np.float64]
    first: list[str]
    second: list[str]


def debiased_hsic(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Unbiased estimate of the Hilbert-Schmidt independence criterion of two Gram matrices (Song 2012, equation 5)."""
    n = len(first)
    if n < _FEWEST:
        raise ModelError(f"CKA needs at least {_FEWEST} images, not {n}.")
    a, b = first.copy(), second.copy()
    np.fill_diagonal(a, 0)
    np.fill_diagonal(b, 0)
    trace = float((a * b).sum())
    means = a.sum() * b.sum() / ((n - 1) * (n - 2))
    crossed = 2 * float(a.sum(0) @ b.sum(0)) / (n - 2)
    return float((trace + means - crossed) / (n * (n - 3)))


def debiased_cka(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Debiased linear CKA of two representations (N, D1) and (N, D2) of the same N images."""
    return _cka(first @ first.T, second @ second.T)


def _cka(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    scale = debiased_hsic(a, a) * debiased_hsic(b, b)
    return debiased_hsic(a, b) / float(np.sqrt(scale)) if scale > 0 else 0.0


@torch.no_grad()
def gram_matrices(classifier: Classifier, inputs: Tensor, domain: int) -> dict[str, NDArray[np.float64]]:
    """Gram matrix (N, N) of the output of every convolution, by its name.

    The outputs themselves (N x a million numbers a layer) are gone as soon as each matrix is made.
    """
    found: dict[str, NDArray[np.float64]] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, arguments: object, output: Tensor) -> None:
            flat = output.detach().flatten(1)
            flat = flat - flat.mean(0)  # CKA does not change; single precision is then enough
            found[name] = (flat @ flat.T).cpu().double().numpy()

        return hook

    layers = [(name, module) for name, module in classifier.network.named_modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(keep(name)) for name, module in layers]  # type: ignore[arg-type]
    try:
        classifier.network(inputs.to(classifier.device.torch), domain)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def layer_similarity(
    first: Classifier, second: Classifier, inputs: Tensor, *, domains: tuple[int, int] = (0, 0)
) -> Steps[LayerSimilarity]:
    """CKA of each convolution of one classifier with each of another, or of one with itself through two batch norms.

    Parameters
    ----------
    inputs
        (N, C, H, W) network inputs; the paper takes 196.
    domains
        Batch norm of the first and of the second.

    Yields
    ------
    Progress
        A step a row of the matrix.
    """
    if first.architecture.view.size != second.architecture.view.size:
        raise ModelError(f"{first.name} and {second.name} see images of different sizes and cannot be compared.")
    a, b = gram_matrices(first, inputs, domains[0]), gram_matrices(second, inputs, domains[1])
    matrix = np.empty((len(a), len(b)))
    for row, gram in enumerate(a.values()):
        matrix[row] = [_cka(gram, other) for other in b.values()]
        yield Progress(row + 1, len(a), "Comparing layers")
    return LayerSimilarity(matrix, list(a), list(b))

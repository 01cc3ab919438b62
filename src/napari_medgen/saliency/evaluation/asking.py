"""A network asked about inputs: as they are, or changed by an attack."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.attacks.apgd import apgd
from napari_medgen.saliency.attacks.pgd import fgsm, pgd
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.model import Classifier

Attacker = Literal["apgd", "pgd", "fgsm"]


@torch.no_grad()
def predict(classifier: Classifier, inputs: Tensor, domain: int) -> NDArray[np.float64]:
    """Probabilities (N, classes) of network inputs."""
    return probabilities(classifier.logits(inputs, domain), classifier.architecture.exclusive).double().numpy()


def attack(
    classifier: Classifier,
    inputs: Tensor,
    targets: Tensor,
    epsilon: float,
    domain: int,
    *,
    attacker: Attacker = "apgd",
    steps: int = 20,
) -> Tensor:
    """Adversarial versions (N, C, H, W) of inputs, on the CPU.

    Parameters
    ----------
    attacker
        ``apgd``; the ``pgd`` of the paper: ten steps of half the radius, without a random start; or ``fgsm``: one step to
        the corner (Goodfellow 2015).
    steps
        Of APGD.
    """
    exclusive = classifier.architecture.exclusive
    x = inputs.to(classifier.device.torch).contiguous(memory_format=torch.channels_last)
    truth = targets.to(x.device)
    with classifier.device.autocast():
        if attacker == "apgd":
            found = apgd(classifier.network, x, truth, epsilon, exclusive=exclusive, domain=domain, steps=steps)
        elif attacker == "fgsm":
            found = fgsm(classifier.network, x, truth, epsilon, exclusive=exclusive, domain=domain)
        else:
            sizes = AttackSizes(epsilon=epsilon, step=epsilon / 2, steps=10, random_start=False)
            found = pgd(classifier.network, x, truth, sizes, exclusive=exclusive, domain=domain)
    return found.cpu()

"""What is left of a classifier's performance under attack (the paper's AUC against epsilon)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.attacks.apgd import apgd
from napari_medgen.saliency.attacks.pgd import fgsm, pgd
from napari_medgen.saliency.evaluation.labelled_set import TestSet
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.model import Classifier
from napari_medgen.statistics.bootstrap import REDRAWS, Estimate
from napari_medgen.statistics.roc import auc_estimate

Attacker = Literal["apgd", "pgd", "fgsm"]


@dataclass(frozen=True)
class RobustnessPoint:
    """Performance at one strength of the attack.

    Attributes
    ----------
    epsilon, domain, attacker
        Radius of the ball, batch norm that attack and answer go through, and the attack.
    auc
        Area under the ROC curve of each class.
    """

    epsilon: float
    domain: int
    attacker: Attacker
    auc: dict[str, Estimate]

    @property
    def mean_auc(self) -> float:
        """Mean over classes."""
        return float(np.nanmean([estimate.value for estimate in self.auc.values()]))


@torch.no_grad()
def predict(classifier: Classifier, inputs: Tensor, domain: int) -> NDArray[np.float64]:
    """Probabilities (N, classes) of network inputs, in batches."""
    said = [classifier.logits(inputs[i : i + 64], domain) for i in range(0, len(inputs), 64)]
    return probabilities(torch.cat(said), classifier.architecture.exclusive).double().numpy()


def class_aucs(
    classifier: Classifier, said: NDArray[np.float64], data: TestSet, redraws: int = REDRAWS
) -> dict[str, Estimate]:
    """Area under the ROC curve of each class against the others, patients redrawn; unknown labels are left out."""
    found = {}
    for index, label in enumerate(classifier.architecture.labels):
        truth = data.targets[:, index].numpy()
        known = ~np.isnan(truth)
        groups = np.unique(data.groups[known], return_inverse=True)[1]
        found[label] = auc_estimate(said[known, index], truth[known] > 0, redraws=redraws, groups=groups)
    return found


def attack_set(
    classifier: Classifier, data: TestSet, epsilon: float, domain: int, *, attacker: Attacker = "apgd", steps: int = 20
) -> Steps[Tensor]:
    """Adversarial versions (N, C, H, W) of all inputs.

    Parameters
    ----------
    attacker
        ``apgd``; the ``pgd`` of the paper: ten steps of half the radius, without a random start; or ``fgsm``: one step to
        the corner (Goodfellow 2015).

    Yields
    ------
    Progress
        A step a batch.
    """
    exclusive = classifier.architecture.exclusive
    made = []
    batches = data.batches()
    for index, rows in enumerate(batches):
        x = data.inputs[rows].to(classifier.device.torch).contiguous(memory_format=torch.channels_last)
        truth = data.targets[rows].to(x.device)
        with classifier.device.autocast():
            if attacker == "apgd":
                found = apgd(classifier.network, x, truth, epsilon, exclusive=exclusive, domain=domain, steps=steps)
            elif attacker == "fgsm":
                found = fgsm(classifier.network, x, truth, epsilon, exclusive=exclusive, domain=domain)
            else:
                sizes = AttackSizes(epsilon=epsilon, step=epsilon / 2, steps=10, random_start=False)
                found = pgd(classifier.network, x, truth, sizes, exclusive=exclusive, domain=domain)
        made.append(found.cpu())
        yield Progress(index + 1, len(batches), f"Attacking with epsilon {epsilon:g}")
    return torch.cat(made)


def robustness_curve(
    classifier: Classifier,
    data: TestSet,
    epsilons: Sequence[float],
    *,
    domains: Sequence[int] | None = None,
    attacker: Attacker = "apgd",
    redraws: int = REDRAWS,
) -> Steps[list[RobustnessPoint]]:
    """Area under the ROC curve at several strengths, through each batch norm.

    Parameters
    ----------
    epsilons
        Radii for images in [0, 1]; zero is the clean image.
    domains
        Batch norms; by default all the network has.

    Yields
    ------
    Progress
        A step a batch.
    """
    domains = range(classifier.architecture.network.domains) if domains is None else domains
    points = []
    for domain in domains:
        for epsilon in epsilons:
            inputs = data.inputs
            if epsilon > 0:
                inputs = yield from attack_set(classifier, data, epsilon, domain, attacker=attacker)
            said = predict(classifier, inputs, domain)
            points.append(RobustnessPoint(epsilon, domain, attacker, class_aucs(classifier, said, data, redraws)))
    return points

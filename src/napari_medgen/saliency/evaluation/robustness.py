"""What is left of a classifier's performance under attack (the paper's AUC against epsilon)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medgen.models.kept import Opens
from napari_medgen.running.gathering import Gathering
from napari_medgen.running.progress import Steps
from napari_medgen.saliency.evaluation.answers import answers_under_attack
from napari_medgen.saliency.evaluation.asking import Attacker
from napari_medgen.saliency.evaluation.labelled_set import TestSet
from napari_medgen.saliency.model import Classifier
from napari_medgen.statistics.bootstrap import REDRAWS, Estimate
from napari_medgen.statistics.roc import auc_estimate


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


def class_aucs(
    labels: Sequence[str], said: NDArray[np.float64], data: TestSet, redraws: int = REDRAWS
) -> dict[str, Estimate]:
    """Area under the ROC curve of each class against the others, patients redrawn; unknown labels are left out."""
    found = {}
    for index, label in enumerate(labels):
        truth = data.targets[:, index].numpy()
        known = ~np.isnan(truth)
        groups = np.unique(data.groups[known], return_inverse=True)[1]
        found[label] = auc_estimate(said[known, index], truth[known] > 0, redraws=redraws, groups=groups)
    return found


def robustness_curve(
    opens: Opens[Classifier],
    labels: Sequence[str],
    data: TestSet,
    epsilons: Sequence[float],
    domains: Sequence[int],
    *,
    attacker: Attacker = "apgd",
    redraws: int = REDRAWS,
    gathering: Gathering | None = None,
) -> Steps[list[RobustnessPoint]]:
    """Area under the ROC curve at several strengths, through each batch norm.

    Parameters
    ----------
    labels
        Of the classes.
    epsilons
        Radii for images in [0, 1]; zero is the clean image.
    domains
        Batch norms.

    Yields
    ------
    Progress
        A step a batch.
    """
    gathering = gathering or Gathering()
    points = []
    for domain in domains:
        for epsilon in epsilons:
            said = yield from answers_under_attack(opens, data, domain, epsilon, attacker, gathering)
            points.append(RobustnessPoint(epsilon, domain, attacker, class_aucs(labels, said, data, redraws)))
    return points

"""What a classifier should say, and how far it is from saying it.

Targets are (N, classes) floats throughout. For classes that exclude each other a row is a distribution; otherwise each entry
is 0, 1, or NaN where nobody knows (CheXpert's uncertain labels), and NaN costs nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def classification_loss(
    logits: Tensor, targets: Tensor, exclusive: bool, *, weights: Tensor | None = None, each: bool = False
) -> Tensor:
    """Cross-entropy of exclusive classes, binary cross-entropy (mean over classes) of others.

    Parameters
    ----------
    logits, targets
        (N, classes).
    exclusive
        Which of the two.
    weights
        (classes,) weight of a class (exclusive), or of its positives.
    each
        Return (N,) losses and not their mean.
    """
    logits = logits.float()
    if exclusive:
        losses = -(targets * F.log_softmax(logits, 1) * (1 if weights is None else weights)).sum(1)
    else:
        known = ~targets.isnan()
        filled = torch.where(known, targets, torch.zeros_like(targets))
        terms = F.binary_cross_entropy_with_logits(logits, filled, pos_weight=weights, reduction="none") * known
        losses = terms.sum(1) / known.sum(1).clamp(min=1)
    return losses if each else losses.mean()


def probabilities(logits: Tensor, exclusive: bool) -> Tensor:
    """(N, classes) probabilities."""
    return logits.float().softmax(1) if exclusive else logits.float().sigmoid()


def soften(targets: Tensor, amount: float, exclusive: bool, ordinal: bool) -> Tensor:
    """Label smoothing.

    Parameters
    ----------
    targets
        (N, classes) of zeros and ones.
    amount
        Share of the weight that leaves the true class: to all classes alike (Szegedy 2016), or for grades to the
        neighbouring ones, since readers disagree by one grade and hardly by two.
    """
    if amount == 0:
        return targets
    if not exclusive:
        return targets * (1 - amount) + 0.5 * amount
    if not ordinal:
        return targets * (1 - amount) + amount / targets.shape[1]
    below, above = F.pad(targets[:, 1:], (0, 1)), F.pad(targets[:, :-1], (1, 0))
    neighbours = below + above
    return targets * (1 - amount) + amount * neighbours / neighbours.sum(1, keepdim=True).clamp(min=1)


def class_weights(targets: Tensor, exclusive: bool, power: float) -> Tensor:
    """Weights against class imbalance.

    Parameters
    ----------
    targets
        (N, classes) training targets.
    power
        0 for none, 1 for full inverse frequency, 0.5 for its root.

    Returns
    -------
    torch.Tensor
        (classes,): for exclusive classes with mean 1 over the training images, otherwise negatives over positives.
    """
    known = ~targets.isnan()
    positives = torch.where(known, targets, torch.zeros_like(targets)).sum(0).clamp(min=1)
    if not exclusive:
        return ((known.sum(0) - positives).clamp(min=1) / positives) ** power
    weights = (positives.sum() / positives) ** power
    return weights * positives.sum() / (weights * positives).sum()

"""Losses, smoothing and weights against worked values."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from napari_medgen.saliency.losses import class_weights, classification_loss, soften


def test_exclusive_classes_have_cross_entropy_and_others_binary_cross_entropy() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    truth = torch.eye(3)[[0, 1, 2, 1, 0]]
    assert classification_loss(logits, truth, True) == pytest.approx(float(F.cross_entropy(logits, truth.argmax(1))))
    expected = F.binary_cross_entropy_with_logits(logits, truth)
    assert classification_loss(logits, truth, False) == pytest.approx(float(expected))
    assert classification_loss(logits, truth, False, each=True).shape == (5,)


def test_unknown_labels_cost_nothing_and_give_no_gradient() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    loss = classification_loss(logits, torch.tensor([[1.0, torch.nan]]), False)
    loss.backward()
    assert loss.detach() == pytest.approx(0.6931, abs=1e-4)
    assert logits.grad is not None
    assert logits.grad.tolist() == [[-0.5, 0.0]]


def test_smoothing_goes_to_all_classes_or_to_the_neighbouring_grades() -> None:
    truth = torch.eye(4)[[0, 1]]
    assert soften(truth, 0.4, True, False)[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    graded = soften(truth, 0.4, True, True)
    assert graded[0].tolist() == pytest.approx([0.6, 0.4, 0, 0])
    assert graded[1].tolist() == pytest.approx([0.2, 0.6, 0.2, 0])
    assert soften(torch.tensor([[1.0, 0.0]]), 0.2, False, False)[0].tolist() == pytest.approx([0.9, 0.1])
    assert torch.equal(soften(truth, 0, True, True), truth)


def test_weights_make_rare_classes_dearer() -> None:
    truth = torch.eye(2)[[0] * 9 + [1]]
    weights = class_weights(truth, True, 1.0)
    assert float(weights[1] / weights[0]) == pytest.approx(9)
    assert float((weights * truth.sum(0)).sum() / 10) == pytest.approx(1)
    assert class_weights(truth, True, 0.0).tolist() == pytest.approx([1, 1])
    several = torch.tensor([[1.0], [0.0], [0.0], [torch.nan]])
    assert class_weights(several, False, 1.0).tolist() == [2]

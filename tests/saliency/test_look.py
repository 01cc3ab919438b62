"""An image is looked at as often as needed and no more, and what is seen is what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.attribution import input_gradient
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest
from saliency_support import load, write_classifier


def radiograph(seed: int = 0) -> Radiograph:
    return Radiograph(np.random.default_rng(seed).integers(100, 156, (32, 32)).astype(np.uint8), (0, 255), name="knee")


@pytest.fixture
def model(tmp_path: Path) -> Classifier:
    found = load(write_classifier(tmp_path / "a", reference=True))
    with torch.no_grad():
        found.network.bn1.bns[1].running_mean.add_(0.3)  # type: ignore[union-attr, operator]
    return found


@pytest.fixture
def passes(model: Classifier) -> list[int]:
    """Numbers of the batch norm of every run of the network."""
    seen: list[int] = []
    inner = model.network.feature_maps

    def counted(x: torch.Tensor, domain: int = 0) -> list[torch.Tensor]:
        seen.append(domain)
        return inner(x, domain)

    model.network.feature_maps = counted  # type: ignore[method-assign]
    return seen


def test_answer_doubts_and_the_map_of_any_class_take_one_pass(model: Classifier, passes: list[int]) -> None:
    look = model.look(radiograph(), explain=True)
    assert look.answer().best in model.architecture.labels
    assert isinstance(look.doubts, tuple)
    maps = [look.map(ExplainRequest(label)).values for label in ("none", "some")]
    assert not np.array_equal(*maps)
    assert passes == [0]


def test_explain_is_one_pass_and_an_answer_is_one_without_a_graph(model: Classifier, passes: list[int]) -> None:
    model.explain(radiograph())
    assert passes == [0]
    look = model.look(radiograph())
    look.answer()
    assert not look._pass(0).logits.requires_grad
    passes.clear()
    look.map()  # a gradient that nobody announced: the pass is made again, with its graph
    assert passes == [0]


def test_another_batch_norm_is_another_pass(model: Classifier, passes: list[int]) -> None:
    look = model.look(radiograph(), explain=True)
    look.map(ExplainRequest("none", 1))
    assert sorted(passes) == [0, 1]  # the features are known of the clean one


def test_the_map_is_the_gradient_of_the_logit(model: Classifier) -> None:
    for domain in (0, 1):
        look = model.look(radiograph(), explain=True)
        chosen = torch.tensor([[0.0, 1.0, 0.0]])
        wanted = input_gradient(model.network, look.seen, chosen, domain).sum(1)[0].numpy()
        found = look.map(ExplainRequest("some", domain, clip=100))
        assert found.values * found.limit == pytest.approx(wanted, rel=1e-4, abs=1e-7)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("method", ["gradcam", "gradient"])
def test_an_empty_map_says_so(tmp_path: Path, method: str) -> None:
    model = load(write_classifier(tmp_path / "flat"))
    with torch.no_grad():
        model.network.fc.weight.zero_()  # nothing that is seen speaks for anything
    found = model.explain(radiograph(), ExplainRequest("some", method=method))  # type: ignore[arg-type]
    assert not found.values.any()
    assert "The map is empty" in found.warnings[-1]
    assert "some" in found.warnings[-1]

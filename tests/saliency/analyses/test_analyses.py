"""Inner workings: CKA, loss surfaces, shuffled weights, stacks of slices, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.errors import ImageError, ModelError
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive
from napari_medgen.saliency.analyses.layer_similarity import debiased_cka, layer_similarity
from napari_medgen.saliency.analyses.loss_surface import loss_surface
from napari_medgen.saliency.analyses.plots import save_figure, similarity_figure, surface_figure, survival_figure
from napari_medgen.saliency.analyses.randomisation import randomisation_test
from napari_medgen.saliency.request import ExplainRequest
from napari_medgen.saliency.slices import explain_stack, explain_volume
from saliency_support import load, write_classifier


def test_cka_is_one_for_a_rotated_and_scaled_representation(rng: np.random.Generator) -> None:
    first = rng.normal(size=(40, 6))
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    assert debiased_cka(first, 3 * first @ rotation) == pytest.approx(1)


def test_debiasing_puts_unrelated_representations_at_zero(rng: np.random.Generator) -> None:
    found = [debiased_cka(rng.normal(size=(30, 200)), rng.normal(size=(30, 200))) for _ in range(40)]
    assert abs(np.mean(found)) < 0.02  # without the correction it would be about 0.87


def test_layers_are_compared_with_layers(tmp_path: Path) -> None:
    one, other = load(write_classifier(tmp_path / "a")), load(write_classifier(tmp_path / "b", seed=1))
    inputs = torch.rand(12, 1, 32, 32)
    same = drive(layer_similarity(one, one, inputs))
    assert same.matrix.shape == (len(same.first),) * 2
    assert len(same.first) == 20  # 17 convolutions of a ResNet-18 and 3 of its shortcuts
    assert np.diag(same.matrix) == pytest.approx(1)
    different = drive(layer_similarity(one, other, inputs))
    assert np.diag(different.matrix)[-1] < 1
    save_figure(similarity_figure(different, "a", "b"), tmp_path / "figure.png")
    with pytest.raises(ModelError, match="at least 4 images"):
        drive(layer_similarity(one, other, inputs[:3]))


def test_the_loss_surface_passes_through_the_images_loss_and_rises_along_its_gradient(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a"))
    seen, truth = torch.rand(1, 1, 32, 32), torch.eye(3)[:1]
    found = drive(loss_surface(model, seen, truth, reach=0.01, points=5))
    assert found.loss.shape == (5, 5)
    middle = -torch.log_softmax(model.logits(seen), 1)[0, 0]
    assert found.loss[2, 2] == pytest.approx(float(middle), rel=1e-4)
    assert found.loss[2, 3] > found.loss[2, 2] > found.loss[2, 1]
    assert found.steepest > 0
    save_figure(surface_figure({"clean": found, "adversarial": found}), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_a_gradient_map_does_not_survive_shuffled_weights_and_the_model_does(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a"))
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    image = Radiograph(np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8), (0, 255))
    found = drive(randomisation_test(model, image, ExplainRequest("none")))
    assert [one.layer for one in found][:2] == ["linear layer", "stage 4, block 2"]
    assert found[-1].layer == "first convolution"
    assert len(found) == 10
    assert abs(found[-1].similarity) < 0.4
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    save_figure(survival_figure(found), tmp_path / "figure.png")


def test_every_slice_is_explained_on_one_scale(tmp_path: Path, rng: np.random.Generator) -> None:
    model = load(write_classifier(tmp_path / "a"))
    stack = rng.integers(0, 255, (5, 40, 50)).astype(np.uint8)
    maps = drive(explain_stack(model, stack, (0, 255), ExplainRequest("some")))
    assert maps.shape == stack.shape
    single = model.explain(Radiograph(stack[2], (0, 255)), ExplainRequest("some"))
    inside = np.abs(maps[2]) < 1
    ratio = maps[2][inside] / single.values[inside]
    assert np.nanstd(ratio) < 1e-3
    with pytest.raises(ImageError, match="three axes"):
        drive(explain_stack(model, stack[0], (0, 255)))


def test_maps_of_a_volume_lie_where_the_volume_does(tmp_path: Path, rng: np.random.Generator) -> None:
    model = load(write_classifier(tmp_path / "a"))
    volume = Volume.on_grid(rng.normal(size=(4, 20, 24)).astype(np.float32), (2, 1, 1), "head")
    found = drive(explain_volume(model, volume, (-2, 2)))
    assert found.voxels.shape == volume.voxels.shape
    assert np.array_equal(found.affine, volume.affine)
    assert found.provenance.source == volume.origin_name
    assert found.provenance.model == "a"

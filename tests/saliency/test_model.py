"""A loaded classifier: answers, maps, warnings, and what may go wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.errors import ImageError, ModelError
from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.attribution import attribute, clip_to_spread
from napari_medgen.saliency.request import ExplainRequest
from saliency_support import load, write_classifier


def radiograph(shape: tuple[int, int] = (80, 60), seed: int = 0, **more: object) -> Radiograph:
    pixels = np.random.default_rng(seed).integers(100, 156, shape).astype(np.uint8)
    return Radiograph(pixels, (0, 255), **more)  # type: ignore[arg-type]


def test_exclusive_classes_add_up_to_one_and_others_need_not(tmp_path: Path) -> None:
    exclusive = load(write_classifier(tmp_path / "a")).answer(radiograph())
    assert sum(exclusive.probabilities.values()) == pytest.approx(1)
    assert exclusive.best in ("none", "some", "much")
    several = load(write_classifier(tmp_path / "b", exclusive=False)).answer(radiograph())
    assert sum(several.probabilities.values()) != pytest.approx(1)


def test_a_map_has_the_images_shape_and_its_sign_and_scale(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a", view=ViewSizes(size=(32, 32))))
    image = radiograph((32, 32))
    found = model.explain(image, ExplainRequest("much", clip=2))
    raw = clip_to_spread(attribute(model.network, model.see(image), 2, ExplainRequest("much")), 2)[0].numpy()
    assert found.values * found.limit == pytest.approx(raw, abs=1e-6)
    assert np.abs(found.values).max() == pytest.approx(1)
    assert model.explain(radiograph((80, 60))).values.shape == (80, 60)


def test_without_a_class_the_most_probable_is_explained(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a"))
    found = model.explain(radiograph())
    assert found.label == found.answer.best
    assert found.probability == found.answer.probabilities[found.label]
    assert model.explain(radiograph(), ExplainRequest("SOME")).label == "some"


def test_two_batch_norms_look_differently_and_one_serves_as_both(tmp_path: Path) -> None:
    dual = load(write_classifier(tmp_path / "a"))
    with torch.no_grad():
        dual.network.bn1.bns[1].running_mean.add_(0.3)  # type: ignore[union-attr, operator]
    maps = [dual.explain(radiograph(), ExplainRequest("none", domain)).values for domain in (0, 1)]
    assert not np.array_equal(maps[0], maps[1])
    single = load(write_classifier(tmp_path / "b", domains=1))
    maps = [single.explain(radiograph(), ExplainRequest("none", domain)).values for domain in (0, 1)]
    assert np.array_equal(maps[0], maps[1])
    with pytest.raises(ModelError, match="no batch norm 2"):
        dual.explain(radiograph(), ExplainRequest(domain=2))


def test_one_side_is_mirrored_for_the_network_and_its_map_back(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a", view=ViewSizes(size=(32, 32), mirror="R")))
    left, right = radiograph((32, 32), laterality="L"), radiograph((32, 32), laterality="R")
    turned = Radiograph(left.pixels[:, ::-1].copy(), left.window, laterality="R")
    request = ExplainRequest("none")
    assert np.allclose(model.explain(turned, request).values, model.explain(left, request).values[:, ::-1], atol=1e-5)
    assert not np.allclose(model.explain(right, request).values, model.explain(left, request).values)


def test_a_map_of_a_synthetic_image_is_marked_and_says_what_made_it(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a"))
    sampled = Provenance(synthetic=True, model="knees", seed=3)
    made = model.explain(radiograph(provenance=sampled, name="Doe_Jane"), ExplainRequest("none")).provenance
    assert (made.synthetic, made.model, made.source) == (True, "a", "knees seed 3")
    # What was predicted from a patient's image is called after that image on screen, and by its content in a record.
    predicted = Provenance(synthetic=True, model="knees", seed=3, source="radiograph 1234abcd")
    made = model.explain(radiograph(provenance=predicted, name="Doe_Jane after 12 months")).provenance
    assert made.source.startswith("radiograph ")
    assert "gradient" in made.operation


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (Radiograph(np.array([[7]], np.uint8), (0, 255)), "1 x 1 pixels are too few"),
        (Radiograph(np.zeros((64, 64), np.uint8), (0, 255)), "one grey value throughout"),
        (Radiograph(np.full((64, 64), 9, np.uint16), (0, 65535)), "one grey value throughout"),
        (radiograph(coloured=True), "colour picture"),
    ],
)
def test_unsuitable_images_are_warned_of_and_still_answered(tmp_path: Path, image: Radiograph, sentence: str) -> None:
    model = load(write_classifier(tmp_path / "a"))
    assert any(sentence in warning for warning in model.warnings_about(image))
    found = model.explain(image)
    assert np.isfinite(found.values).all()
    assert found.warnings


def test_images_of_another_kind_are_known_from_those_of_training(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a", reference=True, body_part="noise of little contrast"))
    alike = Radiograph(np.random.default_rng(1).uniform(0.4, 0.6, (32, 32)).astype(np.float32), (0, 1))
    other = Radiograph(np.indices((64, 64)).sum(0).astype(np.float32) / 128, (0, 1))
    assert model.warnings_about(alike) == []
    (warning,) = model.warnings_about(other)
    assert "noise of little contrast" in warning


def test_unknown_classes_methods_and_clips_are_refused(tmp_path: Path) -> None:
    model = load(write_classifier(tmp_path / "a"))
    with pytest.raises(ModelError, match="There is no class tumour; the classes are: none, some, much"):
        model.explain(radiograph(), ExplainRequest("tumour"))
    with pytest.raises(ImageError, match="no method magic"):
        ExplainRequest(method="magic")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="clip must lie"):
        ExplainRequest(clip=0)
    with pytest.raises(ImageError, match="samples must lie"):
        ExplainRequest(samples=0)


def test_a_volume_model_is_no_classifier(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="for sampling volumes, not for classifying images"):
        load(tiny_model)

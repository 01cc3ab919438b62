"""Measurements as a layer: scales, what shapes of napari's own mean, and what a file gives back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import Drawn, Measurements
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.measured import (
    content_of,
    drawn_in,
    layer_of,
    measured_layer,
    measurements_in,
    scale_of,
)
from napari_medgen.viewer.layers.owner import CALIBRATED
from napari_medgen.viewer.layers.volumes import image_options


def test_a_scale_is_in_millimetres_where_the_units_are_lengths() -> None:
    assert scale_of(Image(np.zeros((3, 4)), scale=(0.5, 0.25), units=("cm", "mm"))) == Scale((5.0, 0.25))
    months = Image(np.zeros((2, 3, 4)), scale=(12, 0.5, 0.25), units=("month", "mm", "mm"))
    assert scale_of(months).along((1, 2)) == Scale((0.5, 0.25))


def test_without_lengths_it_is_in_pixels_of_the_world() -> None:
    assert scale_of(Image(np.zeros((3, 4)), scale=(2, 1))) == Scale((2.0, 1.0), "px", "unknown")


def test_a_calibration_stands_above_both() -> None:
    layer = Image(np.zeros((3, 4)), scale=(2, 2), metadata={CALIBRATED: 0.1})
    assert scale_of(layer) == Scale((0.2, 0.2), "mm", "calibration")
    assert scale_of(layer, 0.5) == Scale((1.0, 1.0), "mm", "calibration")


def test_turned_is_no_matter_and_sheared_is_refused() -> None:
    turned = Image(np.zeros((3, 4)), scale=(0.5, 0.5), rotate=30, units=("mm", "mm"))
    np.testing.assert_allclose(scale_of(turned).steps, (0.5, 0.5))
    affine = np.eye(3)
    affine[0, 1] = 0.3
    with pytest.raises(ImageError, match="upright"):
        scale_of(Image(np.zeros((3, 4)), affine=affine))


@pytest.mark.parametrize(
    ("shape", "points", "kind"),
    [
        ("line", [[0, 0], [0, 3]], "length"),
        ("path", [[0, 0], [0, 3], [3, 3]], "angle"),
        ("path", [[0, 0], [0, 3], [3, 3], [3, 9]], "Cobb angle"),
        ("path", [[0, 0], [0, 3], [3, 3], [3, 9], [4, 4]], None),
        ("rectangle", [[0, 0], [0, 3], [3, 3], [3, 0]], "outline"),
        ("polygon", [[0, 0], [0, 3], [3, 3]], "outline"),
        ("ellipse", [[0, 0], [0, 3], [3, 3], [3, 0]], "ellipse"),
    ],
)
def test_a_shape_that_napari_drew_is_what_it_can_mean(shape: str, points: list, kind: str | None) -> None:
    (item,) = drawn_in([np.array(points, float)], {}, [shape])
    assert (item.kind if item else None) == kind


def test_in_a_volume_the_plane_is_told_by_what_is_flat() -> None:
    (item,) = drawn_in([np.array([[2, 5, 0], [7, 5, 3.0]])], {}, ["line"])
    assert item.plane == (0, 2)
    (none,) = drawn_in([np.array([[2, 5, 0], [7, 9, 3.0]])], {"plane": ["0 2"]}, ["line"])
    assert none is None  # through the volume


def test_text_can_be_drawn_in_every_number_of_axes() -> None:
    for axes in (2, 3, 4):
        data, options = measured_layer(Image(np.zeros((5,) * axes)))
        layer = Shapes(data, **options)
        assert layer.ndim == axes
        assert len(layer.text.translation) == axes


def test_what_a_layer_holds_comes_back_from_a_file() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 30, 40)), scale=(3, 0.5, 0.5), translate=(1, 2, 3), units=("mm",) * 3, name="scan")
    data, options = measured_layer(image)
    layer = viewer.add_shapes(data, **options)
    layer.add(np.array([[2, 3, 4], [2, 3, 24.0]]), shape_type="line")
    kept = measurements_in(layer, image)
    assert kept.items[0].values(None, kept.scale)[0].value == pytest.approx(10)
    data, options = layer_of(kept)
    again = viewer.add_shapes(data, **options)
    for key in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(again, key)) == tuple(getattr(layer, key))
    np.testing.assert_array_equal(again.data[0], layer.data[0])
    assert list(again.features["text"]) == ["10.0 mm"]


@pytest.mark.parametrize(
    "layer",
    [
        {},
        {"scale": [1], "translate": [0, 0, 0], "affine": [[1]], "rotate": [1, 2], "shear": [9] * 7, "units": []},
        {"scale": [2, 2], "affine": np.eye(3).tolist(), "rotate": np.eye(2).tolist(), "shear": [0.0], "calibrated": "x"},
        {"scale": ["a", "b"]},
        {"scale": [0, 0]},
        {"scale": [float("nan"), 1]},
        {"scale": 5},
        {"units": ["furlong", "x"]},
        {"units": ["???", "5"]},
        {"axis_labels": [1, 1]},
        {"affine": np.zeros((3, 3)).tolist()},
        {"affine": "text"},
        {"affine": [[1], [1, 2]]},
        {"rotate": [[float("nan")] * 2] * 2},
    ],
)
def test_a_file_with_a_place_that_does_not_fit_opens_all_the_same(layer: dict) -> None:
    item = Drawn("length", np.array([[0, 0], [3, 4.0]]), (0, 1))
    data, options = layer_of(Measurements((item,), "x", (20, 20), Scale((1.0, 1.0)), layer=layer))
    assert ViewerModel().add_shapes(data, **options).ndim == 2


def test_content_tells_images_apart_by_their_grey_values() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert content_of(image) == content_of(image.copy())
    assert len({content_of(one) for one in (image, image + 1, image.astype(np.uint16), image.reshape(5, 20))}) == 4


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
@pytest.mark.parametrize("turn", [0.0, 25.0])
def test_lengths_are_the_patient_s_in_every_orientation(
    axes: tuple[int, int, int], signs: tuple[int, int, int], turn: float
) -> None:
    steps, angle = np.array([0.7, 1.1, 2.9]), np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.eye(3)[:, list(axes)] @ np.diag(steps * signs)
    affine[:3, 3] = (10, -20, 30)
    volume = Volume.of(np.zeros((8, 9, 10), np.int16), affine)
    layer = Image(volume.voxels, **image_options(volume))
    scale = scale_of(layer)
    for plane in ((1, 2), (0, 2), (0, 1)):
        one, other = np.array([2.0, 3, 4]), np.array([2.0, 3, 4])
        other[list(plane)] += (3, 4)
        true = np.linalg.norm(volume.affine[:3, :3] @ (other - one))
        (found,) = Drawn("length", np.stack([one, other]), plane).values(None, scale)
        assert found.value == pytest.approx(true, rel=1e-6)
        assert found.unit == "mm"

"""Boxes as a layer, and what is cut out along them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_medgen.imaging.knee_boxes import KneeBox
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.viewer.layers.boxes import CUT_OUT, add_boxes, box_of, cut_out, name_boxes
from napari_medgen.viewer.layers.owner import RADIOGRAPH, provenance_in
from napari_medgen.viewer.layers.plane import Plane
from napari_medgen.viewer.layers.radiographs import radiograph_layer


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def film(viewer: ViewerModel, kind: type = np.uint16) -> Image:
    pixels = (np.arange(60 * 80).reshape(60, 80) % 4000 + 50).astype(kind)
    image = Radiograph(pixels, (20, 4095), spacing=(0.5, 0.25), laterality="B", provenance=Provenance(synthetic=True))
    data, options, _ = radiograph_layer(image)
    return viewer.add_image(data, **options)


def test_a_box_comes_back_as_it_was_laid(viewer: ViewerModel) -> None:
    layer = add_boxes(viewer, Plane.shown(viewer, film(viewer)), [KneeBox(3, 5, 40), KneeBox(4, 45, 30)], ["a", "b"])
    assert box_of(layer, 0) == KneeBox(3, 5, 40)
    assert box_of(layer, 1) == KneeBox(4, 45, 30)
    assert list(layer.features["knee"]) == ["a", "b"]
    name_boxes(layer, ["b", "a"])
    assert list(layer.features["knee"]) == ["b", "a"]
    assert tuple(layer.scale) == (0.5, 0.25)


def test_a_box_that_was_dragged_is_the_square_around_its_middle(viewer: ViewerModel) -> None:
    layer = add_boxes(viewer, Plane.shown(viewer, film(viewer)), [KneeBox(0, 0, 10)], ["a"])
    layer.data = [np.array([[10, 10], [10, 29], [19, 29], [19, 10]], float)]
    assert box_of(layer, 0) == KneeBox(5.5, 10.5, 19)


def test_a_piece_lies_where_it_lay(viewer: ViewerModel) -> None:
    layer = film(viewer)
    layer.translate = (50, 70)
    pixels, options = cut_out(Plane.shown(viewer, layer), KneeBox(10, 20, 30), "L", "left knee")
    np.testing.assert_array_equal(pixels, layer.data[10:40, 20:50])
    piece = viewer.add_image(pixels, **options)
    np.testing.assert_allclose(piece.data_to_world((0, 0)), layer.data_to_world((10, 20)))
    assert tuple(piece.scale) == (0.5, 0.25)
    assert piece.units == layer.units
    about = piece.metadata[RADIOGRAPH]
    assert (about["laterality"], about["notes"]) == ("L", (CUT_OUT,))
    assert provenance_in(piece.metadata).synthetic
    assert layer.metadata[RADIOGRAPH]["laterality"] == "B"  # the film is as it was


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_what_lies_beyond_the_film_is_dark(viewer: ViewerModel, kind: type) -> None:
    layer = film(viewer, kind)
    pixels, options = cut_out(Plane.shown(viewer, layer), KneeBox(-5, 60, 30), "R", "right knee")
    assert pixels.shape == (30, 30)
    assert pixels.dtype == kind
    np.testing.assert_array_equal(pixels[5:, :20], layer.data[:25, 60:])
    assert (pixels[:5] == 20).all()
    assert (pixels[:, 20:] == 20).all()
    piece = viewer.add_image(pixels, **options)
    np.testing.assert_allclose(piece.data_to_world((5, 0)), layer.data_to_world((0, 60)))


def test_a_box_beside_the_film_is_dark_all_over(viewer: ViewerModel) -> None:
    pixels, _ = cut_out(Plane.shown(viewer, film(viewer)), KneeBox(200, 200, 16), "R", "right knee")
    assert (pixels == 20).all()

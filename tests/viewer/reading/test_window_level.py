from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.windows import HOUNSFIELD, Window
from napari_medgen.viewer.layers.owner import SALIENCY
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.reading import window_level


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def an_image(viewer: ViewerModel, **options: Any) -> Any:
    return viewer.add_image(np.linspace(-1000, 2000, 27000).reshape(30, 30, 30).astype(np.int16), rgb=False, **options)


def test_a_window_may_leave_the_range_of_naparis_slider(viewer: ViewerModel) -> None:
    layer = an_image(viewer, contrast_limits=(0, 100))
    window_level.set_window(layer, Window(40, 4000))
    assert tuple(layer.contrast_limits) == (-1960, 2040)
    assert layer.contrast_limits_range[0] <= -1960


def test_the_window_that_an_image_was_opened_with_comes_back(viewer: ViewerModel) -> None:
    layer = an_image(viewer, contrast_limits=(0, 100))
    assert window_level.window_of(layer).name == "As opened"
    window_level.set_window(layer, HOUNSFIELD[1])
    assert window_level.window_of(layer).name == "Lung"
    window_level.invert(layer)
    assert window_level.is_inverted(layer)
    window_level.reset_window(layer)
    assert tuple(layer.contrast_limits) == (0, 100)
    assert not window_level.is_inverted(layer)


def test_inverting_twice_changes_nothing(viewer: ViewerModel) -> None:
    layer = an_image(viewer)
    before = np.array(layer.colormap.map(np.linspace(0, 1, 7)))
    window_level.invert(layer)
    np.testing.assert_allclose(layer.colormap.map(np.linspace(0, 1, 7)), before[::-1], atol=1e-6)
    window_level.invert(layer)
    np.testing.assert_allclose(layer.colormap.map(np.linspace(0, 1, 7)), before, atol=1e-6)
    assert layer.colormap.name == "gray"


def test_a_ct_is_known_by_its_air_and_counts_in_hounsfield_units(viewer: ViewerModel) -> None:
    layer = an_image(viewer)
    assert window_level.modality(layer) == "CT"
    assert window_level.unit(layer) == "HU"
    layer.data = np.abs(layer.data)
    assert window_level.modality(layer) == ""  # it is another image now


def test_several_selected_images_are_set_together_and_no_map_or_colour_picture(viewer: ViewerModel) -> None:
    first, second = an_image(viewer), an_image(viewer)
    mapped = an_image(viewer, metadata={SALIENCY: {}})
    coloured = viewer.add_image(np.zeros((5, 5, 3), np.uint8), rgb=True)
    seen = [coloured, mapped, second, first]
    viewer.layers.selection = {first}
    assert window_level.targets(viewer, seen) == [second]  # the uppermost that has a window
    viewer.layers.selection = {first, second, mapped, coloured}
    assert set(window_level.targets(viewer, seen)) == {first, second}


def test_a_rectangle_sets_the_window_from_what_lies_in_it(viewer: ViewerModel) -> None:
    data = np.zeros((4, 20, 20), np.int16)
    data[2, 5:10, 5:10] = np.arange(25).reshape(5, 5) + 100
    layer = viewer.add_image(data, rgb=False, scale=(2, 1, 1))
    corners = np.array([4.0, 5, 5]), np.array([4.0, 9, 9])
    found = window_level.window_within(layer, corners, 0)
    assert found is not None
    low, high = found.limits
    assert 100 <= low < 102
    assert 122 < high <= 124
    outside = np.array([4.0, 50, 50]), np.array([4.0, 60, 60])
    assert window_level.window_within(layer, outside, 0) is None


def test_the_sigmoid_of_a_file_is_shown_and_its_width_is_the_files(viewer: ViewerModel) -> None:
    image = Radiograph(np.arange(1024, dtype=np.uint16).reshape(32, 32), (400.0, 600.0), curve="sigmoid")
    data, options, _ = radiograph_layer(image)
    layer: Any = viewer.add_image(data, **options)
    assert window_level.windowed(layer)
    assert window_level.has_sigmoid(layer)
    window = window_level.window_of(layer)
    assert (window.level, window.width) == (500.0, 200.0)
    # PS3.3 C.11.2.1.3.1 at a quarter of the width above the centre.
    shown = layer.colormap.map(np.array([(550 - 300) / 400]))[0, 0]
    assert shown == pytest.approx(1 / (1 + np.exp(-4 * 50 / 200)), abs=0.02)
    window_level.invert(layer)
    assert window_level.has_sigmoid(layer)
    window_level.set_window(layer, Window(500, 100))
    assert tuple(layer.contrast_limits) == (400, 600)
    window_level.reset_window(layer)
    assert window_level.window_of(layer).width == 200

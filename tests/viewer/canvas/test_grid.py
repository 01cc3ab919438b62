"""One owner of the grid: Project, Compare, Explain, in any order, leave nothing on top of each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.maps import SaliencyMap
from napari_medgen.saliency.request import ExplainRequest
from napari_medgen.viewer.canvas.grid import leave_grid, take_grid
from napari_medgen.viewer.explain.map_layers import close_comparison, compare_side_by_side, is_comparison
from napari_medgen.viewer.future.display import FutureDisplay, is_ours
from napari_medgen.viewer.layers.plane import Plane
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from saliency_support import load, write_classifier


def test_who_takes_the_grid_makes_the_one_before_give_it_up() -> None:
    viewer, told = ViewerModel(), []
    take_grid(viewer, "a", lambda: told.append("a"), shape=(1, 2))
    take_grid(viewer, "a", lambda: told.append("a"), shape=(1, 3))
    assert not told
    take_grid(viewer, "b", lambda: told.append("b"), shape=(2, 2), stride=2)
    assert told == ["a"]
    leave_grid(viewer, "a")
    assert viewer.canvas.grid.enabled
    leave_grid(viewer, "b")
    assert not viewer.canvas.grid.enabled


@pytest.fixture
def maps(tmp_path: Path) -> list[SaliencyMap]:
    image = Radiograph(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8), (0, 255))
    classifier = load(write_classifier(tmp_path / "tiny"))
    return [classifier.explain(image, ExplainRequest())] * 2


@pytest.fixture
def stage() -> tuple[ViewerModel, Plane, FutureDisplay]:
    viewer = ViewerModel()
    image = Radiograph(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8), (0, 255))
    data, options, _ = radiograph_layer(image)
    plane = Plane.shown(viewer, viewer.add_image(data, **options))
    display = FutureDisplay(viewer)
    frame = NetworkView((64, 64), (0, 0, 64, 64), (32, 32))
    display.begin(plane, frame.box, np.zeros((32, 32), np.float32))
    display.show_projection(np.zeros((32, 32), np.float32), Provenance(synthetic=True))
    display.show_frames(np.zeros((3, 32, 32), np.float32), 12.0, "predicted", Provenance(synthetic=True))
    return viewer, plane, display


def on_top_of_each_other(viewer: ViewerModel) -> bool:
    """Whether more pictures than one lie on one place: a prediction may lie over its baseline, a map over its image."""
    names = {layer.name for layer in viewer.layers if layer.visible}
    return not viewer.canvas.grid.enabled and "change" in names and len(names) > 1


def test_project_compare_explain(stage: tuple[ViewerModel, Plane, FutureDisplay], maps: list[SaliencyMap]) -> None:
    viewer, plane, display = stage
    assert tuple(viewer.canvas.grid.shape) == (1, 3)
    for _ in compare_side_by_side(viewer, plane, maps, titles=["a", "b"], signed=True, opacity=0.5):
        pass
    assert tuple(viewer.canvas.grid.shape) == (1, 2)
    assert all(is_comparison(layer) for layer in viewer.layers if layer.visible)
    close_comparison(viewer)
    assert not on_top_of_each_other(viewer)
    display.arrange(side_by_side=True)
    assert tuple(viewer.canvas.grid.shape) == (1, 3)


def test_compare_then_side_by_side(stage: tuple[ViewerModel, Plane, FutureDisplay], maps: list[SaliencyMap]) -> None:
    viewer, plane, display = stage
    for _ in compare_side_by_side(viewer, plane, maps, titles=["a", "b"], signed=True, opacity=0.5):
        pass
    display.arrange(side_by_side=True)
    assert not any(is_comparison(layer) for layer in viewer.layers)
    assert tuple(viewer.canvas.grid.shape) == (1, 3)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["baseline", "predicted", "change"]


def test_who_has_nothing_left_on_screen_gives_the_grid_up_without_a_word(
    stage: tuple[ViewerModel, Plane, FutureDisplay],
) -> None:
    viewer, plane, _alive = stage  # the first display lives on
    made = Provenance(synthetic=True, model="knees")
    for layer in [one for one in viewer.layers if is_ours(one)]:
        viewer.layers.remove(layer)  # by hand, after the widget was closed
    second = FutureDisplay(viewer)
    second.begin(plane, (0, 0, 64, 64), np.zeros((32, 32), np.float32))
    second.show_projection(np.zeros((32, 32), np.float32), made)
    assert [layer.name for layer in viewer.layers if is_ours(layer)] == ["baseline", "projection"]
    assert viewer.canvas.grid.enabled

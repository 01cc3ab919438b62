"""Boxes on knees: what is offered, what a person changes, and what is cut out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from PIL import Image as Pictures
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medgen.imaging.radiograph import Laterality, Radiograph
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.knee_boxes import KneeBoxes, KneePanel
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.viewer.work.queue import WorkQueue


class View(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.work, self.knees = WorkPanel(), KneePanel()
        layout = QVBoxLayout(self)
        layout.addWidget(self.work)
        layout.addWidget(self.knees)


class Bench:
    """A viewer with a film on it, boxes, and what was made of them."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot, self.viewer, self.view = qtbot, ViewerModel(), View()
        qtbot.addWidget(self.view)
        self.coordinator = Coordinator(self.view, self.viewer, WorkQueue())
        self.used: list[tuple[Image, Laterality]] = []
        self.boxes = KneeBoxes(self.coordinator, self.view.knees, lambda layer, side: self.used.append((layer, side)))

    def open(self, name: str, side: Laterality = "") -> Image:
        with (files("napari_medgen.samples") / f"{name}.png").open("rb") as file:
            pixels = np.asarray(Pictures.open(file).convert("L"))[::2, ::2]
        data, options, _ = radiograph_layer(Radiograph(pixels.copy(), (0, 255), laterality=side, name=name))
        return self.viewer.add_image(data, **options)

    def begin(self, layer: Image | None) -> None:
        self.boxes.begin(layer)
        self.qtbot.waitUntil(lambda: not self.coordinator.work.busy, timeout=20_000)


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(qtbot)
    yield made
    made.coordinator.close()


def test_of_two_knees_the_left_one_in_the_picture_is_the_right_one(bench: Bench) -> None:
    layer = bench.open("knee-both")
    bench.begin(layer)
    assert bench.view.knees.offered == ["Use the right knee", "Use the left knee", "Swap sides", "No box"]
    assert list(bench.boxes.layer.features["knee"]) == ["right knee", "left knee"]
    bench.view.knees.press("Use the right knee")
    ((piece, side),) = bench.used
    assert (piece.name, side) == ("knee-both, right knee", "R")
    assert abs(piece.translate[1]) < 0.1 * piece.data.shape[1]
    assert bench.boxes.layer is None
    assert [one.name for one in bench.viewer.layers] == ["knee-both", "knee-both, right knee"]


def test_a_picture_that_hangs_the_other_way_round_is_swapped(bench: Bench) -> None:
    bench.begin(bench.open("knee-both"))
    bench.view.knees.press("Swap sides")
    assert bench.view.knees.offered[:2] == ["Use the left knee", "Use the right knee"]
    assert list(bench.boxes.layer.features["knee"]) == ["left knee", "right knee"]
    bench.view.knees.press("Use the left knee")
    ((piece, side),) = bench.used
    assert side == "L"
    assert piece.translate[1] < 0.2 * piece.data.shape[1]


def test_a_side_that_the_file_says_is_not_asked_for(bench: Bench) -> None:
    bench.begin(bench.open("knee-left", "L"))
    assert bench.view.knees.offered == ["Use the left knee", "No box"]


def test_a_side_that_nobody_says_is_asked_for(bench: Bench) -> None:
    bench.begin(bench.open("knee-left"))
    assert bench.view.knees.offered == ["Use as a right knee", "Use as a left knee", "No box"]
    assert "does not say which knee" in bench.view.knees.words
    bench.view.knees.press("Use as a left knee")
    assert bench.used[0][1] == "L"


def test_a_box_that_was_dragged_is_what_is_cut_out(bench: Bench) -> None:
    layer = bench.open("knee-left", "L")
    bench.begin(layer)
    bench.boxes.layer.data = [np.array([[40, 30], [40, 139], [149, 139], [149, 30]]) - 0.5]
    bench.view.knees.press("Use the left knee")
    np.testing.assert_array_equal(bench.used[0][0].data, layer.data[40:149, 30:139])


def test_where_nothing_looks_like_a_knee_the_box_is_called_a_guess(bench: Bench) -> None:
    bench.begin(bench.open("chest-normal"))
    assert "the box is a guess" in bench.view.knees.words


def test_no_box_leaves_everything_as_it_was(bench: Bench) -> None:
    layer = bench.open("knee-left")
    bench.begin(layer)
    bench.view.knees.press("No box")
    assert list(bench.viewer.layers) == [layer]
    assert bench.used == []


def test_boxes_go_with_their_film_and_cannot_be_taken_twice(bench: Bench) -> None:
    layer = bench.open("knee-left", "L")
    bench.begin(layer)
    bench.boxes.layer.data = []
    bench.view.knees.press("Use the left knee")
    assert "was deleted" in bench.view.work.error
    bench.begin(layer)
    bench.viewer.layers.remove(layer)
    assert bench.view.knees.words == ""
    assert list(bench.viewer.layers) == []


def test_what_is_no_radiograph_gets_a_sentence(bench: Bench) -> None:
    bench.begin(None)
    assert "Open a radiograph first" in bench.view.work.error
    bench.begin(bench.viewer.add_image(np.zeros((4, 40, 40)), name="volume"))
    assert "is not a radiograph" in bench.view.work.error
    bench.begin(bench.viewer.add_image(np.zeros((10, 10)), name="stamp"))
    assert "too small" in bench.view.work.error


def test_a_box_that_is_deleted_takes_its_offer_with_it(bench: Bench) -> None:
    bench.begin(bench.open("knee-both"))
    bench.boxes.layer.selected_data = {0}
    bench.boxes.layer.remove_selected()
    assert bench.view.knees.offered == ["Use the left knee", "Swap sides", "No box"]
    bench.view.knees.press("Use the left knee")
    ((piece, side),) = bench.used
    assert side == "L"
    assert piece.translate[1] > 0.8 * piece.data.shape[1]


def test_a_picture_of_several_levels_of_detail_is_cut_at_its_finest(bench: Bench) -> None:
    pixels = bench.open("knee-left", "L").data
    bench.viewer.layers.clear()
    bench.begin(bench.viewer.add_image([pixels, pixels[::2, ::2]], multiscale=True, contrast_limits=(0, 255), name="levels"))
    bench.view.knees.press("Use as a left knee")
    assert bench.used[0][0].data.shape[0] > 200

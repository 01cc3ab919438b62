"""**Measure**: what taps draw, what the table says, and files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from PIL import Image as Pictures
from pytestqt.qtbot import QtBot

from napari_medgen.imaging.knee_boxes import KneeBox
from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import OF_A_MODEL, Drawn
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.canvas.touch import Tap
from napari_medgen.viewer.layers.boxes import cut_out
from napari_medgen.viewer.layers.measured import MEASURED
from napari_medgen.viewer.layers.owner import FUTURE, made_by
from napari_medgen.viewer.layers.plane import Plane
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.measure.coordinator import MeasureCoordinator
from napari_medgen.viewer.measure.rows import rows_of
from napari_medgen.viewer.measure.view import ADJUST, MeasureView
from napari_medgen.viewer.work.queue import WorkQueue


class Desk:
    """A viewer, the widget, and hands that tap."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot, self.viewer, self.view = qtbot, ViewerModel(), MeasureView()
        qtbot.addWidget(self.view)
        self.coordinator = MeasureCoordinator(self.view, self.viewer, WorkQueue())

    def radiograph(self, *, spacing: tuple[float, float] | None = (0.5, 0.5), synthetic: bool = False, **more: Any) -> Image:
        pixels = (np.arange(100 * 120).reshape(100, 120) % 251).astype(np.uint8)
        image = Radiograph(
            pixels, (0, 255), spacing=spacing, provenance=Provenance(synthetic=synthetic), name="picture", **more
        )
        data, options, _ = radiograph_layer(image)
        return self.viewer.add_image(data, **options)

    def tap(self, what: str, *world: float, shown: tuple[int, int] = (-2, -1), live: bool = True) -> None:
        self.coordinator.drawing.touch.tell(Tap(what, np.array(world), shown, 0.01, live))

    def click(self, *world: float, shown: tuple[int, int] = (-2, -1)) -> None:
        self.tap("press", *world, shown=shown)
        self.tap("release", *world, shown=shown)

    def idle(self) -> None:
        self.qtbot.waitUntil(
            lambda: not self.coordinator.work.busy and not self.coordinator._timer.isActive(), timeout=20_000
        )

    @property
    def layer(self) -> Any:
        return next(layer for layer in self.viewer.layers if MEASURED in layer.metadata)


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    made = Desk(qtbot)
    yield made
    made.coordinator.close()


def test_a_length_is_in_millimetres_of_the_file(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    assert desk.view.rows == [("Length", "30.0 mm", "")]
    assert "by the file's spacing" in desk.view.scale
    assert list(desk.layer.features["text"]) == ["30.0 mm"]
    assert "being drawn" not in desk.viewer.layers
    desk.click(20, 10)  # the tool stays
    desk.click(20, 20)
    assert [row[1] for row in desk.view.rows] == ["30.0 mm", "10.0 mm"]


def test_a_drag_draws_too_and_the_sketch_follows(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.tap("press", 10, 10)
    desk.tap("move", 10, 20)
    np.testing.assert_allclose(desk.viewer.layers["being drawn"].data[0], [[20, 20], [20, 40]])
    assert desk.viewer.layers.selection.active is desk.viewer.layers["picture"]
    desk.tap("move", 10, 30)
    desk.tap("release", 10, 30)
    assert [row[1] for row in desk.view.rows] == ["20.0 mm"]


@pytest.mark.parametrize(
    ("tool", "places", "value"),
    [
        ("angle", [(10, 40), (10, 10), (40, 10)], "90.0°"),
        ("Cobb angle", [(10, 10), (10, 40), (20, 10), (30, 20)], "45.0°"),
        ("hip-knee-ankle angle", [(5, 20), (25, 20), (45, 20)], "0.0°"),
    ],
)
def test_angles_are_in_degrees(desk: Desk, tool: str, places: list, value: str) -> None:
    desk.radiograph(spacing=(0.5, 0.25))
    desk.coordinator.choose_tool(tool)
    for place in places:
        desk.click(*place) if max(place) < 30 else desk.click(place[0], place[1])
    assert [row[1] for row in desk.view.rows] == [value]


def test_a_region_has_mean_deviation_and_area(desk: Desk) -> None:
    layer = desk.radiograph()
    desk.coordinator.choose_tool("outline")
    for place in ((4.75, 4.75), (4.75, 14.75), (14.75, 14.75), (14.75, 4.75)):
        desk.click(*place)
    desk.tap("double", 14.75, 4.75)
    inside = layer.data[10:30, 10:30].astype(float)
    ((_, value, _),) = desk.view.rows
    assert value == f"{inside.mean():.2f} ± {inside.std():.2f}\n100.0 mm²"
    desk.coordinator.choose_tool("ellipse")
    desk.tap("press", 5, 5)
    desk.tap("release", 15, 25)
    assert desk.view.rows[1][1].endswith(f"{np.pi * 5 * 10:.1f} mm²")


def test_escape_gives_up_what_is_half_drawn_and_then_the_tool(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.coordinator.put_down()
    desk.click(20, 10)
    desk.click(20, 40)
    assert [row[1] for row in desk.view.rows] == ["30.0 mm"]
    desk.coordinator.put_down()
    assert desk.view.hint == ""
    assert not desk.coordinator.drawing.touch.taken
    assert all(layer.mouse_pan for layer in desk.viewer.layers)


def test_a_picture_without_spacing_is_measured_in_pixels_until_it_is_calibrated(desk: Desk) -> None:
    desk.radiograph(spacing=None)
    assert "in pixels" in desk.view.scale
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 60)
    assert desk.view.rows[0][1] == "50.0 px"
    desk.coordinator.calibrate(25.0)
    assert desk.view.rows[0][1] == "25.0 mm"
    assert "by a known length" in desk.view.scale
    desk.click(20, 10)
    desk.click(40, 10)
    assert desk.view.rows[1][1] == "10.0 mm"


def test_what_is_cut_out_or_predicted_of_a_calibrated_picture_is_calibrated(desk: Desk) -> None:
    layer = desk.radiograph(spacing=None)
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 60)
    desk.coordinator.calibrate(25.0)
    piece, options = cut_out(Plane.shown(desk.viewer, layer), KneeBox(0, 0, 80), "L", "piece")
    desk.coordinator.choose_tool("")
    desk.coordinator._choose(desk.viewer.add_image(piece, **options))
    assert "by a known length" in desk.view.scale
    # A picture that a model made of it has larger pixels in the same place.
    coarse = desk.viewer.add_image(piece[::4, ::4], **options | {"scale": (4, 4), "translate": (1.5, 1.5), "name": "coarse"})
    desk.coordinator._choose(coarse)
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 50)
    assert desk.view.rows[0][1] == "20.0 mm"


def test_calibration_needs_a_length(desk: Desk) -> None:
    desk.radiograph(spacing=None)
    desk.coordinator.ask_to_calibrate()
    assert "Draw a length" in desk.view.work.error


def test_a_volume_is_measured_in_the_slice_that_is_shown(desk: Desk) -> None:
    volume = Volume.of(
        np.arange(10 * 20 * 30, dtype=np.float32).reshape(10, 20, 30), np.diag([3.0, 2.0, 1.0, 1.0]), name="scan"
    )
    desk.viewer.add_image(volume.voxels, **image_options(volume))
    desk.coordinator.choose_tool("length")
    layer = desk.coordinator.images.layer
    one, other = layer.data_to_world((4, 5, 6)), layer.data_to_world((4, 5, 16))
    desk.click(*one)
    desk.click(*other)
    step = float(layer.scale[2])
    assert desk.view.rows == [("Length", f"{10 * step:.1f} mm", "axial slice 5")]
    assert not desk.view._grid["Calibrate..."].isEnabled()
    # Another slice begins anew, and a coronal picture measures along its own axes.
    desk.click(*layer.data_to_world((4, 5, 6)))
    desk.click(*layer.data_to_world((6, 5, 6)))
    desk.click(*layer.data_to_world((6, 15, 6)))
    assert desk.view.rows[1][2] == "axial slice 7"
    desk.click(*layer.data_to_world((2, 7, 6)), shown=(-3, -1))
    desk.click(*layer.data_to_world((8, 7, 6)), shown=(-3, -1))
    assert desk.view.rows[2] == ("Length", f"{6 * float(layer.scale[0]):.1f} mm", "coronal slice 8")
    desk.view.row_chosen.emit([0])
    assert desk.viewer.dims.current_step[0] == 4


def test_what_napari_draws_and_drags_is_measured_too(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    desk.coordinator.choose_tool("")
    desk.layer.data = [np.array([[20, 20], [20, 60]])]
    desk.layer.events.data(value=desk.layer.data)
    desk.idle()
    assert [row[1] for row in desk.view.rows] == ["20.0 mm"]
    desk.layer.add(np.array([[0, 0], [0, 20], [20, 20]]), shape_type="polygon")
    desk.idle()
    assert [row[0] for row in desk.view.rows] == ["Length", "Outline"]


def test_marked_measurements_are_deleted(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    for row in (10, 20, 30):
        desk.click(row, 10)
        desk.click(row, 10 + row)
    desk.view.mark(1)
    desk.coordinator.delete()
    assert [row[1] for row in desk.view.rows] == ["10.0 mm", "30.0 mm"]


def test_numbers_of_a_model_are_headed_as_such(desk: Desk) -> None:
    desk.radiograph(synthetic=True)
    assert desk.view.of_a_model == OF_A_MODEL
    desk.viewer.layers.clear()
    desk.radiograph()
    desk.coordinator.images.choose(desk.viewer.layers[0])
    desk.coordinator._show_image()
    assert desk.view.of_a_model == ""


def knee(size: int = 224) -> np.ndarray:
    with (files("napari_medgen.samples") / "knee-left.png").open("rb") as file:
        return np.asarray(Pictures.open(file).convert("L").resize((size, size)))


def test_a_joint_space_is_measured_in_both_compartments(desk: Desk) -> None:
    data, options, _ = radiograph_layer(Radiograph(knee(), (0, 255), spacing=(0.4, 0.4), laterality="L", name="knee"))
    desk.viewer.add_image(data, **options)
    desk.coordinator.measure_joint_space()
    desk.idle()
    ((what, value, where),) = desk.view.rows
    assert (what, where) == ("Joint space", "")
    for line, compartment in zip(value.splitlines(), ("medial", "lateral"), strict=True):
        assert line.startswith(compartment)
        assert 1 < float(line.split()[1]) < 10
    assert "in 95 of 100 knees" in desk.view.note
    assert len(desk.layer.data) == 8
    desk.coordinator.measure_joint_space()  # again: in their place, not beside them
    desk.idle()
    assert len(desk.layer.data) == 8


def test_a_prediction_is_measured_at_every_month_beside_its_baseline(desk: Desk) -> None:
    frames = np.stack([knee(128) / 255.0] * 3).astype(np.float32)
    desk.viewer.add_image(
        frames,
        name="predicted",
        contrast_limits=(0, 1),
        scale=(12, 0.7, 0.7),
        units=("month", "mm", "mm"),
        axis_labels=("months", "row", "column"),
        metadata=made_by(Provenance(synthetic=True, model="knees")) | {FUTURE: True},
    )
    desk.coordinator.images.choose(desk.viewer.layers["predicted"])
    desk.coordinator._show_image()
    desk.coordinator.measure_joint_space()
    desk.idle()
    assert "side of the knee" in desk.view.work.error
    desk.view._side.value = "left"
    desk.coordinator.measure_joint_space()
    desk.idle()
    assert [row[2] for row in desk.view.rows] == ["month 0", "month 12", "month 24"]
    assert "(" not in desk.view.rows[0][1]
    assert [line.split("(")[1] for line in desk.view.rows[1][1].splitlines()] == ["+0.0)", "+0.0)"]
    assert desk.view.of_a_model == OF_A_MODEL
    assert "change from the first picture" in desk.view.note


@pytest.mark.parametrize("what", ["volume", "nothing"])
def test_a_joint_space_of_something_else_is_a_sentence(desk: Desk, what: str) -> None:
    if what == "volume":
        volume = Volume.of(np.zeros((9, 70, 70), np.float32), np.eye(4), name="scan")
        desk.viewer.add_image(volume.voxels, **image_options(volume))
    desk.coordinator.measure_joint_space()
    assert "of one knee" in desk.view.work.error


def test_a_picture_without_a_joint_gets_a_sentence(desk: Desk) -> None:
    image = Radiograph(np.full((100, 100), 100, np.uint8), (0, 255), laterality="L", name="plain")
    data, options, _ = radiograph_layer(image)
    desk.viewer.add_image(data, **options)
    desk.coordinator.measure_joint_space()
    desk.idle()
    assert "No joint space was found" in desk.view.work.error


def test_a_sheared_scan_is_refused(desk: Desk) -> None:
    desk.viewer.add_image(np.zeros((5, 20, 20)), shear=[0.3, 0, 0], units=("mm",) * 3)
    desk.coordinator.images.choose(desk.viewer.layers[0])
    desk.coordinator.choose_tool("length")
    assert "make it upright" in desk.view.work.error
    assert not desk.coordinator.drawing.touch.taken


def test_without_an_image_nothing_is_drawn(desk: Desk) -> None:
    desk.coordinator.choose_tool("length")
    assert "Open an image first" in desk.view.work.error
    desk.tap("press", 1, 1)
    assert len(desk.viewer.layers) == 0


def test_what_was_saved_opens_over_its_image(desk: Desk, tmp_path: Path) -> None:
    desk.radiograph(spacing=None)
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 60)
    desk.coordinator.calibrate(25.0)
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.idle()
    before = desk.view.rows
    desk.viewer.layers.remove(desk.layer)
    assert desk.view.rows == []
    desk.coordinator.open(tmp_path / "mine.json")
    assert desk.view.rows == before == [("Length", "25.0 mm", "")]
    desk.coordinator.open(tmp_path / "mine.json")  # once more: beside those that are there
    assert len(desk.view.rows) == 2
    assert sum(MEASURED in layer.metadata for layer in desk.viewer.layers) == 1


def test_measurements_whose_image_is_not_open_say_so(desk: Desk, tmp_path: Path) -> None:
    layer = desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.idle()
    desk.viewer.layers.clear()
    desk.coordinator.open(tmp_path / "mine.json")
    assert "is not open" in desk.view.note
    assert list(desk.layer.features["text"]) == ["30.0 mm"]
    del layer


def test_the_table_is_written_as_csv(desk: Desk, tmp_path: Path) -> None:
    desk.radiograph(synthetic=True)
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    desk.coordinator.write_table(tmp_path / "mine.csv")
    desk.idle()
    (row,) = csv.DictReader((tmp_path / "mine.csv").read_text(encoding="utf-8-sig").splitlines())
    assert (row["value"], row["unit"], row["measurement"]) == ("30", "mm", "length")
    assert row["made by a model"].startswith("yes")
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.idle()
    assert json.loads((tmp_path / "mine.json").read_text())["image"]["synthetic"]


def test_who_chooses_another_layer_has_put_the_tool_down(desk: Desk) -> None:
    desk.radiograph()
    other = desk.viewer.add_image(np.zeros((9, 9)), name="other")
    desk.coordinator._choose(desk.viewer.layers["picture"])
    desk.coordinator.choose_tool("length")
    assert not desk.viewer.layers["picture"].mouse_pan
    desk.viewer.layers.selection.active = other
    assert desk.viewer.layers["picture"].mouse_pan
    assert not desk.coordinator.drawing.touch.taken


def test_adjusting_is_naparis_own_tool(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool(ADJUST)
    assert "Nothing was drawn" in desk.view.work.error
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    desk.coordinator.choose_tool(ADJUST)
    assert desk.layer.mode == "direct"
    desk.coordinator.choose_tool("")
    assert desk.layer.mode == "pan_zoom"


def test_what_was_drawn_stays_when_the_widget_is_closed(desk: Desk) -> None:
    desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.click(10, 40)
    desk.click(20, 10)
    desk.coordinator.close()
    assert not desk.coordinator.drawing.touch.taken
    assert len(desk.layer.data) == 1
    assert "being drawn" not in desk.viewer.layers


# -- what a second pair of eyes found ------------------------------------------------------------------------------------


def draw(desk: Desk, *ends: tuple[float, float], tool: str = "length") -> None:
    desk.coordinator.choose_tool(tool)
    for end in ends:
        desk.click(*end)
    desk.coordinator.choose_tool("")


def test_how_a_picture_is_windowed_changes_no_joint_space(desk: Desk) -> None:
    data, options, _ = radiograph_layer(Radiograph(knee(), (0, 255), spacing=(0.4, 0.4), laterality="L", name="knee"))
    layer = desk.viewer.add_image(data, **options)
    found = []
    for limits in ((0, 255), (0, 120), (100, 255)):
        layer.contrast_limits = limits
        desk.coordinator.measure_joint_space()
        desk.idle()
        found.append(desk.view.rows)
    assert found[0] == found[1] == found[2]


def test_the_side_of_a_knee_is_the_file_s(desk: Desk) -> None:
    for side in ("L", "R"):
        data, options, _ = radiograph_layer(Radiograph(knee(), (0, 255), laterality=side, name=side))
        desk.viewer.add_image(data, **options)
    desk.coordinator._choose(desk.viewer.layers["L"])
    desk.view._side.value = "right"
    desk.coordinator.measure_joint_space()
    assert "this is a left knee" in desk.view.work.error
    desk.coordinator._choose(desk.viewer.layers["R"])
    assert desk.view.side == ""  # what was said of the one before holds no more


def test_months_are_no_lengths(desk: Desk) -> None:
    frames = np.zeros((5, 40, 40), np.float32)
    units, labels = ("month", "mm", "mm"), ("months", "row", "column")
    layer = desk.viewer.add_image(frames, scale=(12, 0.5, 0.5), units=units, axis_labels=labels, name="frames")
    desk.coordinator._choose(layer)
    desk.coordinator.choose_tool("length")
    desk.click(0, 5, 5)
    desk.click(0, 5, 10)
    assert desk.view.rows[0][1] == "5.0 mm"
    desk.click(0, 5, 5, shown=(-3, -1))
    assert "Nothing is measured in this plane" in desk.view.work.error
    desk.layer.add(np.array([[0, 10, 10], [3, 10, 10.0]]), shape_type="line")
    desk.idle()
    assert len(desk.view.rows) == 1


def test_of_two_images_with_the_same_grey_values_the_one_in_the_same_place_is_meant(desk: Desk, tmp_path: Path) -> None:
    first = desk.radiograph(spacing=(0.5, 0.5))
    second = desk.radiograph(spacing=(0.1, 0.1))
    desk.coordinator._choose(second)
    draw(desk, (2, 2), (2, 4))
    assert desk.view.rows[0][1] == "2.0 mm"
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.idle()
    desk.viewer.layers.remove(desk.layer)
    desk.coordinator._choose(first)
    desk.coordinator.open(tmp_path / "mine.json")
    assert desk.coordinator.images.layer is second
    assert desk.view.rows[0][1] == "2.0 mm"


def test_measurements_go_with_an_image_that_is_moved_or_scaled(desk: Desk) -> None:
    layer = desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    layer.translate, layer.scale = (50, 50), (1, 1)
    desk.idle()
    assert desk.view.rows[0][1] == "60.0 mm"
    np.testing.assert_allclose(desk.layer.data_to_world((0, 0)), layer.data_to_world((0, 0)))
    draw(desk, (60, 60), (60, 70))
    np.testing.assert_allclose(desk.layer.data_to_world(desk.layer.data[1][0]), (60, 60))


def test_other_grey_values_are_measured_anew_and_known_again(desk: Desk, tmp_path: Path) -> None:
    layer = desk.radiograph()
    desk.coordinator.choose_tool("ellipse")
    desk.tap("press", 5, 5)
    desk.tap("release", 15, 25)
    before = desk.view.rows[0][1]
    layer.data = layer.data // 2
    desk.idle()
    assert desk.view.rows[0][1] != before
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.idle()
    desk.viewer.layers.remove(desk.layer)
    desk.coordinator.open(tmp_path / "mine.json")
    assert desk.view.note == ""


def test_months_stand_in_the_order_of_time_beside_their_baseline(desk: Desk) -> None:
    scale = Scale((1.0, 1.0, 1.0))

    def gap(frame: int, width: float) -> list[Drawn]:
        ends = [np.array([[frame, 10, column], [frame, 10 + width, column]], float) for column in (1, 2, 3)]
        return [Drawn("joint space", points, (1, 2), f"medial 0.{place}0") for place, points in enumerate(ends, 1)]

    items = [*gap(1, 4), *gap(0, 6), *gap(2, 3)]
    rows = rows_of(items, None, scale, [f"month {12 * item.slice[0]}" for item in items])
    assert [(row.where, row.value) for row in rows] == [
        ("month 0", "medial 6.0 mm"),
        ("month 12", "medial 4.0 mm (-2.0)"),
        ("month 24", "medial 3.0 mm (-3.0)"),
    ]
    without = rows_of(gap(1, 4) + gap(2, 3), None, scale, [""] * 6)
    assert [row.value for row in without] == ["medial 4.0 mm", "medial 3.0 mm"]  # there is no baseline


def test_what_is_pasted_is_measured(desk: Desk) -> None:
    desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    desk.layer.selected_data = {0}
    desk.layer._copy_data()
    desk.layer._paste_data()
    desk.idle()
    assert len(desk.view.rows) == 2


def test_a_tool_goes_with_its_image_and_with_the_slice(desk: Desk) -> None:
    layer = desk.radiograph()
    desk.coordinator.choose_tool("length")
    desk.click(10, 10)
    desk.tap("move", 10, 20)
    desk.viewer.layers.remove(layer)
    assert not desk.coordinator.drawing.touch.taken
    assert len(desk.viewer.layers) == 0
    desk.viewer.add_image(np.zeros((5, 20, 20)), name="volume")
    desk.coordinator._choose(desk.viewer.layers["volume"])
    desk.coordinator.choose_tool("length")
    desk.viewer.dims.ndisplay = 3
    assert not desk.coordinator.drawing.touch.taken
    assert desk.viewer.layers["volume"].mouse_pan


def test_of_two_widgets_one_has_the_pointer(desk: Desk, qtbot: QtBot) -> None:
    layer = desk.radiograph()
    other = MeasureView()
    qtbot.addWidget(other)
    second = MeasureCoordinator(other, desk.viewer, WorkQueue())
    desk.coordinator.choose_tool("length")
    second.choose_tool("angle")
    assert desk.view.hint == ""
    assert other.hint != ""
    assert not layer.mouse_pan
    second.close()
    assert layer.mouse_pan
    assert not desk.coordinator.drawing.touch.taken


def test_a_tool_of_napari_s_own_puts_ours_down(desk: Desk) -> None:
    desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    desk.coordinator.choose_tool("length")
    desk.viewer.layers.selection.active = desk.layer
    assert not desk.layer.mouse_pan
    desk.layer.mode = "add_line"
    assert not desk.coordinator.drawing.touch.taken
    assert desk.layer.mode == "add_line"


def test_what_was_sheared_is_refused_and_no_old_number_stays(desk: Desk, tmp_path: Path) -> None:
    layer = desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    layer.shear = [0.4]
    desk.idle()
    assert desk.view.rows == []
    desk.coordinator.save_as(tmp_path / "mine.json")
    assert "make it upright" in desk.view.work.error
    desk.view.row_chosen.emit([3])  # a line that is gone


def test_no_file_holds_the_name_of_a_layer(desk: Desk, tmp_path: Path) -> None:
    desk.radiograph()
    desk.viewer.layers["picture"].name = "MUELLER^HANS_19500101"
    draw(desk, (10, 10), (10, 40))
    desk.coordinator.save_as(tmp_path / "mine.json")
    desk.coordinator.write_table(tmp_path / "mine.csv")
    desk.idle()
    for path in tmp_path.iterdir():
        assert "MUELLER" not in path.read_text(), path.name
    assert "MUELLER" in desk.layer.name  # on screen it is called as its image is


def test_words_beside_a_drawing_go_when_nobody_counts_any_more(desk: Desk) -> None:
    desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    layer = desk.layer
    desk.coordinator.close()
    layer.add(np.array([[0, 0], [0, 9.0]]), shape_type="line")
    assert list(layer.features["text"]) == ["", ""]


def test_an_image_that_is_opened_again_has_what_was_drawn_on_it(desk: Desk) -> None:
    layer = desk.radiograph()
    draw(desk, (10, 10), (10, 40))
    drawn = desk.layer
    desk.viewer.layers.remove(layer)
    assert not drawn.visible  # over another image it would mislead
    assert desk.view.rows == []
    again = desk.radiograph()
    desk.coordinator._choose(again)
    assert desk.view.rows == [("Length", "30.0 mm", "")]
    assert drawn.visible
    again.scale = (1, 1)
    desk.idle()
    assert desk.view.rows == [("Length", "60.0 mm", "")]
    assert sum(MEASURED in one.metadata for one in desk.viewer.layers) == 1

"""**Extrapolate radiograph**: the view alone, the coordinator with a viewer's model, and the whole in a real window."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.viewer.canvas.captions import caption_of
from napari_medgen.viewer.future.coordinator import ExtrapolateCoordinator, ExtrapolateRadiograph
from napari_medgen.viewer.future.display import is_ours
from napari_medgen.viewer.future.view import ExtrapolateView
from napari_medgen.viewer.future.words import date_after, month_words
from napari_medgen.viewer.layers.owner import is_synthetic
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.widgets.knee_boxes import BUTTON
from napari_medgen.viewer.work.models import extrapolators
from napari_medgen.viewer.work.queue import WorkQueue, shared_queue
from progression_support import loaded, radiograph, three_visit_cohort, write_model


@pytest.fixture
def view(qtbot: QtBot) -> ExtrapolateView:
    made = ExtrapolateView()
    qtbot.addWidget(made)
    made.set_models(["knees"])
    made.set_images(["first", "second"], "first")
    return made


def test_the_form_says_what_was_entered(view: ExtrapolateView) -> None:
    form = view.form
    assert (form.image, form.model, form.side, form.second, form.cohort) == ("first", "knees", "", "", "")
    assert form.extrapolation == ExtrapolationRequest(tuple(range(6, 97, 6)), 8, "strict")
    assert (form.projection.method, form.projection.space) == ("fast", "W+")
    view._side.value, view._mode.value, view._neighbours.value = "right", "as published", 1
    view._horizon.value, view._step.value, view.second._image.value = 24, 12, "second"
    form = view.form
    assert (form.side, form.extrapolation, form.second) == ("R", ExtrapolationRequest((12, 24), 1, "published"), "second")


def test_every_button_says_that_it_was_pressed(view: ExtrapolateView, qtbot: QtBot) -> None:
    view.set_looked_ahead(True)
    view.set_neighbours([("9001 L", "KL 0 to 1", "48", "0.10")])
    view.second._image.value = "second"
    signals = {
        "Project": view.project_requested,
        "Side by side": view.beside_requested,
        "Blink (B)": view.blink_requested,
        "Open neighbour": view.open_requested,
        "Report...": view.report_requested,
        "Save frames...": view.save_requested,
        "About this model": view.card_requested,
        "Compare with the second visit": view.compare_requested,
    }
    for text, signal in signals.items():
        with qtbot.waitSignal(signal, timeout=500):
            next(button for button in view.findChildren(QPushButton) if button.text() == text).click()


def test_what_needs_frames_is_off_until_there_are_some(view: ExtrapolateView) -> None:
    assert not view._buttons["Report..."].isEnabled()
    view.set_looked_ahead(True)
    assert view._buttons["Report..."].isEnabled()
    assert not view.second._compare.isEnabled()  # no second visit was chosen
    view.second._image.value = "second"
    assert view.second._compare.isEnabled()


def test_months_have_dates() -> None:
    assert date_after(datetime.date(2020, 1, 1), 12) == datetime.date(2020, 12, 31)
    assert date_after(datetime.date(2020, 1, 1), 0) == datetime.date(2020, 1, 1)


class Stage:
    """A viewer's model, a coordinator and a queue of its own."""

    def __init__(self, qtbot: QtBot, model: str) -> None:
        self.qtbot, self.viewer, self.queue, self.view = qtbot, ViewerModel(), WorkQueue(), ExtrapolateView()
        qtbot.addWidget(self.view)
        self.coordinator = ExtrapolateCoordinator(self.view, self.viewer, self.queue)
        self.view.set_models([model])
        self.view.subject_changed.emit()
        self.idle()

    def idle(self) -> None:
        timer = self.coordinator._timer
        work = self.coordinator.work
        self.qtbot.waitUntil(lambda: not work.busy and not timer.isActive(), timeout=60_000)

    def add(self, image: Radiograph) -> Any:
        data, options, _ = radiograph_layer(image)
        return self.viewer.add_image(data, **options)

    def press(self, name: str) -> None:
        next(button for button in self.view.findChildren(QPushButton) if button.text() == name).click()
        self.idle()

    def project(self) -> None:
        """Project, and go on: random weights reproduce nothing."""
        self.press("Project")
        if "Extrapolate anyway" in self.view.offered:
            self.press("Extrapolate anyway")

    def layers(self) -> dict[str, Any]:
        return {layer.name: layer for layer in self.viewer.layers if is_ours(layer)}


@pytest.fixture
def stage(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tmp_path / "models"))
    write_model(tmp_path / "models" / "tiny", three_visit_cohort(), surrogate="surrogate progression, made up")
    model = loaded(tmp_path / "other", three_visit_cohort(), surrogate="surrogate progression, made up")
    model.known_cohort.about["surrogate"] = "surrogate progression, made up"
    monkeypatch.setattr(extrapolators, "load", lambda key: model)
    made = Stage(qtbot, "tiny")
    made.add(radiograph(spacing=(0.5, 0.5)))
    made.view._step.value, made.view._horizon.value, made.view._neighbours.value = 12, 48, 3
    made.idle()
    yield made
    made.coordinator.close()
    made.idle()


def test_project_shows_baseline_prediction_and_change(stage: Stage) -> None:
    stage.project()
    assert stage.view.work.error == ""
    shown = stage.layers()
    assert list(shown) == ["baseline", "predicted (surrogate)", "change of brightness"]
    predicted = shown["predicted (surrogate)"]
    assert predicted.data.shape == shown["change of brightness"].data.shape == (5, 32, 32)
    assert predicted.axis_labels[0] == "months"
    assert predicted.scale.tolist() == pytest.approx([12.0, 1.25, 1.25])
    assert is_synthetic(predicted)
    assert is_synthetic(shown["change of brightness"])
    assert not is_synthetic(shown["baseline"])
    assert stage.viewer.canvas.grid.enabled
    assert tuple(stage.viewer.canvas.grid.shape) == (2, 2)  # larger pictures than in one row
    assert not stage.viewer.layers["knee 0"].visible
    assert "dB" in stage.view.quality
    assert "made up" in stage.view._surrogate.text()
    assert len(stage.view.neighbour_rows) == 3
    assert stage.view.plot.drawn


def test_the_frame_lies_on_the_image(stage: Stage) -> None:
    stage.project()
    baseline, image = stage.layers()["baseline"], stage.viewer.layers["knee 0"]
    # Outer edges of the first and of the last pixel, in millimetres.
    edges = [
        (layer.translate - layer.scale / 2, layer.translate + (np.array(layer.data.shape) - 0.5) * layer.scale)
        for layer in (baseline, image)
    ]
    assert np.allclose(edges[0], edges[1])


def test_the_months_slider_moves_the_line_and_the_words(stage: Stage) -> None:
    stage.project()
    stage.view._dated.value, stage.view._date.value = True, datetime.date(2020, 1, 1)
    stage.viewer.dims.set_point(0, 24)
    assert stage.view.now.startswith("After 24 months: grade")  # no date of a surrogate, whose months are nominal
    assert "against the projection" in stage.view.now
    assert stage.view.plot.month == 24
    assert stage.view.months.words == "24 months"
    captions = {role: caption_of(layer) for role, layer in stage.coordinator.display.layers.items()}
    assert captions == {
        "baseline": "baseline",
        "predicted": "predicted (surrogate)\n24 months",
        "change": "change of brightness\n24 months",
    }
    stage.viewer.dims.set_current_step(0, 4)
    assert stage.view.now.startswith("After 48 months")
    stage.press("12 mo")
    assert stage.coordinator.display.month == 12
    assert not next(one for one in stage.view.findChildren(QPushButton) if one.text() == "96 mo").isEnabled()


def test_real_follow_up_has_dates(stage: Stage) -> None:
    stage.project()
    assert stage.coordinator.forecast is not None
    stage.coordinator.forecast.extrapolator.known_cohort.about["surrogate"] = ""
    assert "(December 2021)" in month_words(stage.coordinator.forecast, 2, datetime.date(2020, 1, 1))
    assert "(" not in month_words(stage.coordinator.forecast, 2, None).split(":")[0]


def test_other_neighbours_use_the_projection_again(stage: Stage) -> None:
    stage.project()
    projected, forecast = stage.coordinator.projected, stage.coordinator.forecast
    stage.view._neighbours.value = 1
    stage.view._mode.value = "as published"
    stage.idle()
    assert stage.coordinator.projected is projected
    assert stage.coordinator.forecast is not forecast
    assert len(stage.view.neighbour_rows) == 1
    assert stage.coordinator.forecast is not None
    assert stage.coordinator.forecast.prediction.extrapolation.request.mode == "published"


def test_blink_puts_the_prediction_over_the_baseline_and_hides_it(stage: Stage) -> None:
    stage.project()
    predicted = stage.layers()["predicted (surrogate)"]
    stage.viewer.dims.set_point(0, 48)
    stage.press("Blink (B)")
    assert not stage.viewer.canvas.grid.enabled
    assert predicted.visible
    assert caption_of(predicted) == "predicted (surrogate)\n48 months"
    stage.press("Blink (B)")
    assert not predicted.visible
    projected = stage.layers()["projected baseline"]
    assert caption_of(projected) == "projected baseline"
    np.testing.assert_array_equal(projected.data, predicted.data[0])
    stage.press("Blink (B)")
    assert predicted.visible
    stage.press("Side by side")
    assert stage.viewer.canvas.grid.enabled


def test_a_neighbour_opens_below(stage: Stage) -> None:
    stage.project()
    stage.press("Open neighbour")
    names = list(stage.layers())
    assert len(names) == 5
    assert all(name.endswith("(projected)") for name in names[3:])
    assert tuple(stage.viewer.canvas.grid.shape) == (2, 3)
    stage.view._table.selectRow(1)
    stage.press("Open neighbour")
    assert list(stage.layers())[3:] != names[3:]
    assert len(stage.layers()) == 5


def test_a_second_visit_stands_beside_what_was_expected(stage: Stage) -> None:
    stage.project()
    stage.add(radiograph(7))
    assert stage.view.form.image == "knee 0"  # a second image is no new baseline
    stage.view.second._image.value = "knee 7"
    stage.press("Compare with the second visit")
    assert "24 months later: the real image looks like" in stage.view.comparison
    assert stage.coordinator.display.month == 24
    assert {"real, 24 months", "expected, 24 months"} <= set(stage.layers())
    assert not stage.viewer.layers["knee 7"].visible
    stage.press("Close neighbour")
    assert len(stage.layers()) == 3
    assert stage.view.comparison == ""
    stage.coordinator.display.clear()
    assert [layer.name for layer in stage.viewer.layers if layer.visible] == ["knee 0"]


def test_what_is_wrong_is_said_and_what_can_be_done(stage: Stage) -> None:
    stage.project()
    stage.add(Radiograph(np.zeros((40, 40), np.uint8), (0, 255), laterality="L", name="small"))
    stage.view._image.value = "small"
    # Nothing of the knee before is left beside another image.
    assert stage.layers() == {}
    assert (stage.view.now, stage.view.quality, stage.view.neighbour_rows) == ("", "", [])
    assert [layer.name for layer in stage.viewer.layers if layer.visible] == ["small"]
    stage.press("Project")
    assert "small has 40 x 40 pixels" in stage.view.work.error
    stage.add(Radiograph(radiograph().pixels, (0, 255), name="unsaid"))
    assert stage.view.form.image == "unsaid"
    assert stage.view.work.error == ""
    stage.press("Project")
    assert "left or a right knee" in stage.view.refusal
    assert stage.view.offered == ["It is a right knee", "It is a left knee"]
    stage.press("It is a left knee")
    assert stage.view.form.side == "L"
    assert stage.coordinator.projected is not None
    stage.add(Radiograph(np.full((80, 80), 255, np.uint8), (0, 255), laterality="L", name="bright"))
    stage.view._image.value = "bright"
    assert stage.view.form.side == ""
    stage.press("Project")
    assert stage.view.refusal == "Too bright to be a knee."
    assert stage.view.offered == ["Extrapolate anyway", BUTTON]
    assert [layer.name for layer in stage.viewer.layers if layer.visible] == ["bright"]


def test_a_bad_projection_is_shown_and_goes_on_where_somebody_insists(stage: Stage) -> None:
    stage.press("Project")
    assert "the error is above that of" in stage.view.refusal
    assert stage.view.refusal.startswith("Not extrapolated.")
    assert "change" not in stage.coordinator.display.layers
    assert stage.coordinator.forecast is None
    projected = stage.coordinator.projected
    stage.press("Extrapolate anyway")
    assert stage.coordinator.projected is projected  # the work that was done is used
    assert stage.coordinator.forecast is not None
    assert stage.view.refusal == ""


def test_a_picture_of_both_knees_gets_boxes_that_are_accepted(stage: Stage) -> None:
    stage.add(both_knees())
    stage.press("Project")
    knees = stage.view.knees
    assert "both knees" in knees.words
    assert knees.offered == ["Use the right knee", "Use the left knee", "Swap sides", "No box"]
    assert stage.coordinator.projected is None  # nothing is cut silently
    stage.press("Use the left knee")
    assert stage.view.form.image == "both, left knee"
    assert stage.view.form.side == "L"
    assert stage.coordinator.projected is not None
    assert stage.coordinator.projected.image.laterality == "L"
    assert "Knee boxes" not in stage.viewer.layers
    assert knees.words == ""


def test_boxes_go_with_the_image_and_with_the_widget(stage: Stage) -> None:
    stage.add(both_knees())
    stage.press(BUTTON)
    assert "Knee boxes" in stage.viewer.layers
    stage.view._image.value = "knee 0"
    stage.idle()
    assert "Knee boxes" not in stage.viewer.layers
    stage.view._image.value = "both"
    stage.press(BUTTON)
    stage.coordinator.viewer.layers.remove("Knee boxes")
    assert stage.view.knees.words == ""
    stage.press(BUTTON)
    stage.coordinator.boxes.end()
    stage.coordinator.close()
    assert "Knee boxes" not in stage.viewer.layers


def test_what_was_made_with_other_settings_is_said_to_be_out_of_date(stage: Stage) -> None:
    stage.project()
    assert stage.view.stale == ""
    stage.view._side.value = "right"
    assert "Out of date" in stage.view.stale
    stage.view._side.value = "as in the file"
    assert stage.view.stale == ""


def test_an_image_that_is_opened_during_a_comparison_takes_no_cell(stage: Stage) -> None:
    stage.project()
    later = stage.add(radiograph(7))
    assert not later.visible
    assert [caption_of(layer) for layer in stage.viewer.layers if layer.visible] == [
        "baseline",
        "predicted (surrogate)\n0 months",
        "change of brightness\n0 months",
    ]
    later.visible = True  # who wants to see it sees it alone
    assert [layer.name for layer in stage.viewer.layers if layer.visible] == ["knee 7"]
    assert not stage.viewer.canvas.grid.enabled
    stage.press("Side by side")
    assert not later.visible


def test_cancel_ends_a_projection(stage: Stage) -> None:
    stage.view._method.value = "as published (1000 steps)"
    stage.view.project_requested.emit()
    stage.qtbot.waitUntil(lambda: "predicted" in stage.coordinator.display.layers, timeout=30_000)
    stage.view.work.cancel_requested.emit()
    stage.idle()
    assert stage.coordinator.forecast is None
    assert stage.view.work.status == "Ready"


def test_reports_are_written_as_pdf_and_html(stage: Stage, tmp_path: Path) -> None:
    stage.project()
    stage.coordinator.write_report(tmp_path / "report")
    stage.idle()
    (pdf,) = stage.coordinator.written
    assert pdf.name == "report.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.read_bytes().count(b"/Type /Page\n") >= 3
    assert stage.view.work.status.startswith("Saved report.pdf in")
    stage.coordinator.write_report(tmp_path / "report.html")
    stage.idle()
    (html,) = stage.coordinator.written
    assert "made up" in html.read_text()
    (tmp_path / "folder").write_text("a file")
    stage.coordinator.write_report(tmp_path / "folder" / "report.html")
    stage.idle()
    assert stage.coordinator.written == ()
    assert "cannot be written" in stage.view.work.error
    stage.coordinator.save(tmp_path / "out")
    stage.idle()
    assert len(stage.coordinator.written) == 13 + 5  # and a DICOM series
    assert stage.view.work.status == f"Saved 18 files in {tmp_path / 'out'}"
    assert not stage.view.work._open.isHidden()


def test_layers_that_are_removed_by_hand_are_forgotten(stage: Stage) -> None:
    stage.project()
    for layer in list(stage.layers().values()):
        stage.viewer.layers.remove(layer)
    assert not stage.viewer.canvas.grid.enabled
    stage.viewer.dims.set_point(0, 0)
    stage.project()
    assert len(stage.layers()) == 3


@pytest.mark.real_data
def test_a_real_knee_in_a_real_window(
    make_napari_viewer: Any, qtbot: QtBot, real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Extrapolate radiograph")
    assert isinstance(widget, ExtrapolateRadiograph)
    image = next(path for path in sorted((real_data / "knee-radiographs" / "val" / "1").iterdir()))
    viewer.open(image, plugin="napari-medgen")
    view, coordinator = widget.view, widget.coordinator
    view._side.value = {"L": "left", "R": "right"}[image.stem[-1]]
    qtbot.waitUntil(lambda: not shared_queue().busy, timeout=60_000)
    begun = time.perf_counter()
    view._project.click()
    qtbot.waitUntil(lambda: coordinator.display.there or bool(view.work.error), timeout=60_000)
    first = time.perf_counter() - begun
    qtbot.waitUntil(lambda: not shared_queue().busy and not shared_queue()._jobs, timeout=60_000)
    assert view.work.error == ""
    shown, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < 2:
        viewer.dims.set_current_step(0, shown % 17)
        viewer.screenshot(flash=False)
        shown += 1
    with capsys.disabled():
        rate = shown / (time.perf_counter() - begun)
        print(f"\nfirst frame {first:.1f} s after Project; {rate:.0f} frames a second dragged (each with a screenshot)")
    assert "surrogate" in view._surrogate.text().lower()
    assert view.plot.drawn
    widget.end()


def test_nothing_of_the_image_before_arrives_beside_the_next_one(stage: Stage) -> None:
    first = stage.viewer.layers[0].name
    other = stage.add(radiograph(seed=5, spacing=(0.5, 0.5)))
    stage.view._image.value = first
    stage.coordinator.project(anyway=True)
    stage.qtbot.waitUntil(lambda: stage.coordinator.work.runs("ahead"), timeout=60_000)
    stage.view._image.value = other.name
    stage.coordinator.project()  # random weights reproduce nothing: the next one is doubtful, and goes no further
    stage.idle()
    stage.qtbot.wait(200)
    assert stage.coordinator.forecast is None
    assert set(stage.layers()) == {"baseline", "projection"}
    assert not stage.view.plot.drawn
    assert not stage.view._buttons["Report..."].isEnabled()
    assert not stage.view._buttons["Save frames..."].isEnabled()


def test_cancelling_a_second_look_ahead_leaves_the_first_whole(stage: Stage) -> None:
    stage.project()
    forecast = stage.coordinator.forecast
    before = stage.layers()["predicted (surrogate)"].data.copy()
    stage.view._step.value = 6
    stage.qtbot.waitUntil(lambda: stage.coordinator.work.runs("ahead"), timeout=60_000)
    assert not stage.view._buttons["Report..."].isEnabled()
    stage.coordinator.cancel()
    stage.idle()
    assert stage.coordinator.forecast is forecast
    np.testing.assert_array_equal(stage.layers()["predicted (surrogate)"].data, before)
    assert stage.view._buttons["Report..."].isEnabled()


def test_cancelling_the_first_look_ahead_leaves_the_projection(stage: Stage) -> None:
    stage.coordinator.project(anyway=True)
    stage.qtbot.waitUntil(lambda: stage.coordinator.work.runs("ahead"), timeout=60_000)
    stage.coordinator.cancel()
    stage.idle()
    assert set(stage.layers()) == {"baseline", "projection"}
    assert not stage.view._buttons["Report..."].isEnabled()


def test_what_is_changed_while_the_first_frames_are_made_counts(stage: Stage) -> None:
    stage.coordinator.project(anyway=True)
    stage.qtbot.waitUntil(lambda: stage.coordinator.work.runs("ahead"), timeout=60_000)
    stage.view._neighbours.value = 2
    stage.idle()
    stage.qtbot.wait(400)
    stage.idle()
    assert stage.coordinator.forecast is not None
    assert len(stage.coordinator.forecast.prediction.extrapolation.neighbours) == 2


def test_a_renamed_knee_is_still_projected_and_compared(stage: Stage) -> None:
    layer = stage.viewer.layers[0]
    other = stage.add(radiograph(seed=5, spacing=(0.5, 0.5)))
    stage.view._image.value = layer.name
    stage.view.second._image.value = other.name
    layer.name, other.name = "left knee", "left knee later"
    assert (stage.view.form.image, stage.view.form.second) == ("left knee", "left knee later")
    stage.project()
    assert stage.view.work.error == ""
    stage.press("Compare with the second visit")
    assert stage.view.work.error == ""
    assert "real" in " ".join(stage.layers())


def test_a_plot_of_other_neighbours_does_not_stay(stage: Stage, tmp_path: Path) -> None:
    stage.project()
    stage.coordinator.save(tmp_path / "out")
    stage.coordinator._redraw()  # waits behind the save
    stage.view._step.value = 6
    stage.qtbot.wait(400)
    stage.idle()
    assert stage.coordinator.forecast is not None
    picture = stage.view.plot._picture
    assert picture is not None
    stage.coordinator._redraw()
    stage.idle()
    assert stage.view.plot._picture is not None
    assert stage.view.plot._picture.image == picture.image


def test_cancel_ends_the_projection_and_leaves_what_is_being_saved(stage: Stage, tmp_path: Path) -> None:
    stage.project()
    stage.coordinator.save(tmp_path / "out")
    stage.coordinator.project(anyway=True)
    stage.coordinator.cancel()
    stage.idle()
    assert len(stage.coordinator.written) == 13 + 5  # and a DICOM series
    assert stage.view.work.status == f"Saved 18 files in {tmp_path / 'out'}"
    assert not stage.view.work._open.isHidden()


def test_a_month_is_that_of_a_frame_whatever_else_has_a_slider(stage: Stage) -> None:
    stage.view._step.value, stage.view._horizon.value = 9, 27
    stage.idle()
    stage.project()
    assert not next(one for one in stage.view.findChildren(QPushButton) if one.text() == "12 mo").isEnabled()
    stage.coordinator.display.show_month(12)
    assert stage.view.now.startswith("After 9 months")
    assert caption_of(stage.coordinator.display.layers["predicted"]).endswith("\n9 months")
    stage.viewer.add_image(np.zeros((300, 8, 8), np.uint8), name="a stack")
    stage.viewer.dims.set_point(0, 150)
    assert caption_of(stage.coordinator.display.layers["predicted"]).endswith("\n27 months")
    assert stage.view.now.startswith("After 27 months")
    assert stage.viewer.dims.point[0] == 27
    stage.viewer.add_image(np.zeros((5, 4, 8, 8), np.uint8), name="four")
    stage.coordinator.display.show_month(18)
    assert stage.viewer.dims.point[1] == 18
    assert stage.view.now.startswith("After 18 months")
    stage.viewer.layers["a stack"].visible = True
    said = stage.view.now
    stage.viewer.dims.set_point(1, 3)  # its own slices, and no months
    assert stage.view.now == said


def test_a_second_visit_is_gone_where_another_is_chosen_and_a_neighbour_where_others_are(stage: Stage) -> None:
    stage.project()
    stage.add(radiograph(7))
    stage.view.second._image.value = "knee 7"
    stage.press("Compare with the second visit")
    assert stage.view.comparison
    stage.view.second._months.value = 36
    assert stage.view.comparison == ""
    assert len(stage.layers()) == 3
    stage.press("Open neighbour")
    assert len(stage.layers()) == 5
    stage.view._neighbours.value = 2
    stage.idle()
    assert len(stage.layers()) == 3


def test_a_closed_widget_gives_the_canvas_back(stage: Stage) -> None:
    stage.project()
    stage.coordinator.close()
    assert [layer.name for layer in stage.viewer.layers if layer.visible] == ["knee 0"]
    assert not stage.viewer.canvas.grid.enabled


def test_a_date_that_is_entered_is_known(stage: Stage) -> None:
    assert stage.view.form.baseline_date is None
    stage.view._date.value = datetime.date(2020, 1, 1)
    assert stage.view.form.baseline_date == datetime.date(2020, 1, 1)


def both_knees() -> Radiograph:
    with (files("napari_medgen.samples") / "knee-both.png").open("rb") as file:
        pixels = np.asarray(Image.open(file).convert("L"))
    return Radiograph(pixels[::2, ::2].copy(), (0, 255), name="both")

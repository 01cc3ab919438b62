"""Whatever is opened, hidden, renamed, moved, removed, chosen or asked for, and in whichever order: no captioned cell shows
another's picture, no answer of another subject is on screen, and the mark fits what can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.viewer.explain.coordinator import OverlayCoordinator
from napari_medgen.viewer.explain.view import OverlayView
from napari_medgen.viewer.future.coordinator import ExtrapolateCoordinator
from napari_medgen.viewer.future.view import ExtrapolateView
from napari_medgen.viewer.layers.owner import COMPARISON, FUTURE, KEY, SALIENCY, is_synthetic
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.sample.coordinator import SampleCoordinator
from napari_medgen.viewer.sample.view import SampleView
from napari_medgen.viewer.work.models import extrapolators
from napari_medgen.viewer.work.queue import WorkQueue
from progression_support import loaded, radiograph, three_visit_cohort, write_model
from saliency_support import write_classifier

PLACE = st.integers(0, 7)


@pytest.fixture
def models(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_classifier(tiny_model.parent / "classifier", training="dual", family="tiny")
    write_classifier(tiny_model.parent / "second", training="standard", family="tiny")
    write_model(tiny_model.parent / "knees", three_visit_cohort())
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))
    model = loaded(tmp_path / "other", three_visit_cohort())
    monkeypatch.setattr(extrapolators, "load", lambda key: model)


def texts(layer: Any) -> list[str]:
    """What stands over a layer in its cell: our caption, or (as earlier versions did it) the layer's own name."""
    own = [str(one.text) for key, one in layer._overlays.items() if key == "medgen_caption" and one.visible]
    return own or ([layer.name] if layer.name_overlay.visible else [])


def cells(viewer: ViewerModel) -> list[list[Any]]:
    grid = viewer.canvas.grid
    if not grid.enabled:
        return [[layer for layer in viewer.layers if layer.visible]]
    return [
        [viewer.layers[index] for index in indices if viewer.layers[index].visible]
        for _, indices in grid.iter_viewboxes(viewer.layers)
    ]


def pictures(viewer: ViewerModel, cell: list[Any]) -> list[Any]:
    """The images of a cell that can be seen, by looking at many places of it; the uppermost of each place."""
    from napari.layers import Image

    images = [layer for layer in cell if isinstance(layer, Image) and layer.opacity > 0]
    found: list[Any] = []
    for y in np.linspace(-50, 150, 81):
        for x in np.linspace(-50, 150, 81):
            point = np.array(viewer.dims.point)
            point[list(viewer.dims.displayed)] = (y, x)
            for layer in reversed(images):
                place = np.rint(np.asarray(layer.world_to_data(point))[-layer.ndim :])
                if not all(0 <= at < size for at, size in zip(place, layer.data.shape, strict=True)):
                    continue
                if layer not in found:
                    found.append(layer)
                if layer.opacity == 1 and np.asarray(layer.colormap.colors)[:, 3].min() == 1:
                    break
    return found


class Session(RuleBasedStateMachine):
    """Three widgets on one viewer, and somebody who does anything."""

    def __init__(self) -> None:
        super().__init__()
        self.viewer, self.queue = ViewerModel(), WorkQueue()
        self.views = SampleView(), OverlayView(), ExtrapolateView()
        sample, overlay, future = self.views
        self.sample = SampleCoordinator(sample, self.viewer, self.queue)
        self.overlay = OverlayCoordinator(overlay, self.viewer, self.queue)
        self.future = ExtrapolateCoordinator(future, self.viewer, self.queue)
        sample._models.value, sample._steps.value = "tiny", 2
        overlay._model.value = "classifier"
        future._horizon.value, future._step.value, future._neighbours.value = 12, 6, 2
        for view in self.views:
            if hasattr(view, "_anyway"):  # of earlier versions
                view._anyway.value = True
        self.opened = 0
        self.by_hand = False  # whether somebody made layers visible in napari's own list since something was chosen

    def teardown(self) -> None:
        for coordinator in (self.sample, self.overlay, self.future):
            coordinator.close()
        self.queue.wait(30)
        self._settle()
        for view in self.views:
            view.deleteLater()

    def _settle(self) -> None:
        for _ in range(600):
            QApplication.processEvents()
            timers = (self.overlay._timer, self.future._timer, self.sample._cost_timer)
            if not self.queue.busy and not self.queue._jobs and not any(timer.isActive() for timer in timers):
                break
            self.queue.wait(0.02)
        QApplication.processEvents()

    def _layer(self, place: int) -> Any:
        return self.viewer.layers[place % len(self.viewer.layers)] if self.viewer.layers else None

    # -- what somebody does ---------------------------------------------------------------------------------------------

    @rule(synthetic=st.booleans(), wait=st.booleans())
    def open(self, synthetic: bool, wait: bool) -> None:
        self.opened += 1
        seen = radiograph(self.opened, spacing=(1.0, 1.0))
        made = Provenance(synthetic=synthetic, software="test")
        image = Radiograph(seen.pixels, seen.window, (1.0, 1.0), laterality="L", name=f"knee {self.opened}", provenance=made)
        data, options, _ = radiograph_layer(image)
        self.viewer.add_image(data, **options)
        if wait:
            self._settle()

    @rule(place=PLACE)
    def hide_or_show(self, place: int) -> None:
        if (layer := self._layer(place)) is not None:
            layer.visible = not layer.visible
            self.by_hand = True

    @rule(place=PLACE, name=st.sampled_from(["baseline", "predicted, 12 months", "real", "x"]))
    def rename(self, place: int, name: str) -> None:
        if (layer := self._layer(place)) is not None:
            layer.name = name

    @rule(place=PLACE, to=PLACE)
    def move(self, place: int, to: int) -> None:
        if count := len(self.viewer.layers):
            self.viewer.layers.move(place % count, to % count)

    @rule(place=PLACE)
    def remove(self, place: int) -> None:
        if (layer := self._layer(place)) is not None:
            self.viewer.layers.remove(layer)
            self.by_hand = True

    @rule(place=PLACE)
    def select(self, place: int) -> None:
        if (layer := self._layer(place)) is not None:
            self.viewer.layers.selection.active = layer
            self._settle()

    @rule(place=PLACE, where=st.sampled_from(["overlay", "future"]))
    def choose(self, place: int, where: str) -> None:
        field = {"overlay": self.views[1]._image, "future": self.views[2]._image}[where]
        if names := [name for name in field.choices if name]:
            field.value = names[place % len(names)]
            self.by_hand = False
            self._settle()

    @rule(place=PLACE)
    def choose_row(self, place: int) -> None:
        table = self.views[0]._table
        if table.rowCount():
            table.selectRow(place % table.rowCount())
            self.by_hand = False

    @rule(wait=st.booleans())
    def sample_volume(self, wait: bool) -> None:
        self.sample.sample()
        if wait:
            self._settle()

    @rule(wait=st.booleans())
    def explain(self, wait: bool) -> None:
        getattr(self.overlay, "explain_anyway", self.overlay.explain)()
        if wait:
            self._settle()

    @rule(wait=st.booleans())
    def compare_models(self, wait: bool) -> None:
        self.overlay.compare()
        if wait:
            self._settle()

    @rule(wait=st.booleans())
    def project(self, wait: bool) -> None:
        if hasattr(self.views[2], "_anyway"):
            self.future.project()
        else:
            self.future.project(anyway=True)
        if wait:
            self._settle()
            if self.future.forecast is not None and self.future.images.layer is not None:
                shown = {layer.metadata.get(FUTURE) for layer in self.viewer.layers if layer.visible}
                assert {"baseline", "predicted"} <= shown or self.by_hand

    @rule(which=st.sampled_from(["blink", "beside", "neighbour", "month"]))
    def look(self, which: str) -> None:
        if which == "blink":
            self.future.blink()
        elif which == "beside":
            self.future._side_by_side()
        elif which == "neighbour":
            self.future.open_neighbour(0)
            self._settle()
        else:
            self.future.display.show_month(6)

    @rule(place=PLACE)
    def second_visit(self, place: int) -> None:
        field = self.views[2].second._image
        if names := [name for name in field.choices if name and name != "none"]:
            field.value = names[place % len(names)]
            self.future.compare()
            self._settle()

    @rule()
    def grid_button(self) -> None:
        self.viewer.canvas.grid.enabled = not self.viewer.canvas.grid.enabled

    @rule(which=st.integers(0, 2))
    def cancel(self, which: int) -> None:
        (self.sample, self.overlay, self.future)[which].cancel()
        self._settle()

    # -- what holds all the time ----------------------------------------------------------------------------------------

    @invariant()
    def a_captioned_cell_shows_its_own_layer(self) -> None:
        for cell in cells(self.viewer):
            # What is written over a map that is out of date is no caption.
            captioned = [(layer, text) for layer in cell for text in texts(layer) if SALIENCY not in layer.metadata]
            if not captioned:
                continue
            (layer, text) = captioned[-1]
            assert len(captioned) == 1, [one for _, one in captioned]
            seen = [one for one in pictures(self.viewer, cell) if SALIENCY not in one.metadata]
            assert seen in ([], [layer]) or layer in seen[:1], (text, [one.name for one in seen])
            role = layer.metadata.get(FUTURE)
            if role in ("baseline", "predicted", "change") and self.future.display._layers.get(role) is layer:
                assert text.startswith(("predicted", "projection") if role == "predicted" else str(role)), (role, text)

    @invariant()
    def no_answer_is_of_another_subject(self) -> None:
        overlay, future = self.views[1], self.views[2]
        maps = [one for one in self.viewer.layers if SALIENCY in one.metadata and COMPARISON not in one.metadata]
        if any(one.visible for one in maps):
            plane = self.overlay.display.plane
            assert plane is not None
            assert plane.layer is self.overlay.images.layer
            assert plane.layer.visible or self.by_hand
        if self.overlay.images.layer is None:
            assert overlay.answer == {}
            assert overlay.warning == ""
        told = future.now or future.quality or future.neighbour_rows
        if told or self.future.display._layers:
            plane = self.future._plane
            assert plane is not None
            assert plane.layer is self.future.images.layer, "of another image"

    @invariant()
    def the_mark_fits_what_can_be_seen(self) -> None:
        wanted = []
        for cell in cells(self.viewer):
            seen = [one for one in pictures(self.viewer, cell) if SALIENCY not in one.metadata]
            made = [one for one in seen if is_synthetic(one)]
            wanted.append("" if not made else "SYNTHETIC" if len(made) == len(seen) else "SYNTHETIC in part")
        whole = self.viewer.canvas.overlays["medgen_synthetic"]
        if whole.visible:
            assert set(wanted) == {whole.text}, wanted
            return
        said = [
            next((str(one._overlays["medgen_mark"].text) for one in cell if _marked(one)), "") for cell in cells(self.viewer)
        ]
        assert said == wanted

    @invariant()
    def the_row_that_is_chosen_is_what_is_shown(self) -> None:
        rows = sorted({index.row() for index in self.views[0]._table.selectedIndexes()})
        if len(rows) != 1 or self.by_hand:
            return
        others = [
            layer
            for layer in self.viewer.layers
            if layer.visible and layer is not self.sample._layers[rows[0]] and KEY in layer.metadata
        ]
        assert [layer.name for layer in others if SALIENCY not in layer.metadata] == []


def _marked(layer: Any) -> bool:
    return "medgen_mark" in layer._overlays and bool(layer._overlays["medgen_mark"].visible)


@pytest.fixture
def examples() -> Iterator[int]:
    yield int(os.environ.get("MEDGEN_SEQUENCES", "8"))


@pytest.mark.usefixtures("models", "qtbot")
def test_any_order_of_actions_keeps_the_screen_true(examples: int) -> None:
    run_state_machine_as_test(
        Session,
        settings=settings(
            max_examples=examples,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),  # a shorter sequence takes minutes to find
            suppress_health_check=list(HealthCheck),
        ),
    )

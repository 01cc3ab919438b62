"""A closed widget leaves nothing behind: neither listeners nor keys nor models nor itself."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_medgen.viewer.explain.coordinator import OverlayCoordinator
from napari_medgen.viewer.explain.view import OverlayView
from napari_medgen.viewer.future.coordinator import ExtrapolateCoordinator
from napari_medgen.viewer.future.view import ExtrapolateView
from napari_medgen.viewer.sample.coordinator import SampleCoordinator
from napari_medgen.viewer.sample.view import SampleView
from napari_medgen.viewer.work.models import classifiers, extrapolators, generators
from napari_medgen.viewer.work.queue import WorkQueue
from progression_support import loaded, radiograph, three_visit_cohort, write_model
from saliency_support import write_classifier

Made = Callable[[ViewerModel, WorkQueue], Any]


@pytest.fixture
def models(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_classifier(tiny_model.parent / "classifier")
    write_model(tiny_model.parent / "knees", three_visit_cohort())
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))
    model = loaded(tmp_path / "other", three_visit_cohort())
    monkeypatch.setattr(extrapolators, "load", lambda key: model)


def sample(viewer: ViewerModel, queue: WorkQueue) -> Any:
    view = SampleView()
    coordinator = SampleCoordinator(view, viewer, queue)
    view._models.value = "tiny"
    return coordinator, coordinator.sample


def explain(viewer: ViewerModel, queue: WorkQueue) -> Any:
    view = OverlayView()
    coordinator = OverlayCoordinator(view, viewer, queue)
    view._model.value = "classifier"
    return coordinator, coordinator.explain_anyway


def extrapolate(viewer: ViewerModel, queue: WorkQueue) -> Any:
    view = ExtrapolateView()
    coordinator = ExtrapolateCoordinator(view, viewer, queue)
    view._model.value = "knees"
    view._side.value, view._horizon.value = "left", 24
    return coordinator, partial(coordinator.project, anyway=True)


def listeners(viewer: ViewerModel) -> int:
    emitters = [
        *viewer.layers.events.emitters.values(),
        *viewer.dims.events.emitters.values(),
        *viewer.layers.selection.events.emitters.values(),
        *(emitter for layer in viewer.layers for emitter in layer.events.emitters.values()),
    ]
    return sum(len(emitter.callbacks) for emitter in emitters)


@pytest.mark.parametrize("make", [sample, explain, extrapolate])
@pytest.mark.usefixtures("models")
def test_a_closed_widget_leaves_nothing_behind(qtbot: QtBot, make: Made) -> None:
    viewer, queue = ViewerModel(), WorkQueue()
    viewer.add_image(radiograph(spacing=(0.5, 0.5)).pixels.astype(np.uint8), name="knee")
    gone: list[weakref.ref[Any]] = []
    counts: list[tuple[int, int]] = []

    def open_use_and_close(*, at_once: bool) -> None:
        coordinator, use = make(viewer, queue)
        use()
        if not at_once:
            qtbot.waitUntil(lambda: not coordinator.work.busy, timeout=60_000)
            assert coordinator.view.work.error == ""
        for layer in list(viewer.layers):
            if layer.name != "knee":
                viewer.layers.remove(layer)
        coordinator.close()
        gone.extend((weakref.ref(coordinator), weakref.ref(coordinator.view)))
        coordinator.view.deleteLater()

    for at_once in (False, True, False, True):
        open_use_and_close(at_once=at_once)
        assert queue.wait(60)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qtbot.wait(20)
        gc.collect()
        counts.append((listeners(viewer), len(viewer.keymap)))
    assert [one() for one in gone] == [None] * len(gone)
    assert len(set(counts)) == 1
    assert not generators.kept
    assert not classifiers.kept
    assert not extrapolators.kept
    assert viewer.keymap == {}

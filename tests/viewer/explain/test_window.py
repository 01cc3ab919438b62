"""**Overlay saliency** in a real window with the models that ship."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.viewer.explain.coordinator import OverlaySaliency
from napari_medgen.viewer.explain.map_layers import is_map
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.work.models import classifiers
from napari_medgen.viewer.work.queue import shared_queue


def docked(viewer: Any, model: str) -> tuple[Any, OverlaySaliency]:
    dock, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Overlay saliency")
    widget.view._model.value = model
    return dock, widget


def idle(qtbot: QtBot, widget: OverlaySaliency) -> None:
    qtbot.waitUntil(
        lambda: not shared_queue().busy and not shared_queue()._jobs and not widget.coordinator._timer.isActive(),
        timeout=60_000,
    )
    qtbot.waitUntil(lambda: not widget.coordinator.display.arriving, timeout=60_000)


def press_to_overlay(qtbot: QtBot, viewer: Any, widget: OverlaySaliency) -> float:
    """Milliseconds from the press to the map in the viewer."""
    widget.coordinator.display.drop()
    begun = time.perf_counter()
    widget.coordinator.explain_anyway()
    while not any(is_map(layer) for layer in viewer.layers):
        qtbot.wait(1)
    return (time.perf_counter() - begun) * 1000


def test_a_map_is_there_in_a_blink(make_napari_viewer: Any, qtbot: QtBot, capsys: pytest.CaptureFixture[str]) -> None:
    viewer = make_napari_viewer(show=True)
    _, widget = docked(viewer, "chest-pneumonia")
    pixels = np.random.default_rng(0).integers(0, 255, (512, 512)).astype(np.uint8)
    data, options, _ = radiograph_layer(Radiograph(pixels, (0, 255), name="noise"))
    viewer.add_image(data, **options)
    idle(qtbot, widget)
    # Noise is nothing that the model was trained for, and it says so.
    assert "does not look like" in widget.view.warning
    assert widget.view.answer == {}
    assert widget.view._refusal.offered == ["Explain anyway"]
    press_to_overlay(qtbot, viewer, widget)
    times = [press_to_overlay(qtbot, viewer, widget) for _ in range(5)]
    idle(qtbot, widget)
    with capsys.disabled():
        print(f"\npress to overlay, 512 x 512 pixels: median {np.median(times):.0f} ms of {len(times)} presses")
    (overlay,) = [layer for layer in viewer.layers if is_map(layer)]
    assert overlay.data.shape == (512, 512)
    assert widget.view._bar.isVisible()  # the one bar, with its unit
    widget.end()


def test_closing_the_dock_forgets_the_models(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer()
    dock, widget = docked(viewer, "knee-kl")
    viewer.add_image(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8), name="noise")
    idle(qtbot, widget)
    assert classifiers.kept
    dock.destroyOnClose()
    assert shared_queue().wait(10)
    assert not classifiers.kept
    viewer.layers.clear()  # and nothing of the widget is left that would answer


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "folder", "label"),
    [
        ("chest-pneumonia", "chest-radiographs/val/pneumonia", "pneumonia"),
        ("knee-kl", "knee-radiographs/val/4", "KL 4"),
    ],
)
def test_real_radiographs_are_answered_and_compared(
    make_napari_viewer: Any, qtbot: QtBot, real_data: Path, model: str, folder: str, label: str
) -> None:
    viewer = make_napari_viewer(show=True)
    _, widget = docked(viewer, model)
    path = sorted((real_data / folder).iterdir())[3]
    viewer.open(path, plugin="napari-medgen")
    if "knee" in model:
        widget.view._side.value = "left" if path.stem.endswith("L") else "right"
    idle(qtbot, widget)
    assert widget.view.warning == ""
    assert max(widget.view.answer, key=widget.view.answer.__getitem__) == label
    widget.view._buttons["Compare models"].click()
    idle(qtbot, widget)
    maps = [layer for layer in viewer.layers if is_map(layer)]
    assert [layer.name.split(": ")[1].split(" ")[0].rstrip(",") for layer in maps] == ["standard", "adversarial", "dual"]
    assert {layer.metadata["napari_medgen_saliency"]["label"] for layer in maps} == {label}
    widget.end()


@pytest.mark.real_data
def test_other_kinds_of_images_are_warned_of(make_napari_viewer: Any, qtbot: QtBot, real_data: Path) -> None:
    viewer = make_napari_viewer()
    _, widget = docked(viewer, "knee-kl")
    others = [
        sorted((real_data / "chest-radiographs" / "val" / "normal").iterdir())[0],
        sorted((real_data / "brain-t1-mri" / "t1").iterdir())[0],
        real_data / "dicom" / "RG3_J2KR.dcm",
    ]
    for path in others:
        viewer.layers.clear()
        viewer.open(path, plugin="napari-medgen")
        idle(qtbot, widget)
        assert "does not look like" in widget.view.warning, path
        widget.view._explain.click()
        idle(qtbot, widget)
        assert not any(is_map(layer) for layer in viewer.layers)
    widget.end()

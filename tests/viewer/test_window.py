"""Real windows: the starter model, the whole widget, its end."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from napari.utils import progress
from nibabel.testing import data_path
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer

from napari_medgen.errors import ImageError
from napari_medgen.viewer.canvas.captions import caption_of, mark_of
from napari_medgen.viewer.plugin.commands import reconstruct_selected
from napari_medgen.viewer.sample.coordinator import SampleVolumes
from napari_medgen.viewer.work.models import generators
from napari_medgen.viewer.work.queue import shared_queue


def docked(viewer: Any) -> tuple[Any, SampleVolumes]:
    dock, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Sample volumes")
    return dock, widget


def idle(qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not shared_queue().busy and not shared_queue()._jobs, timeout=60_000)


def test_a_brain_forms_in_the_window_and_the_window_answers(
    make_napari_viewer: Any, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    _, widget = docked(viewer)
    idle(qtbot)
    turns: list[float] = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: turns.append(time.perf_counter()))
    widget.coordinator.sample()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=60_000)
    # Napari itself needs some tenths of a second to build the first layer's controls and shaders.
    qtbot.wait(100)
    timer.start()
    idle(qtbot)
    timer.stop()
    gaps = [b - a for a, b in itertools.pairwise(turns)]
    with capsys.disabled():
        print(f"\nlongest gap between event-loop turns while sampling: {max(gaps) * 1000:.0f} ms (goal 50 ms)")
    (layer,) = viewer.layers
    assert layer.data.shape == (64, 80, 64)
    assert layer.name == "brain-t1 seed 0"
    widget.view._table.selectRow(0)
    assert viewer.layers.selection.active is layer
    viewer.layers.remove(layer)
    assert widget.view._table.rowCount() == 0
    widget.end()


@pytest.mark.parametrize("how", ["dock", "widget"])
def test_closing_ends_the_work_and_frees_the_model(make_napari_viewer: Any, qtbot: QtBot, how: str) -> None:
    viewer = make_napari_viewer(show=True)
    dock, widget = docked(viewer)
    widget.view._sampler.value = "Ancestral (published, slow)"
    widget.coordinator.sample()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=60_000)
    if how == "dock":
        dock.destroyOnClose()
    else:
        widget.close()
    assert shared_queue().wait(10)
    assert not generators.kept
    assert not shared_queue()._jobs


def test_memory_returns_after_cancel(make_napari_viewer: Any, qtbot: QtBot, capsys: pytest.CaptureFixture[str]) -> None:
    viewer = make_napari_viewer()
    _, widget = docked(viewer)
    widget.coordinator.sample()
    idle(qtbot)
    process = psutil.Process()
    before = process.memory_info().rss
    widget.view._sampler.value = "Ancestral (published, slow)"
    for seed in range(3):
        widget.view.set_seed(seed)
        widget.coordinator.sample()
        count = len(viewer.layers)
        qtbot.waitUntil(lambda count=count: len(viewer.layers) > count, timeout=60_000)
        qtbot.wait(300)
        widget.coordinator.cancel()
        idle(qtbot)
    after = process.memory_info().rss
    with capsys.disabled():
        print(f"\nresident memory after three cancelled volumes: {(after - before) / 2**20:+.0f} MiB")
    assert after - before < 150 * 2**20
    assert len(viewer.layers) == 1
    widget.end()


def test_a_real_volume_and_its_reconstruction_stand_side_by_side(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(Path(data_path) / "anatomical.nii", plugin="napari-medgen")
    viewer.layers.selection = {layer}
    reconstruct_selected(viewer, "brain-t1")
    assert [one.desc for one in progress._all_instances] == ["Reconstructing anatomical"]  # in the activity dock
    idle(qtbot)
    assert not progress._all_instances
    shown = [layer for layer in viewer.layers if layer.visible]
    assert [layer.name for layer in shown] == ["Network's view: anatomical", "SYNTHETIC: anatomical decoded"]
    assert [caption_of(layer) for layer in shown] == ["what the network sees", "encoded and decoded"]
    assert [mark_of(layer) for layer in shown] == ["", "SYNTHETIC"]
    assert viewer.canvas.grid.enabled
    viewer.canvas.grid.enabled = False  # napari's own button
    assert [layer.name for layer in viewer.layers if layer.visible] == ["anatomical"]
    generators.forget()


@pytest.mark.real_data
def test_a_real_head_hangs_right_and_goes_through_the_starter_autoencoder(
    make_napari_viewer: Any, qtbot: QtBot, real_data: Path
) -> None:
    import numpy as np

    viewer = make_napari_viewer()
    path = sorted((real_data / "brain-t1-mri" / "t1").glob("*.nii.gz"))[0]
    (layer,) = viewer.open(path, plugin="napari-medgen")
    overlays = viewer.canvas.overlays
    assert [overlays[f"medgen_{side}"].text for side in ("top", "bottom", "left", "right")] == ["A", "P", "R", "L"]
    viewer.layers.selection = {layer}
    reconstruct_selected(viewer, "brain-t1")
    idle(qtbot)
    seen, made = (layer.data for layer in viewer.layers if layer.visible)
    assert np.corrcoef(seen.ravel(), made.ravel())[0, 1] > 0.9
    generators.forget()


def test_the_sampled_brain_of_the_samples_menu_comes_by_itself(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample("napari-medgen", "sampled-brain")
    (layer,) = viewer.layers
    assert layer.name == "brain-t1 seed 0 (forming)"
    idle(qtbot)
    assert [layer.name for layer in viewer.layers] == ["brain-t1 seed 0"]
    assert layer.data.std() > 20
    assert viewer.canvas.overlays["medgen_synthetic"].visible
    generators.forget()


def test_without_a_selected_volume_one_sentence_says_so(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    with pytest.raises(ImageError, match="Select an image layer first"):
        reconstruct_selected(viewer)

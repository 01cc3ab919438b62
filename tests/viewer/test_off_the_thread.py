"""What takes long runs beside the window's thread: images, files, reports, plots."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.testing import data_path
from PIL import Image
from pytestqt.qtbot import QtBot

from napari_medgen.imaging.figure import FigureOptions
from napari_medgen.viewer.work.models import extrapolators
from napari_medgen.viewer.work.queue import file_queue, shared_queue
from progression_support import loaded, three_visit_cohort, write_model
from saliency_support import write_classifier

# What is called where, and what of it is long.
LONG = {
    "an image of a slice": "napari_medgen.viewer.layers.plane:Excerpt.image",
    "reading a volume": "napari_medgen.viewer.plugin.readers:read_volume",
    "reading all volumes": "napari_medgen.viewer.plugin.readers:read_all_volumes",
    "reading a radiograph": "napari_medgen.viewer.plugin.readers:read_radiograph",
    "a grey window": "napari_medgen.viewer.layers.volumes:contrast_limits",
    "writing a volume": "napari_medgen.imaging.nifti:write_nifti",
    "napari's writing of a volume": "napari_medgen.viewer.plugin.writers:write_nifti",
    "a plot": "napari_medgen.viewer.future.coordinator:draw",
    "a report": "napari_medgen.viewer.future.report_file:report",
    "a PDF": "napari_medgen.viewer.future.report_file:_pdf",
    "frames": "napari_medgen.progression.export:export_forecast",
    "a figure": "napari_medgen.viewer.widgets.coordinator:save_figure",
    "a map's files": "napari_medgen.saliency.export:export_map",
}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """In which threads each was called."""
    seen: dict[str, set[int]] = {}

    def watched(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            seen.setdefault(what, set()).add(threading.get_ident())
            return function(*arguments, **more)

        return call

    for what, place in LONG.items():
        module, _, name = place.partition(":")
        holder: Any = importlib.import_module(module)
        *outer, last = name.split(".")
        for part in outer:
            holder = getattr(holder, part)
        monkeypatch.setattr(holder, last, watched(what, getattr(holder, last)))
    return seen


def test_nothing_long_runs_in_the_windows_thread(
    make_napari_viewer: Any,
    qtbot: QtBot,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    threads: dict[str, set[int]],
) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))
    monkeypatch.setattr("napari_medgen.viewer.work.aside._BLINK", 0.0)
    write_classifier(tiny_model.parent / "classifier")
    write_model(tiny_model.parent / "knees", three_visit_cohort())
    model = loaded(tmp_path / "other", three_visit_cohort())
    monkeypatch.setattr(extrapolators, "load", lambda key: model)
    viewer = make_napari_viewer(show=True)

    def idle() -> None:
        for _ in range(2):  # one job may ask for another
            qtbot.wait(350)
            qtbot.waitUntil(lambda: not shared_queue().busy and not file_queue().busy, timeout=60_000)

    # Files in and out.
    four = nib.Nifti1Image(np.random.default_rng(0).integers(0, 9, (4, 5, 6, 3)).astype(np.int16), np.eye(4))
    nib.save(four, tmp_path / "four.nii.gz")
    grey = np.random.default_rng(0).integers(0, 255, (80, 80)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "9001L.png")
    for path in (Path(data_path) / "anatomical.nii", tmp_path / "four.nii.gz", tmp_path / "9001L.png"):
        viewer.open(str(path), plugin="napari-medgen")
    viewer.layers["anatomical"].save(str(tmp_path / "out.nii.gz"), plugin="napari-medgen")
    del viewer.layers["anatomical"], viewer.layers["four"]
    # A sample, with previews, and its file.
    _, sample = viewer.window.add_plugin_dock_widget("napari-medgen", "Sample volumes")
    sample.view._models.value = "tiny"
    sample.coordinator.sample()
    idle()
    sample.coordinator.save(tmp_path)
    idle()
    assert sample.coordinator.written
    sample.end()
    for layer in list(viewer.layers):
        if layer.name != "9001L":
            viewer.layers.remove(layer)
    # A map.
    _, explain = viewer.window.add_plugin_dock_widget("napari-medgen", "Overlay saliency")
    explain.view._model.value = "classifier"
    explain.coordinator.explain_anyway()
    idle()
    explain.coordinator.save(tmp_path / "map")
    idle()
    assert explain.coordinator.written
    explain.end()
    # A future, its report and its files.
    _, future = viewer.window.add_plugin_dock_widget("napari-medgen", "Extrapolate radiograph")
    future.view._image.value = "9001L"
    future.view._model.value, future.view._side.value = "knees", "left"
    future.view._horizon.value = 24
    future.coordinator.project(anyway=True)
    qtbot.waitUntil(lambda: future.coordinator.forecast is not None or bool(future.view.work.error), timeout=60_000)
    assert future.view.work.error == ""
    idle()
    for write in (
        lambda: future.coordinator.write_report(tmp_path / "report.pdf"),
        lambda: future.coordinator.save(tmp_path / "frames"),
        lambda: future.coordinator.save_figure(tmp_path / "figure.png", FigureOptions(dpi=72)),
    ):
        write()
        idle()
        assert future.coordinator.written
    future.end()
    assert set(threads) == set(LONG)
    here = threading.get_ident()
    assert [what for what, where in threads.items() if here in where] == []

"""In a real window: a hostile file is dropped, then a good one. The good one opens, every layer goes, the window closes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from napari.errors import ReaderPluginError
from nibabel.testing import data_path
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_medgen.errors import ImageError

GOOD = Path(data_path) / "anatomical.nii"


def volume(values: np.ndarray, affine: np.ndarray | None = None) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        image = nib.Nifti1Image(values, np.eye(4))
        if affine is not None:
            image.set_qform(None, 0)
            image.set_sform(affine, 1)
        nib.save(image, folder / "bad.nii")
        return folder / "bad.nii"

    return make


def noted(**changes: Any) -> Callable[[Path], Path]:
    """A PNG whose notes of ours say what cannot be."""

    def make(folder: Path) -> Path:
        notes = PngInfo()
        own = {"provenance": {}, "window": [0, 255], "spacing": [0.1, 0.1], "laterality": "", "view": ""} | changes
        notes.add_text("napari-medgen", json.dumps(own))
        Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(folder / "bad.png", pnginfo=notes)
        return folder / "bad.png"

    return make


def dicom(**changes: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        for keyword, value in changes.items():
            setattr(data, keyword, value)
        data.save_as(folder / "bad.dcm")
        return folder / "bad.dcm"

    return make


def cut(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_bytes(gzip.compress(GOOD.read_bytes())[:5000])
    return folder / "bad.nii.gz"


NOISE = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
HOSTILE: dict[str, Callable[[Path], Path]] = {
    "nan": volume(np.where(NOISE > 1, np.nan, NOISE).astype(np.float32)),
    "infinity": volume(np.where(NOISE > 1, np.inf, NOISE).astype(np.float32)),
    "all nan": volume(np.full((4, 4, 4), np.nan, np.float32)),
    "huge": volume(NOISE * np.float32(1e32)),
    "close": volume((1e30 * (1 + 1e-9 * NOISE)).astype(np.float64)),
    "flat": volume(np.zeros((4, 4, 4), np.int16)),
    "degenerate": volume(np.ones((4, 4, 4), np.int16), np.diag([1.0, 1, 0, 1])),
    "metres": volume(np.ones((4, 4, 4), np.int16), np.diag([1e6, 1, 1, 1])),
    "spacing nan": noted(spacing=[float("nan"), 1]),
    "spacing infinite": noted(spacing=[float("inf"), 1]),
    "spacing huge": noted(spacing=[1e300, 1e300]),
    "window infinite": noted(window=[0, float("inf")]),
    "window odd": noted(window=["a"]),
    "dicom spacing zero": dicom(PixelSpacing=["0", "0"]),
    "dicom window": dicom(WindowCenter="1e38", WindowWidth="1e38"),
    "dicom slope": dicom(RescaleSlope="1e38"),
    "cut": cut,
}


def drop(viewer: Any, path: Path) -> None:
    """Drop a file on the canvas as a person does."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    viewer.window._qt_viewer.dropEvent(event)


@pytest.fixture(autouse=True)
def _a_person_chooses_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of napari's dialogs: ours is chosen among several readers, and where ours refuses, no other is tried."""

    def choose(
        paths: list[str], qt_viewer: Any, stack: Any, plugin: Any = None, error: Any = None, *_: Any, **__: Any
    ) -> None:
        if error is not None:
            raise error
        qt_viewer.viewer.open(paths, stack=stack, plugin="napari-medgen")

    monkeypatch.setattr("napari._qt.qt_viewer.handle_gui_reading", choose)


def survives(viewer: Any, qtbot: Any, path: Path) -> None:
    try:
        drop(viewer, path)
    except (ImageError, ReaderPluginError) as error:
        # A session shows it, a test's viewer raises it.
        assert path.name in str(error) or "bad" in str(error)
    qtbot.wait(50)
    for layer in viewer.layers:
        if layer._type_string == "image":
            assert np.isfinite(layer.contrast_limits).all()
            assert layer.contrast_limits[0] < layer.contrast_limits[1]
        assert np.isfinite(layer.scale).all()
    drop(viewer, GOOD)
    qtbot.wait(50)
    assert "anatomical" in [layer.name for layer in viewer.layers]
    viewer.screenshot(canvas_only=True, flash=False)
    for layer in list(viewer.layers):
        viewer.layers.remove(layer)
    assert not len(viewer.layers)
    qtbot.wait(20)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_file_leaves_nothing_behind(name: str, make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    survives(make_napari_viewer(show=True), qtbot, HOSTILE[name](tmp_path))


def test_the_samples_that_kill_decoders_leave_the_window_alive(real_data: Path, make_napari_viewer: Any, qtbot: Any) -> None:
    samples = real_data.parent / "reference" / "findings" / "hostile"
    viewer = make_napari_viewer(show=True)
    for path in sorted(samples.glob("*.dcm")):
        survives(viewer, qtbot, path)

"""A folder of DICOM series: the user chooses from a list, and what was chosen becomes a layer in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_medgen.errors import ImageError
from napari_medgen.viewer.plugin.series_dialog import SeriesDialog
from napari_medgen.viewer.reading.window_level import modality
from series_support import CORONAL, SHAPE, STEP, positions, write_enhanced, write_series, write_slice

PLUGIN = "napari-medgen"


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    folder = tmp_path / "disc"
    write_series(folder / "a", positions(9), seed=1, SeriesNumber=2, SeriesDescription="portal venous")
    write_series(folder / "b", positions(4, CORONAL), CORONAL, seed=2, SeriesNumber=5, SeriesDescription="coronal")
    tags = {"SeriesNumber": 1, "ImagePositionPatient": None, "SeriesDescription": "scout"}
    write_slice(folder / "c" / "scout", positions(1)[0], **tags)
    (folder / "README.TXT").write_text("no image")
    return folder


@pytest.fixture
def answer() -> Iterator[Callable[[Callable[[SeriesDialog], object]], list[SeriesDialog]]]:
    """What is done with the dialog when it shows; it is kept, to look at afterwards."""
    timers: list[QTimer] = []

    def when_it_shows(act: Callable[[SeriesDialog], object]) -> list[SeriesDialog]:
        seen: list[SeriesDialog] = []
        timer = QTimer()
        timers.append(timer)

        def look() -> None:
            for widget in QApplication.topLevelWidgets():
                if isinstance(widget, SeriesDialog) and widget.isVisible():
                    timer.stop()
                    seen.append(widget)
                    act(widget)

        timer.timeout.connect(look)
        timer.start(20)
        return seen

    yield when_it_shows
    for timer in timers:
        timer.stop()


def test_a_folder_of_series_is_a_list_to_choose_from(make_napari_viewer: Any, disc: Path, answer: Any) -> None:
    viewer = make_napari_viewer()
    texts: list[list[str]] = []

    def look(dialog: SeriesDialog) -> None:
        table = dialog.table
        texts.extend([table.item(r, c).text() for c in range(5)] for r in range(table.rowCount()))
        assert not table.item(0, 0).icon().isNull()
        assert [entry.images for entry in dialog.chosen] == [9]  # the one with most slices is chosen already
        dialog.accept()

    answer(look)
    (layer,) = viewer.open(str(disc), plugin=PLUGIN)
    assert [row[0] for row in texts] == [
        "1  CT ABDOMEN scout",
        "2  CT ABDOMEN portal venous",
        "5  CT ABDOMEN coronal",
    ]
    assert texts[1][1:4] == ["9", "6 x 7", "2.5 x 1.5 x 0.75"]
    assert texts[0][4] == "Pictures without a place in the patient."
    assert layer.data.shape == (9, *SHAPE)
    assert layer.scale[0] == STEP
    assert modality(layer) == "CT"
    assert layer.name == "CT ABDOMEN"  # the description, which may hold a name, is on no layer


def test_several_are_opened_at_once_and_pictures_as_pictures(make_napari_viewer: Any, disc: Path, answer: Any) -> None:
    viewer = make_napari_viewer()

    def both(dialog: SeriesDialog) -> None:
        dialog.table.selectAll()
        dialog.accept()

    answer(both)
    layers = viewer.open(str(disc), plugin=PLUGIN)
    assert sorted(layer.data.ndim for layer in layers) == [2, 3, 3]


def test_giving_up_opens_nothing(make_napari_viewer: Any, disc: Path, answer: Any) -> None:
    viewer = make_napari_viewer()
    answer(lambda dialog: dialog.reject())
    viewer.open(str(disc), plugin=PLUGIN)
    assert not viewer.layers


def test_the_only_series_opens_without_a_question(make_napari_viewer: Any, disc: Path, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(disc / "a"), plugin=PLUGIN)
    assert layer.data.shape == (9, *SHAPE)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", disc / "b")
    (layer,) = viewer.open(archive, plugin=PLUGIN)
    assert layer.data.size == 4 * SHAPE[0] * SHAPE[1]
    (tmp_path / "enhanced").mkdir()
    (layer,) = viewer.open(str(write_enhanced(tmp_path / "enhanced" / "one", positions(5))), plugin=PLUGIN)
    assert layer.data.shape == (5, *SHAPE)


def test_slices_that_are_dropped_together_are_a_volume(make_napari_viewer: Any, disc: Path) -> None:
    viewer = make_napari_viewer()
    files = sorted(str(path) for path in (disc / "a").iterdir())
    (layer,) = viewer.open(files, stack=True, plugin=PLUGIN)
    assert layer.data.shape == (9, *SHAPE)


def test_uneven_slices_are_asked_about(make_napari_viewer: Any, tmp_path: Path, answer: Any) -> None:
    write_series(tmp_path, [np.array([-20.0, 15.0, z]) for z in (0, 2, 3.1, 5, 8.3, 9)])
    viewer = make_napari_viewer()
    answer(lambda dialog: dialog.accept())
    with pytest.raises(ImageError, match="mm apart"):
        viewer.open(str(tmp_path), plugin=PLUGIN)

    def resample(dialog: SeriesDialog) -> None:
        assert dialog.even.isVisible()
        dialog.even.setChecked(True)
        dialog.accept()

    answer(resample)
    (layer,) = viewer.open(str(tmp_path), plugin=PLUGIN)
    assert layer.data.shape[0] == 6


def test_a_folder_of_radiographs_stays_one_of_radiographs(make_napari_viewer: Any, tmp_path: Path) -> None:
    for number in range(3):
        write_slice(tmp_path / f"{number}.dcm", positions(1)[0], ImagePositionPatient=None)
    layers = make_napari_viewer().open(str(tmp_path), plugin=PLUGIN)
    assert [layer.data.ndim for layer in layers] == [2, 2, 2]


def test_a_series_is_saved_as_a_series_of_its_kind(make_napari_viewer: Any, disc: Path, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(disc / "a"), plugin=PLUGIN)
    written = viewer.layers.save(str(tmp_path / "saved" / "scan.dcm"), plugin=PLUGIN)
    assert len(written) == 9
    assert pydicom.dcmread(written[0]).Modality == "CT"
    (again,) = viewer.open(str(tmp_path / "saved" / "scan"), plugin=PLUGIN)
    np.testing.assert_array_equal(again.data, layer.data)
    np.testing.assert_allclose(again.translate, layer.translate, atol=1e-4)


@pytest.mark.parametrize("how", ["zip", "nested", "index"])
def test_discs_of_pictures_alone_open_as_pictures(how: str, make_napari_viewer: Any, tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    for number in range(45):
        (disc / "AUTORUN").mkdir(parents=True, exist_ok=True)
        (disc / "AUTORUN" / f"{number}.dll").write_bytes(b"MZ")
    for number in range(2):
        write_slice(disc / "DICOM" / f"{number}", positions(1)[0], ImagePositionPatient=None)
    path = disc
    if how == "zip":
        path = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", disc))
    elif how == "index":
        (disc / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
        path = disc / "DICOMDIR"
    layers = make_napari_viewer().open(str(path), plugin=PLUGIN)
    assert [layer.data.ndim for layer in layers] == [2, 2]

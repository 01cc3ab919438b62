"""What somebody does with an export of the archive: drop the folder, choose a series, measure, export, open the export."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel.testing
import numpy as np
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from pydicom.data import get_testdata_file
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_medgen.imaging.nifti import read_nifti
from napari_medgen.imaging.series.writing import write_series
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive
from napari_medgen.viewer.plugin.series_dialog import SeriesDialog

if TYPE_CHECKING:
    from user_paths import User

PLUGIN = "napari-medgen"


def write_archive(folder: Path) -> Path:
    """A head (of nibabel's tests), a slab of it, and a slice of CT (of pydicom's)."""
    head = read_nifti(Path(nibabel.testing.data_path) / "anatomical.nii")
    drive(write_series(head, folder / "A" / "S1"))
    slab = Volume.of(head.voxels[8:16], head.affine, "slab")
    drive(write_series(slab, folder / "A" / "S2"))
    (folder / "B").mkdir(parents=True)
    shutil.copy(str(get_testdata_file("CT_small.dcm")), folder / "B" / "IM0001")
    return folder


def drop(user: User, path: Path) -> None:
    """Drop a path onto the window, as from a file manager."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    canvas = user.viewer.window._qt_viewer
    none = Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(canvas.rect().center()), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QTimer.singleShot(30, prefer_ours)
    canvas.dropEvent(event)


def prefer_ours() -> None:
    """napari asks which plugin is to read a folder, as its own reader takes one too."""
    for dialog in QApplication.topLevelWidgets():
        if isinstance(dialog, QtReaderDialog) and dialog.isVisible():
            (button,) = [one for one in dialog.reader_btn_group.buttons() if one.text() != "napari builtins"]
            button.click()
            dialog.persist_checkbox.setChecked(False)
            dialog.accept()
            return
    QTimer.singleShot(30, prefer_ours)


def click_at(user: User, *places: tuple[float, ...]) -> None:
    """Click where voxels of the first layer are."""
    viewer = user.viewer
    canvas = viewer.window._qt_viewer.canvas.native
    camera = viewer.scene.camera
    for place in places:
        world = np.asarray(viewer.layers[0].data_to_world(place))[list(viewer.dims.displayed)]
        apart = (world - np.asarray(camera.center)[-2:]) * camera.zoom
        point = QPoint(round(canvas.width() / 2 + apart[1]), round(canvas.height() / 2 + apart[0]))
        QTest.mouseMove(canvas, point)
        user.settle(0.05)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=point)
        user.settle(0.1)


def archive(user: User) -> None:
    """A folder of three series: one is chosen, measured and saved as DICOM, and what was saved is where it was."""
    folder = write_archive(user.folder / "export")
    chosen: list[str] = []

    def choose() -> None:
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, SeriesDialog) and dialog.isVisible():
                texts = [dialog.table.item(row, 1).text() for row in range(dialog.table.rowCount())]
                dialog.table.selectRow(texts.index(str(max(map(int, texts)))))
                user.shoot("1-the-series-of-a-folder", dialog)
                chosen.extend(texts)
                dialog.accept()
                return
        QTimer.singleShot(30, choose)

    QTimer.singleShot(30, choose)
    drop(user, folder)
    user.wait(lambda: user.viewer.layers)
    assert len(chosen) == 3
    layer = user.viewer.layers[0]
    assert tuple(str(unit) for unit in layer.units) == ("millimeter",) * 3
    measure = user.widget("Measure")
    user.settle(0.3)
    user.click(measure, "Length")
    middle = [n // 2 for n in layer.data.shape]
    depth = int(user.viewer.dims.current_step[0])
    click_at(user, (depth, middle[1] - 8, 8), (depth, middle[1] - 8, layer.data.shape[2] - 8))
    user.shoot("2-a-length")
    user.click(measure, "Outline")
    square = [(depth, middle[1] + row, middle[2] + column) for row, column in ((-4, -4), (-4, 4), (6, 5), (6, -5))]
    click_at(user, *square, square[0])
    user.click(measure, "Outline")
    (_, length, _), (_, region, _) = measure.view.rows
    # Clicks are on whole points of the screen.
    assert abs(float(length.split()[0]) - (layer.data.shape[2] - 16) * layer.scale[2]) < 2 / user.viewer.scene.camera.zoom
    assert length.endswith(" mm")
    assert region.endswith("mm²")
    user.shoot("3-a-region")
    measure.coordinator.write_table(user.folder / "measured.csv")
    user.wait()
    assert (user.folder / "measured.csv").read_text(encoding="utf-8-sig").count("\n") == 1 + 1 + 5
    layer.save(str(user.folder / "sent.dcm"), plugin=PLUGIN)
    assert len(list((user.folder / "sent").iterdir())) == layer.data.shape[0]
    drop(user, user.folder / "sent")
    user.wait(lambda: sum(one.ndim == 3 and one.name != layer.name and one is not layer for one in user.viewer.layers) >= 2)
    again = next(one for one in user.viewer.layers if type(one) is type(layer) and one is not layer)
    np.testing.assert_array_equal(again.data, layer.data)
    np.testing.assert_allclose(again.data_to_world((0, 0, 0)), layer.data_to_world((0, 0, 0)), atol=1e-3)
    user.shoot("4-what-was-sent")

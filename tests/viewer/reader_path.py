"""What somebody who reads on a PACS all day does in the reading room, with real mouse, wheel and key events."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from napari.layers import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_medgen.viewer.reading.cheat_sheet import CheatSheet

if TYPE_CHECKING:
    from user_paths import User

LEFT, RIGHT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


class Mouse:
    """A mouse over the views of a room."""

    def __init__(self, user: User, room: Any) -> None:
        self.user, self.room = user, room

    def canvas(self, view: int) -> QWidget:
        """Where one view is drawn."""
        canvas: QWidget = self.room.coordinator.widget.panes[view].canvas
        return canvas

    def wheel(self, view: int, notches: int, held: Qt.KeyboardModifier = NONE) -> None:
        """Turn the wheel in the middle of a view."""
        canvas, delta = self.canvas(view), QPoint(0, 120 * notches // max(abs(notches), 1))
        for _ in range(abs(notches)):
            middle = QPointF(canvas.rect().center())
            place = QPointF(canvas.mapToGlobal(middle.toPoint()))
            phase = Qt.ScrollPhase.NoScrollPhase
            QApplication.sendEvent(canvas, QWheelEvent(middle, place, delta, delta, NO_BUTTON, held, phase, False))
            self.user.settle(0.01)

    def drag(self, view: int, start: QPoint, by: QPoint, button: Qt.MouseButton, held: Qt.KeyboardModifier = NONE) -> None:
        """Press, move in steps, and let go."""
        canvas = self.canvas(view)
        self._send(canvas, QEvent.Type.MouseButtonPress, start, button, button, held)
        for step in range(1, 6):
            place = QPoint(start.x() + by.x() * step // 5, start.y() + by.y() * step // 5)
            self._send(canvas, QEvent.Type.MouseMove, place, NO_BUTTON, button, held)
            self.user.settle(0.02)
        self._send(canvas, QEvent.Type.MouseButtonRelease, start + by, button, NO_BUTTON, held)
        self.user.settle()

    def move(self, view: int, place: QPoint, held: Qt.KeyboardModifier = NONE) -> None:
        """Move over a view with no button pressed."""
        self._send(self.canvas(view), QEvent.Type.MouseMove, place, NO_BUTTON, NO_BUTTON, held)
        self.user.settle()

    def click(self, view: int, place: QPoint) -> None:
        """Click into a view."""
        QTest.mouseClick(self.canvas(view), LEFT, NONE, place)
        self.user.settle()

    def double_click(self, view: int) -> None:
        """Click twice."""
        QTest.mouseDClick(self.canvas(view), LEFT, NONE, self.canvas(view).rect().center())
        self.user.settle(0.2)

    def key(self, key: Qt.Key) -> None:
        """Press a key over the view that has the focus."""
        room = self.room.coordinator.room
        QTest.keyClick(self.canvas(room.active), key)
        self.user.settle()

    @staticmethod
    def _send(
        canvas: QWidget,
        kind: QEvent.Type,
        place: QPoint,
        button: Qt.MouseButton,
        buttons: Qt.MouseButton,
        held: Qt.KeyboardModifier,
    ) -> None:
        at, where = QPointF(place), QPointF(canvas.mapToGlobal(place))
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, where, button, buttons, held))


def reader(user: User) -> None:
    """A work list: scroll, window, crosshair, cine, slab, a CT and a knee, two heads compared, and out again."""
    cases = write_cases(user.folder / "cases")
    widget = user.widget("Reading room")
    coordinator, view = widget.coordinator, widget.view
    user.settle(0.4)
    room, mouse = coordinator.room, Mouse(user, widget)
    canvas_of_napari = user.viewer.window._qt_viewer
    assert not canvas_of_napari.isVisible()  # the views are in its place
    coordinator.paging.read(cases)
    user.wait(lambda: user.viewer.layers and len(coordinator.paging.cases.ahead) == 2)

    assert [pane.plane.name for pane in room.panes] == ["axial", "sagittal", "coronal", "3d"]
    assert texts(coordinator, 0)[:2] == ["Axial", "head"]
    assert list(furniture(coordinator, 0).edges.values()) == ["A", "P", "R", "L"]
    assert view.place.text() == "1 of 4: head"
    user.shoot("1-a-head-in-four-views")

    first = room.slices(room.panes[0])[0]
    mouse.wheel(0, 12)
    assert room.slices(room.panes[0])[0] == first + 12
    mouse.key(Qt.Key.Key_Home)
    assert room.slices(room.panes[0])[0] == 0
    mouse.key(Qt.Key.Key_End)
    assert room.slices(room.panes[0])[0] == room.slices(room.panes[0])[1] - 1
    room.go_to_slice(first + 4, room.panes[0])
    mouse.wheel(0, 3, CTRL)
    assert room.sight.zoom > 1.4
    assert len({round(pane.model.scene.camera.zoom, 6) for pane in room.panes[:3]}) == 1
    mouse.key(Qt.Key.Key_Space)
    assert room.sight.zoom == 1

    layer = room.subject
    low, high = layer.contrast_limits
    middle = mouse.canvas(0).rect().center()
    mouse.drag(0, middle, QPoint(-60, 0), RIGHT)
    narrow = layer.contrast_limits
    assert narrow[1] - narrow[0] < high - low
    mouse.drag(0, middle, QPoint(0, -40), RIGHT)  # up
    assert sum(layer.contrast_limits) > sum(narrow)
    assert all(tuple(pane.model.layers[0].contrast_limits) == tuple(layer.contrast_limits) for pane in room.panes)
    user.shoot("2-window-by-dragging")
    mouse.drag(0, middle - QPoint(25, 25), QPoint(50, 50), RIGHT, CTRL)
    assert layer.contrast_limits[0] > low  # from what lies in the rectangle
    mouse.key(Qt.Key.Key_0)
    assert tuple(layer.contrast_limits) == (low, high)

    measure = user.widget("Measure")
    user.click(measure, "Length")
    for number in (0, 2):
        centre = mouse.canvas(number).rect().center()
        mouse.click(number, centre + QPoint(-40, -10))
        mouse.click(number, centre + QPoint(40, 20))
    (_, axial, at_axial), (_, coronal, at_coronal) = measure.view.rows
    assert axial.endswith(" mm")
    assert axial == coronal  # one zoom, one scale
    assert (at_axial.split()[0], at_coronal.split()[0]) == ("axial", "coronal")
    user.shoot("2b-measured-in-two-planes")
    user.click(measure, "Length")  # the tool is put down: clicks move the crosshair again

    before = room.place.copy()
    mouse.click(0, middle + QPoint(30, -20))
    moved = room.place.copy()
    assert moved[2] > before[2]  # to the right of the screen is the patient's left
    assert moved[1] < before[1]  # and up is anterior
    assert moved[0] == before[0]
    mouse.move(2, mouse.canvas(2).rect().center() + QPoint(-25, -30), SHIFT)
    assert room.place[0] > moved[0]  # up is superior
    assert room.place[2] < moved[2]
    user.shoot("3-crosshair")
    user.wait(lambda: np.allclose(user.viewer.dims.point, room.place))  # napari's own sliders follow

    mouse.click(0, middle)
    shown = room.slices(room.panes[0])[0]
    mouse.key(Qt.Key.Key_C)
    user.settle(0.8)
    assert room.slices(room.panes[0])[0] > shown
    mouse.key(Qt.Key.Key_C)
    shown = room.slices(room.panes[0])[0]
    user.settle(0.3)
    assert room.slices(room.panes[0])[0] == shown
    mouse.key(Qt.Key.Key_T)
    mouse.key(Qt.Key.Key_T)
    assert any("10 mm MIP" in line for line in furniture(coordinator, 0).window)
    user.shoot("4-slab")
    mouse.key(Qt.Key.Key_T)
    mouse.key(Qt.Key.Key_T)
    assert room.slab.thickness == 0
    mouse.double_click(1)
    assert room.shown == [1]
    user.shoot("5-one-view-alone")
    mouse.double_click(1)
    assert len(room.shown) == 4

    mouse.key(Qt.Key.Key_PageDown)
    user.wait(lambda: room.subject is not None and room.subject.name == "phantom" and room.guest is None)
    user.settle(0.3)
    assert texts(coordinator, 0)[1] == "phantom"
    assert "Soft tissue" in furniture(coordinator, 0).window
    assert [room.slices(pane)[0] for pane in room.panes[:3]] == [24, 30, 30]  # another kind of image: the middle again
    mouse.key(Qt.Key.Key_2)
    assert tuple(room.subject.contrast_limits) == (-1350, 150)
    assert "Lung" in furniture(coordinator, 0).window
    mouse.key(Qt.Key.Key_I)
    assert "Lung, inverted" not in furniture(coordinator, 0).window[0]
    assert "inverted" in furniture(coordinator, 0).window[-1]
    user.shoot("6-a-ct-in-its-lung-window")
    mouse.key(Qt.Key.Key_R)

    mouse.key(Qt.Key.Key_PageDown)
    user.wait(lambda: [layer.name for layer in user.viewer.layers if layer.visible] == ["scan"])
    mouse.key(Qt.Key.Key_PageDown)
    user.wait(lambda: [pane.plane.name for pane in room.panes] == ["picture"])
    images = [layer for layer in user.viewer.layers if isinstance(layer, Image)]
    assert len(images) == 1  # what was paged past is gone
    (drawn,) = [layer for layer in user.viewer.layers if layer not in images]
    assert not drawn.visible  # and what was drawn on it waits
    user.shoot("7-a-knee")
    mouse.key(Qt.Key.Key_PageDown)
    assert view.work.status == "This is the last case."

    user.viewer.open([str(cases / "head.nii.gz")], plugin="napari-medgen")
    user.viewer.open([str(cases / "scan.nii.gz")], plugin="napari-medgen")
    user.wait()
    names = [view.images.item(row).text() for row in range(view.images.count())]
    for name in ("head", "scan"):
        view.images.item(names.index(name)).setSelected(True)
    user.click(widget, "Compare")
    user.wait(lambda: len(room.panes) == 2)
    assert [texts(coordinator, index)[0] for index in (0, 1)] == ["head", "scan"]
    here = [room.slices(pane) for pane in room.panes]
    mouse.wheel(0, 4)
    assert [room.slices(pane) for pane in room.panes] != here
    places = [float(pane.model.dims.point[0] - pane.shift[0]) for pane in room.panes]
    assert abs(places[0] - places[1]) < 1e-6  # the same millimetre on both grids
    user.shoot("8-two-heads")
    mouse.key(Qt.Key.Key_S)
    assert room.shown == [0]
    edge = furniture(coordinator, 0).swipe
    assert edge is not None
    mouse.drag(0, QPoint(round(edge), 100), QPoint(60, 0), LEFT)
    assert furniture(coordinator, 0).swipe > edge + 50
    user.shoot("9-swipe")
    mouse.key(Qt.Key.Key_K)
    assert texts(coordinator, 0)[0] == "Checkerboard"
    mouse.key(Qt.Key.Key_D)
    assert furniture(coordinator, 0).bar is not None
    user.shoot("10-difference")
    mouse.key(Qt.Key.Key_B)
    assert texts(coordinator, 0)[:2] == ["Blink", "scan"]
    mouse.key(Qt.Key.Key_B)
    assert texts(coordinator, 0)[:2] == ["Blink", "head"]
    mouse.key(Qt.Key.Key_Escape)
    assert len(room.shown) == 2

    mouse.key(Qt.Key.Key_F1)
    (sheet,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, CheatSheet) and one.isVisible()]
    user.shoot("11-keys")
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    user.settle()
    user.click(widget, "Leave the room")
    user.settle(0.3)
    assert canvas_of_napari.isVisible()
    assert coordinator.widget is None
    assert user.viewer.canvas.grid.enabled  # what is compared stands beside each other in napari's own grid
    user.shoot("12-left")


def furniture(coordinator: Any, view: int) -> Any:
    """What stands on a view."""
    coordinator.widget.paint_now()
    return coordinator.widget.panes[view].glass.furniture


def texts(coordinator: Any, view: int) -> list[str]:
    """Title and lines of a view."""
    found = furniture(coordinator, view)
    return [found.title, *found.upper]


def write_cases(folder: Path) -> Path:
    """A list of four: the mean head that nilearn ships, a phantom in Hounsfield units, nibabel's own head, a knee."""
    import nibabel.testing
    import nilearn.datasets

    folder.mkdir()
    head = nilearn.datasets.load_mni152_template(resolution=2)
    head.header.set_xyzt_units("mm")
    nib.save(nib.Nifti1Image(np.asarray(head.dataobj, np.float32) * 1000, head.affine, head.header), folder / "head.nii.gz")
    z, y, x = np.indices((50, 60, 60), np.float32)
    body = ((y - 30) / 26) ** 2 + ((x - 30) / 28) ** 2 < 1
    lungs = (((y - 30) / 16) ** 2 + ((np.abs(x - 30) - 13) / 9) ** 2 < 1) & (z > 8)
    spine = ((y - 46) / 5) ** 2 + ((x - 30) / 5) ** 2 < 1
    values = np.where(body, 40, -1000)
    values = np.where(lungs, -800 + 60 * np.sin(x) * np.cos(y), values)
    values = np.where(spine, 700, values).astype(np.int16)
    phantom = nib.Nifti1Image(values.transpose(2, 1, 0), np.diag([-5.0, -5.0, 5.0, 1.0]))
    phantom.header.set_xyzt_units("mm")
    nib.save(phantom, folder / "phantom.nii.gz")
    scan = nib.load(Path(nibabel.testing.data_path) / "anatomical.nii")
    nib.save(nib.Nifti1Image(np.asarray(scan.dataobj), scan.affine, scan.header), folder / "scan.nii.gz")
    import napari_medgen

    shutil.copy(Path(napari_medgen.__file__).parent / "samples" / "knee-left.png", folder / "z-knee.png")
    return folder

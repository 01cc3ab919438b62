"""The reading room in a real window: it takes the middle of the window, and gives back all that it took."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.reading.room import Room
from napari_medgen.viewer.work.queue import file_queue


def settle(seconds: float = 0.1) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def until(condition: Callable[[], Any], patience: float = 30.0) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        settle(0.03)


def a_volume(value: int = 0, name: str = "volume", shape: tuple[int, int, int] = (12, 16, 20)) -> Volume:
    voxels = np.full(shape, value, np.int16)
    voxels[shape[0] // 2 + 3, 3, 15] = 1000
    return Volume.on_grid(voxels, (3, 2, 1), name)


def add(viewer: Any, volume: Volume) -> Any:
    return viewer.add_image(volume.voxels, **image_options(volume, (0.0, 1000.0)))


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1100, 700)
    return viewer


def enter(viewer: Any) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Reading room")
    until(lambda: widget.coordinator.widget is not None)
    settle(0.2)
    return widget


def test_leaving_gives_back_all_that_the_room_took(viewer: Any) -> None:
    layer = add(viewer, a_volume())
    viewer.dims.order = (1, 0, 2)
    viewer.scene.camera.zoom = 3.3
    settle()
    main = viewer.window._qt_window
    docks = {dock.windowTitle(): dock.isVisible() for dock in main.findChildren(QDockWidget)}
    before = (tuple(viewer.dims.order), viewer.scene.camera.zoom, tuple(viewer.scene.camera.center))
    keys = dict(viewer.keymap)
    properties = (layer.visible, tuple(layer.contrast_limits), layer.colormap.name, layer.projection_mode)
    widget = enter(viewer)
    room = widget.coordinator.room
    assert not viewer.window._qt_viewer.isVisible()
    assert not main.findChild(QDockWidget, "layer list").isVisible()
    room.use(1)
    room.scroll(2)
    room.sight.zoom_by(2)
    settle(0.3)
    widget.coordinator.leave_or_enter()
    settle(0.3)
    assert viewer.window._qt_viewer.isVisible()
    assert (tuple(viewer.dims.order), viewer.scene.camera.zoom, tuple(viewer.scene.camera.center)) == before
    assert {d.windowTitle(): d.isVisible() for d in main.findChildren(QDockWidget) if d.windowTitle() in docks} == docks
    assert dict(viewer.keymap) == keys
    assert (layer.visible, tuple(layer.contrast_limits), layer.colormap.name, layer.projection_mode) == properties
    np.testing.assert_allclose(viewer.dims.point, room.place)  # where the reader was looking
    widget.end()


def test_what_is_drawn_lies_where_the_crosshair_says(viewer: Any) -> None:
    volume = a_volume()
    layer = add(viewer, volume)
    widget = enter(viewer)
    coordinator = widget.coordinator
    room = coordinator.room
    room.set_place(np.asarray(layer.data_to_world((9, 3, 15))))
    room.sight.zoom_by(1.3)
    settle(0.3)
    for index in range(4):
        pane = coordinator.widget.panes[index]
        pixels = pane._qt_viewer.canvas._scene_canvas.render(alpha=False)[..., 0].astype(float)
        high, wide = room.sight.size_of(room.panes[index])
        bright = np.argwhere(pixels > 0.6 * pixels.max())
        assert pixels.max() > 60, room.panes[index].plane.name
        down, right = bright.mean(axis=0) * np.array([high / pixels.shape[0], wide / pixels.shape[1]])
        aimed = room.panes[index].to_canvas(room.place, (high, wide))
        assert abs(right - aimed[0]) < 3, (room.panes[index].plane.name, right, aimed)
        assert abs(down - aimed[1]) < 3, (room.panes[index].plane.name, down, aimed)
    widget.end()


def test_the_view_of_the_whole_looks_from_the_front(viewer: Any) -> None:
    """Two plates behind each other: the patient's front hides their back."""
    voxels = np.zeros((30, 30, 30), np.float32)
    voxels[5:25, 2:6, 5:25], voxels[5:25, 24:28, 5:25] = 400, 800
    layer = add(viewer, Volume.on_grid(voxels, (2, 2, 2)))
    widget = enter(viewer)
    room = widget.coordinator.room
    index = next(index for index, pane in enumerate(room.panes) if pane.plane.name == "3d")
    (twin,) = room.panes[index].model.layers
    twin.attenuation = 0.5

    def middle() -> int:
        settle(0.3)
        pixels = widget.coordinator.widget.panes[index]._qt_viewer.canvas._scene_canvas.render(alpha=False)[..., 0]
        return int(pixels[pixels.shape[0] // 2 + 12, pixels.shape[1] // 2 + 12])

    front_darker = middle()
    layer.data = np.flip(voxels, 1).copy()
    assert front_darker < 0.7 * middle()
    widget.end()


def test_a_fault_in_the_room_leaves_napari_usable(viewer: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    add(viewer, a_volume())
    widget = enter(viewer)

    def fail(room: Room) -> None:
        raise RuntimeError("of another plugin's layer")

    monkeypatch.setattr(Room, "refresh", fail)
    with qtbot.capture_exceptions() as raised:
        viewer.add_image(np.zeros((5, 5)), rgb=False)
        settle(0.3)
    assert any("another plugin" in str(error[1]) for error in raised)
    assert viewer.window._qt_viewer.isVisible()
    assert "The reading room was closed" in widget.view.work.error
    monkeypatch.undo()
    widget.coordinator.leave_or_enter()
    settle(0.2)
    assert widget.coordinator.widget is not None
    widget.end()


def test_nothing_is_left_of_a_room_that_was_closed(viewer: Any) -> None:
    add(viewer, a_volume())
    widget = enter(viewer)
    gone = [
        weakref.ref(widget.coordinator.room),
        weakref.ref(widget.coordinator),
        weakref.ref(widget.coordinator.room.panes[0].model),
    ]
    viewer.window.remove_dock_widget(widget)
    del widget
    settle(0.5)
    assert viewer.window._qt_viewer.isVisible()
    for _ in range(3):
        gc.collect()
        settle(0.1)
    assert [reference() for reference in gone] == [None] * 3
    viewer.layers[0].visible = False  # nobody listens any more
    viewer.dims.set_point(0, 3)


def test_keys_are_the_rooms_over_a_view_and_naparis_elsewhere(viewer: Any) -> None:
    add(viewer, a_volume())
    pressed: list[str] = []
    viewer.bind_key("K", lambda viewer: pressed.append("K"), overwrite=True)
    widget = enter(viewer)
    room = widget.coordinator.room
    QTest.keyClick(widget.coordinator.widget.panes[0].canvas, Qt.Key.Key_X)
    assert not room.crosshair
    QTest.keyClick(widget.coordinator.widget.panes[0].canvas, Qt.Key.Key_K)
    assert "Two images" in widget.view.work.status  # the room's checkerboard
    assert pressed == []
    widget.coordinator.leave_or_enter()
    settle(0.2)
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_K)
    assert pressed == ["K"]
    viewer.bind_key("K", None, overwrite=True)
    widget.end()


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    for index in range(4):
        write_nifti(a_volume(index * 10, f"case {index}"), folder / f"case-{index}.nii.gz")
    (folder / "case-1b.nii.gz").write_bytes(b"this is no image")
    return folder


def test_the_picture_is_always_that_of_the_name(viewer: Any, cases: Path) -> None:
    widget = enter(viewer)
    coordinator, room = widget.coordinator, widget.coordinator.room
    coordinator.paging.read(cases)
    until(lambda: room.subject is not None)
    names = [entry.name for entry in coordinator.paging.cases.entries]
    assert names == ["case-0", "case-1", "case-1b", "case-2", "case-3"]
    for index, value in ((1, 10), (3, 20), (4, 30), (0, 0)):
        coordinator.paging.show(index)
        until(lambda index=index: room.subject is not None and room.subject.name == names[index])
        assert int(np.asarray(room.subject.data).min()) == value
        assert coordinator.widget.panes[0].pane.sources[0] is room.subject
        assert {source.name for pane in room.panes for source in pane.sources} == {names[index]}  # in 3D too, or nothing yet
        until(lambda: room.guest is None and all(pane.sources for pane in room.panes))
        assert widget.view.place.text() == f"{index + 1} of 5: {names[index]}"
    coordinator.paging.turn_page(1)
    coordinator.leave_or_enter()  # while a case is on its way into the viewer
    settle(0.6)
    assert [layer.name for layer in viewer.layers] == ["case-1"]
    coordinator.leave_or_enter()
    settle(0.2)
    for _ in range(4):
        coordinator.paging.turn_page(1)  # as fast as a key repeats
    until(lambda: room.subject is not None and room.subject.name == "case-3" and room.guest is None)
    settle(0.4)
    assert [layer.name for layer in viewer.layers] == ["case-3"]
    widget.end()


def test_a_case_that_cannot_be_read_is_told_and_shows_no_other(viewer: Any, cases: Path) -> None:
    widget = enter(viewer)
    coordinator, room = widget.coordinator, widget.coordinator.room
    coordinator.paging.read(cases)
    until(lambda: room.subject is not None)
    coordinator.paging.show(2)
    until(lambda: widget.view.work.error)
    settle(0.2)
    assert "case-1b.nii.gz" in widget.view.work.error
    assert room.subject is None
    assert list(viewer.layers) == []
    coordinator.paging.turn_page(1)
    until(lambda: room.subject is not None and room.subject.name == "case-2")
    assert widget.view.work.error == ""
    widget.end()


def test_images_of_this_session_are_a_list_too(viewer: Any) -> None:
    first, second = add(viewer, a_volume(1, "first")), add(viewer, a_volume(2, "second"))
    widget = enter(viewer)
    coordinator = widget.coordinator
    coordinator.paging.read_samples()
    assert coordinator.stage.subject is first
    coordinator.paging.turn_page(1)
    settle(0.1)
    assert coordinator.stage.subject is second
    assert coordinator.room.subject is second
    second.name = "renamed"
    viewer.layers.remove(first)
    settle(0.1)
    assert [entry.name for entry in coordinator.paging.cases.entries] == ["renamed"]  # what is gone is in no list
    assert coordinator.paging.strip.count() == 1
    coordinator.paging.turn_page(-1)
    assert widget.view.work.status == "This is the first case."
    widget.end()


def test_reading_ahead_keeps_three_cases_at_most(viewer: Any, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(8):
        write_nifti(a_volume(index, f"case {index}"), folder / f"case-{index}.nii.gz")
    widget = enter(viewer)
    coordinator = widget.coordinator
    coordinator.paging.read(folder)
    for index in range(1, 8):
        until(lambda index=index: index in coordinator.paging.cases.ahead)
        coordinator.paging.turn_page(1)
        assert len(coordinator.paging.cases.ahead) <= 3
    settle(0.4)
    assert sum(isinstance(layer, Image) for layer in viewer.layers) == 1
    until(lambda: not file_queue().busy)
    widget.end()


def test_a_sample_stands_beside_the_volume_that_it_is_most_like(viewer: Any, tmp_path: Path) -> None:
    from napari_medgen.errors import ImageError
    from napari_medgen.viewer.sample.beside import Beside, find_and_read

    folder = tmp_path / "training"
    (folder / "t1").mkdir(parents=True)
    write_nifti(a_volume(5, "near"), folder / "t1" / "near.nii.gz")
    write_nifti(a_volume(6, "nearly"), folder / "t1" / "nearly.nii.gz")
    found = find_and_read("near", [folder])
    assert int(found.voxels.min()) == 5
    with pytest.raises(ImageError, match="No volume called far is in training"):
        find_and_read("far", [folder])
    made = Volume.on_grid(np.ones((12, 16, 20), np.int16), (3, 2, 1), "sample", provenance=Provenance(synthetic=True))
    sample = add(viewer, made)
    beside = Beside(viewer)
    beside.show_volume(sample, found, image_options(found), "nearest training volume")
    (widget,) = [one for one in viewer.window._qt_window.findChildren(object) if type(one).__name__ == "ReadingRoom"]
    until(lambda: widget.coordinator.widget is not None and len(widget.coordinator.room.panes) == 2)
    panes = widget.coordinator.room.panes
    assert [pane.caption.split("\n")[0] for pane in panes] == ["sample", "nearest training volume"]
    beside.show_volume(sample, found, image_options(found), "nearest training volume")
    assert len(viewer.layers) == 2  # it is open already
    widget.end()
    beside.close()

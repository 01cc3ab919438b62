"""The coordinator of the **Reading room**: it lends the middle of the window to the room, and gives it back."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qtpy.QtWidgets import QDockWidget, QFileDialog, QMainWindow, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.hanging import ViewState
from napari_medgen.viewer.canvas.stage import Shown
from napari_medgen.viewer.layers.owner import is_subject
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.actions import Actions
from napari_medgen.viewer.reading.central import CanvasState, Central
from napari_medgen.viewer.reading.cheat_sheet import CheatSheet
from napari_medgen.viewer.reading.hands import Habits
from napari_medgen.viewer.reading.paging import Paging
from napari_medgen.viewer.reading.room import Room, Slab
from napari_medgen.viewer.reading.room_widget import RoomWidget
from napari_medgen.viewer.reading.strip import Strip
from napari_medgen.viewer.reading.view import ReadingState, ReadingView
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work.preferences import preferences
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

_REST = 120  # milliseconds after the crosshair's last move until napari's own sliders follow
_OWNER = "reading"
# Of a layer, what changes what stands on a view, or the layers that follow it.
_CHANGES = (
    *("data", "scale", "translate", "rotate", "affine", "features", "face_color", "edge_color", "border_color"),
    *("border_width", "edge_width", "size", "symbol", "text"),
)


class ReadingCoordinator(Coordinator):
    """Turns what the form and the views ask for into what the room shows.

    Parameters
    ----------
    view
        The form.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where models compute, and where files are read.

    Attributes
    ----------
    room, actions, paging
        What is shown, what can be done with it, and the list of cases that it goes through.
    widget
        The views on the screen; None where the room was left.
    """

    def __init__(self, view: ReadingView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files)
        self.view = view
        self.habits = Habits()
        self.room = Room(self.viewer)
        self.actions = Actions(self.room, self)
        self.widget: RoomWidget | None = None
        self.paging = Paging(self.room, self.stage, self.viewer, self.work, self)
        self._central: Central | None = None
        self._kept: ViewState | None = None
        self._panels: list[QDockWidget] = []
        self._before: CanvasState | None = None
        self._left = False
        self._watched: weakref.WeakSet[Layer] = weakref.WeakSet()
        self._point, self._ranges = tuple(self.viewer.dims.point), tuple(self.viewer.dims.range)
        self._soon = self.settled(0, self._refresh)
        self._rest = self.settled(_REST, self._tell_viewer)
        self._connect()
        for layer in self.viewer.layers:
            self._watch(layer)
        self._offer_images()
        self.room.refresh()

    def _connect(self) -> None:
        view, actions, layers = self.view, self.actions, self.viewer.layers
        view.layout_requested.connect(self._by_key(actions.set_layout))
        view.plane_requested.connect(self._by_key(self.room.set_plane))
        view.window_requested.connect(self._by_key(self._set_window))
        view.flag_requested.connect(self._set_flag)
        view.slab_requested.connect(lambda thickness, kind: actions.set_slab(Slab(thickness, kind)))
        view.cine_requested.connect(self._by_key(lambda: actions.cine()))
        view.speed_requested.connect(actions.set_speed)
        view.compare_requested.connect(lambda indices: self.compare([self._images[index] for index in indices]))
        view.blend_requested.connect(self._by_key(lambda kind: actions.set_blend(kind or None)))
        view.folder_requested.connect(self._ask_for_folder_of_cases)
        view.table_requested.connect(self._ask_for_table)
        view.samples_requested.connect(self.paging.read_samples)
        view.previous_requested.connect(self._by_key(lambda: self.paging.turn_page(-1)))
        view.next_requested.connect(self._by_key(lambda: self.paging.turn_page(1)))
        view.keep_requested.connect(self.keep_view)
        view.restore_requested.connect(self.restore_view)
        view.help_requested.connect(self.show_keys)
        view.figure_requested.connect(self.ask_for_figure)
        view.panels_requested.connect(self.toggle_panels)
        view.leave_requested.connect(self.leave_or_enter)
        actions.said.connect(self._panel.say)
        actions.changed.connect(self._show_state)
        actions.case_requested.connect(self.paging.turn_page)
        actions.help_requested.connect(self.show_keys)
        self.paging.numbered.connect(view.set_cases)
        self.paging.said.connect(self._panel.say)
        self.paging.failed.connect(self._panel.show_error)
        self.paging.cleared.connect(self._panel.clear_error)
        self.paging.shown.connect(self._refresh)
        self.paging.changed.connect(self._look_again)
        self.room.moved.connect(self._room_moved)
        self.room.changed.connect(self._room_changed)
        self.listen(layers.events.inserted, self._inserted)
        self.listen(layers.events.removed, self._removed)
        self.listen(layers.events.reordered, self._look_again)
        self.listen(self.viewer.canvas.grid.events, self._look_again)
        self.listen(self.viewer.dims.events.point, self._viewer_moved)
        self.listen(self.viewer.dims.events.ndim, self._look_again)

    # -- entering and leaving -------------------------------------------------------------------------------------------

    def come_forward(self) -> None:
        """Enter the room when its tab is brought to the front, unless somebody left it."""
        if self.widget is None and not self._left:
            self.enter()

    def enter(self) -> None:
        """Show the views in the middle of the window."""
        main = self._main_window()
        if self.widget is not None or main is None:
            return
        self._left = False
        self._before = CanvasState.of(self.viewer)
        self.room.refresh()
        self.widget = RoomWidget(self.room, self.habits)
        self.widget.pressed.connect(self._press)
        self.widget.failed.connect(self._failed)
        self.preferences_changed()
        strip = Strip()
        strip.hide()
        self.widget.add_below(strip)
        self._central = Central(main)
        if not self._central.lend(self.widget):
            self._drop_widget()
            return
        self.paging.show_strip(strip)
        if preferences().lists:
            self.view.set_panels(True)
        else:
            self.toggle_panels()
        self.widget.focus()
        self.view.set_open(True)
        self._look_again()

    def leave(self) -> None:
        """Give the middle of the window back, and show napari's canvas where the room was."""
        self.actions.end()
        if self.widget is None:
            return
        if self.room.guest is not None and self.viewer_lives:
            self.paging.admit()
        try:
            self.room.tell_viewer()
        finally:
            if self._panels:
                self.toggle_panels()
            if self._central is not None:
                self._central.give_back()
            self._central = None
            self._drop_widget()
            self.room.close()
            self.view.set_open(False)
            if self._before is not None and self.viewer_lives:
                self._before.restore(self.viewer)
            self._before = None

    def leave_or_enter(self) -> None:
        """Leave the room, or enter it again."""
        if self.widget is None:
            self._left = False
            self.enter()
        else:
            self._left = True
            self.leave()

    def close(self) -> None:
        """Leave, and let go of the viewer."""
        self.leave()
        if self.stage.owner == _OWNER and self.viewer_lives:
            self.stage.leave(_OWNER)
        super().close()
        self.room.close()

    def _drop_widget(self) -> None:
        widget, self.widget = self.widget, None
        self.paging.end()
        if widget is not None:
            widget.end()
            widget.hide()
            widget.deleteLater()

    def _main_window(self) -> QMainWindow | None:
        """The main window that the form is docked in, by what Qt itself says."""
        window: object = cast(QWidget, self.view).window()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent() if isinstance(window, QWidget) else None
        return window if isinstance(window, QMainWindow) else None

    def _failed(self, error: Exception) -> None:
        """Whatever goes wrong in the room, napari's own canvas comes back."""
        self._left = True
        self.leave()
        self._panel.show_error(MedGenError(f"The reading room was closed, because it could not show this: {error}"))

    def preferences_changed(self) -> None:
        """Follow what was set on napari's page of preferences."""
        super().preferences_changed()
        set_ = preferences()
        self.habits.wheel_scrolls, self.habits.up_lowers = set_.wheel_scrolls, set_.up_lowers
        if self.widget is not None:
            self.widget.mark_place = set_.mark
            self.room.changed()

    # -- following the viewer -------------------------------------------------------------------------------------------

    def _watch(self, layer: Layer) -> None:
        if layer not in self._watched:
            self._watched.add(layer)
            self.listen(layer.events.visible, self._look_again)
            self.listen(layer.events.name, self._renamed)
            for what in _CHANGES:
                if what in layer.events:
                    self.listen(getattr(layer.events, what), self._layer_changed)
            if hasattr(layer.events, "contrast_limits"):
                self.listen(layer.events.contrast_limits, self._window_moved)
                self.listen(layer.events.colormap, self._window_moved)

    def _layer_changed(self, event: Event) -> None:
        if event.type == "data":
            window_level.forget_values(event.source)
        self._look_again()

    def _inserted(self, event: Event) -> None:
        self._watch(event.value)
        self._offer_images()
        self._look_again()

    def _removed(self, event: Event) -> None:
        self.paging.layer_removed(event.value)
        self.room.layer_removed(event)
        self._offer_images()
        self._look_again()

    def _renamed(self, event: Event | None = None) -> None:
        self.paging.layer_renamed()
        self._offer_images()
        self._look_again()

    def _look_again(self, event: Event | None = None) -> None:
        self._soon.start()

    def _window_moved(self, event: Event | None = None) -> None:
        if self.widget is not None:
            self.room.windows_changed()

    def subject_chosen(self, event: Event | None = None) -> None:
        """Hang what the stage shows now."""
        self._look_again()

    def _refresh(self) -> None:
        if self.widget is None:
            return
        try:
            self.room.refresh()
        except Exception as error:
            self._failed(error)
            raise
        self.widget.paint_now()  # no word of the image before stands over this one
        if self.room.fault:
            self._panel.show_error(MedGenError(self.room.fault))
            self.room.fault = ""
        self._show_state()

    def _viewer_moved(self, event: Event | None = None) -> None:
        """Take over what somebody moved with napari's own sliders, or with a slider of another widget."""
        dims = self.viewer.dims
        before, self._point = self._point, tuple(dims.point)
        ranges, self._ranges = self._ranges, tuple(dims.range)
        if self.widget is None or self.room.telling:
            return
        if ranges != self._ranges:
            self._rest.start()  # napari moved it, for layers came or went; it will hear where the crosshair is
            return
        self.room.follow(before, self._point)
        self._look_again()

    def _room_moved(self, event: Event | None = None) -> None:
        self._rest.start()

    def _tell_viewer(self) -> None:
        if self.widget is not None:
            self.room.tell_viewer()

    def _room_changed(self, event: Event | None = None) -> None:
        if self.widget is not None:
            self._show_window()

    # -- what the form asks for -----------------------------------------------------------------------------------------

    def _press(self, key: object) -> None:
        try:
            self.actions.press(key)  # type: ignore[arg-type]
        except Exception as error:
            self._failed(error)
            raise

    def _by_key(self, action: Callable[..., object]) -> Callable[..., None]:
        """The action, and the keys go to the views again: a form that keeps them would take the next arrow."""

        def act(*arguments: object) -> None:
            if self.room.panes:
                action(*(one for one in arguments if not isinstance(one, bool)))
            if self.widget is not None:
                self.widget.focus()

        return act

    def _set_window(self, name: str) -> None:
        if name == "own":
            self.actions.own_window()
        elif name == "automatic":
            self.actions.automatic()
        elif name.isdigit():
            self.actions.preset(int(name))

    def _set_flag(self, name: str, wanted: bool) -> None:
        if name == "overlays":
            self.room.show_overlays(wanted)
        elif name == "linked":
            self.room.link(wanted)
        else:
            setattr(self.room, {"crosshair": "crosshair", "together": "windows_together"}[name], wanted)
            self.room.changed()

    def keep_view(self) -> None:
        """Remember what the reader sees."""
        self._kept = self.room.capture()
        self._panel.say("Layout, slice, zoom and window are kept.")

    def restore_view(self) -> None:
        """Show again what was kept."""
        if self._kept is None:
            self._panel.say("No view was kept yet.")
        else:
            self.room.restore(self._kept)
            self._show_state()

    def show_keys(self) -> CheatSheet:
        """Open the sheet of keys."""
        sheet = CheatSheet(preferences().presets, cast(QWidget, self.view).window())
        sheet.show()
        return sheet

    def toggle_panels(self) -> None:
        """Hide all panels of the window, or show those again that were hidden."""
        main = self._main_window()
        if self._panels:
            hidden, self._panels = self._panels, []
            for dock in hidden:
                dock.show()
            self.view.set_panels(True)
        elif main is not None:
            own = cast(QWidget, self.view).window()
            docks = [dock for dock in main.findChildren(QDockWidget) if dock.isVisible() and not dock.isFloating()]
            self._panels = [dock for dock in docks if dock is not own and not dock.isAncestorOf(cast(QWidget, self.view))]
            # Docks that share their place with the form's own are tabs, and take nothing from the views.
            self._panels = [dock for dock in self._panels if main.dockWidgetArea(dock) != main.dockWidgetArea(self._dock())]
            for dock in self._panels:
                dock.hide()
            self.view.set_panels(False)

    def _dock(self) -> QDockWidget:
        parent: QWidget | None = cast(QWidget, self.view)
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        return parent or QDockWidget()

    # -- comparison -----------------------------------------------------------------------------------------------------

    def compare(self, images: list[Image], captions: list[str] | None = None) -> None:
        """Show images beside each other."""
        images = [image for image in images if image in self.viewer.layers]
        if len(images) < 2:
            return
        titles = captions or [image.name for image in images]
        cells = [(Shown(image, title),) for image, title in zip(images, titles, strict=True)]
        self.stage.set_scene(_OWNER, cells, left=self._scene_left)
        self._look_again()

    def _scene_left(self) -> None:
        self._look_again()

    def _offer_images(self) -> None:
        self._images = [layer for layer in self.viewer.layers if is_subject(layer)]
        shown = {source for pane in self.room.panes for source in pane.sources} if self.room.compared else set()
        self.view.set_images(
            [image.name for image in self._images], [i for i, one in enumerate(self._images) if one in shown]
        )

    # -- cases ----------------------------------------------------------------------------------------------------------

    def _ask_for_folder_of_cases(self) -> None:
        folder = QFileDialog.getExistingDirectory(cast(QWidget, self.view), "Cases of this folder")
        if folder:
            self.paging.read(Path(folder))

    def _ask_for_table(self) -> None:
        file, _ = QFileDialog.getOpenFileName(cast(QWidget, self.view), "Table of cases", "", "Tables (*.csv)")
        if file:
            self.paging.read(Path(file))

    # -- what the form says ---------------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        room = self.room
        self.view.set_state(
            ReadingState(
                layout=room.hanging.layout,
                crosshair=room.crosshair,
                overlays=room.overlays,
                linked=room.sight.linked,
                together=room.windows_together,
                thickness=room.slab.thickness,
                slab_kind=room.slab.kind,
                playing=self.actions.playing,
                speed=self.actions.speed,
                blend=room.blend.kind if room.blend is not None else "",
            )
        )
        self.view.set_pair(room.pair is not None)
        self._show_window()

    def _show_window(self) -> None:
        subject = self.room.subject
        if subject is not None and window_level.windowed(subject):
            window = window_level.window_of(subject)
            now = window.name
            if not now and window_level.automatic_window_known(subject) == window:
                now = "Automatic"
            self.view.set_windows(preferences().presets if window_level.modality(subject) == "CT" else (), now)


class ReadingRoom(DockWidget):
    """The dock widget **Reading room**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = ReadingView()
        self.coordinator = ReadingCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)

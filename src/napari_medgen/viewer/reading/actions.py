"""What the keys and buttons of the reading room do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medgen.imaging.hanging import LAYOUTS, Layout, SlabKind
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.blend import BlendKind
from napari_medgen.viewer.reading.keys import Key
from napari_medgen.viewer.reading.room import Slab
from napari_medgen.viewer.work.preferences import preferences

if TYPE_CHECKING:
    from napari_medgen.viewer.reading.room import Room

_LAYOUTS: tuple[Layout, ...] = ("2x2", "1x3", "1x2", "1x1")
_SLABS: tuple[SlabKind | None, ...] = (None, "mean", "mip", "minip")
_SPEEDS = (1, 2, 4, 6, 8, 10, 15, 20, 30)  # slices a second
_FIRST_SLAB = 10.0  # millimetres


class Actions(QObject):
    """What can be done in a room by one key.

    Signals
    -------
    said
        A sentence on what could not be done, or what is so now.
    changed
        Layout, slab, cine or mode of comparison are others.
    case_requested
        So many cases on, or back.
    help_requested
        The sheet of keys.
    """

    said = Signal(str)
    changed = Signal()
    case_requested = Signal(int)
    help_requested = Signal()

    def __init__(self, room: Room, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._room = room
        self.speed = 10
        self._cine = QTimer(self)
        self._cine.timeout.connect(self._cine_step)

    def press(self, key: Key) -> None:
        """Do what a key is for."""
        if self._room.panes or key.group in ("Help", "Cases"):
            getattr(self, key.action)()

    # -- slices ---------------------------------------------------------------------------------------------------------

    def next_slice(self) -> None:
        """One slice on."""
        self._room.scroll(1)

    def previous_slice(self) -> None:
        """One slice back."""
        self._room.scroll(-1)

    def first_slice(self) -> None:
        """The first."""
        self._room.go_to_slice(0)

    def last_slice(self) -> None:
        """The last."""
        self._room.go_to_slice(self._room.slices(self._room.active_pane)[1] - 1)

    @property
    def playing(self) -> bool:
        """Whether the slices go on by themselves."""
        return self._cine.isActive()

    def cine(self) -> None:
        """Let the slices go on by themselves, or stop."""
        if self.playing:
            self._cine.stop()
        elif self._room.slices(self._room.active_pane)[1] > 1:
            self._cine.start(round(1000 / self.speed))
        else:
            self.said.emit("There is only one slice in this view.")
        self.changed.emit()

    def _cine_step(self) -> None:
        if not self._room.panes:
            self._cine.stop()
            return
        index, count = self._room.slices(self._room.active_pane)
        self._room.go_to_slice((index + 1) % count)

    def set_speed(self, speed: int) -> None:
        """Set how many slices a second the cine shows."""
        self.speed = speed
        if self.playing:
            self._cine.setInterval(round(1000 / speed))
        self.changed.emit()

    def slower(self) -> None:
        """A slower cine."""
        self.set_speed(max((speed for speed in _SPEEDS if speed < self.speed), default=_SPEEDS[0]))

    def faster(self) -> None:
        """A faster cine."""
        self.set_speed(min((speed for speed in _SPEEDS if speed > self.speed), default=_SPEEDS[-1]))

    def slab_kind(self) -> None:
        """Single slices, then their mean, the brightest (MIP) and the darkest (MinIP) of a slab."""
        slab = self._room.slab
        now = _SLABS.index(slab.kind if slab.thickness > 0 else None)
        kind = _SLABS[(now + 1) % len(_SLABS)]
        thickness = 0.0 if kind is None else slab.thickness or _FIRST_SLAB
        self.set_slab(Slab(thickness, kind or slab.kind))

    def set_slab(self, slab: Slab) -> None:
        """Show so many millimetres as one slice."""
        self._room.set_slab(slab)
        self.changed.emit()

    def thicker(self) -> None:
        """A thicker slab."""
        slab = self._room.slab
        self.set_slab(Slab(slab.thickness + 5.0, slab.kind))

    def thinner(self) -> None:
        """A thinner slab."""
        slab = self._room.slab
        self.set_slab(Slab(max(slab.thickness - 5.0, 0.0), slab.kind))

    # -- window ---------------------------------------------------------------------------------------------------------

    def preset(self, index: int) -> None:
        """Set one of the windows of the Hounsfield scale, on images that count in it."""
        targets = self._room.window_targets(self._room.active_pane)
        counted = [image for image in targets if window_level.modality(image) == "CT"]
        preset = preferences().presets[index]
        if not counted:
            self.said.emit(
                f"{preset.name} is a window of the Hounsfield scale, and this is no CT. A sets one from the image."
            )
            return
        for image in counted:
            window_level.set_window(image, preset)
        self._room.windows_changed()

    def preset_1(self) -> None:
        """Soft tissue."""
        self.preset(0)

    def preset_2(self) -> None:
        """Lung."""
        self.preset(1)

    def preset_3(self) -> None:
        """Bone."""
        self.preset(2)

    def preset_4(self) -> None:
        """Brain."""
        self.preset(3)

    def preset_5(self) -> None:
        """Liver."""
        self.preset(4)

    def automatic(self) -> None:
        """The window from the image's percentiles."""
        for image in self._room.window_targets(self._room.active_pane):
            window_level.set_window(image, window_level.automatic_window(image))
        self._room.windows_changed()

    def own_window(self) -> None:
        """The window that the file says, or that the image was opened with."""
        for image in self._room.window_targets(self._room.active_pane):
            window_level.reset_window(image)
        self._room.windows_changed()

    def invert(self) -> None:
        """Swap black and white."""
        for image in self._room.window_targets(self._room.active_pane):
            window_level.invert(image)
        self._room.windows_changed()

    # -- views ----------------------------------------------------------------------------------------------------------

    def layout(self) -> None:
        """The next layout."""
        now = self._room.hanging.layout
        self.set_layout(_LAYOUTS[(_LAYOUTS.index(now) + 1) % len(_LAYOUTS)])

    def set_layout(self, layout: str) -> None:
        """Show so many views."""
        if self._room.compared or (self._room.panes and self._room.active_pane.axes != 3):
            self.said.emit("Layouts are of volumes; pictures stand beside each other by themselves.")
        elif layout in LAYOUTS:
            self._room.set_layout(layout)  # type: ignore[arg-type]
        self.changed.emit()

    def maximise(self) -> None:
        """Show this view alone, or all."""
        self._room.maximise(self._room.active)

    def next_view(self) -> None:
        """Use the next view."""
        self._turn(1)

    def previous_view(self) -> None:
        """Use the view before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        room = self._room
        index = (room.active + by) % len(room.panes)
        if room.maximised is not None:
            room.maximised = None
            room.active = index
            room.maximise(index)
        room.use(index)

    def reset(self) -> None:
        """Zoom, place and window as at first."""
        self.own_window()
        self._room.sight.reset()

    def fit(self) -> None:
        """Fit the image to its views."""
        self._room.sight.reset()

    def crosshair(self) -> None:
        """Crosshair on and off."""
        self._room.crosshair = not self._room.crosshair
        self._room.changed()
        self.changed.emit()

    def overlays(self) -> None:
        """Maps, labels and drawings on and off."""
        self._room.show_overlays(not self._room.overlays)
        self.changed.emit()

    def linked(self) -> None:
        """Link zoom and place of the views, or let them go."""
        self._room.link(not self._room.sight.linked)
        self.changed.emit()

    # -- comparison -----------------------------------------------------------------------------------------------------

    def set_blend(self, kind: BlendKind | None) -> None:
        """Lay two images into one view, or beside each other again."""
        if kind is not None and self._room.pair is None:
            self.said.emit("Two images must stand beside each other first: choose them under Compare.")
        else:
            self._room.set_blend(kind)
        self.changed.emit()

    def _toggle(self, kind: BlendKind) -> None:
        there = self._room.blend is not None and self._room.blend.kind == kind
        self.set_blend(None if there else kind)

    def swipe(self) -> None:
        """Swipe over two images."""
        self._toggle("swipe")

    def checkerboard(self) -> None:
        """Checkerboard of two images."""
        self._toggle("checkerboard")

    def difference(self) -> None:
        """Difference of two images."""
        self._toggle("difference")

    def blink(self) -> None:
        """The other one of two images."""
        if self._room.pair is None:
            self.set_blend("blink")
            return
        self._room.blink()
        self.changed.emit()

    # -- cases and help -------------------------------------------------------------------------------------------------

    def next_case(self) -> None:
        """The next case."""
        self.case_requested.emit(1)

    def previous_case(self) -> None:
        """The case before."""
        self.case_requested.emit(-1)

    def help(self) -> None:
        """The sheet of keys."""
        self.help_requested.emit()

    def escape(self) -> None:
        """Stop what goes on: cine, then a mode of comparison, then a single view."""
        if self.playing:
            self.cine()
        elif self._room.blend is not None:
            self.set_blend(None)
        elif self._room.maximised is not None:
            self._room.maximise(None)

    def end(self) -> None:
        """Stop the cine."""
        self._cine.stop()

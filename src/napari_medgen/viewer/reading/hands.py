"""What mouse, wheel and keys do over a view: a filter before napari's own, so that nothing of napari is rebound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_medgen.imaging.windows import Window
from napari_medgen.viewer.canvas.touch import Tap, What, touch_of
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.keys import Key, key_of
from napari_medgen.viewer.reading.painting import Glass

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_medgen.viewer.reading.pane import Pane
    from napari_medgen.viewer.reading.room import Room

_NOTCH = 120  # an eighth of a degree each: what one step of a wheel says
_ZOOM_NOTCH = 1.15
_NEAR_SWIPE = 12.0  # points

_LEFT, _MIDDLE, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@dataclass
class Habits:
    """What a reader is used to.

    Attributes
    ----------
    wheel_scrolls
        Plain wheel goes through slices and Ctrl with it zooms; otherwise the other way round.
    up_lowers
        Dragging up lowers the level, so that the image becomes brighter; otherwise it raises it.
    """

    wheel_scrolls: bool = True
    up_lowers: bool = False


@dataclass
class _Drag:
    kind: str
    start: QPointF
    last: QPointF
    moved: bool = False
    images: tuple[tuple[Image, Window], ...] = ()


class Hands(QObject):
    """Turns events over one view's canvas into what the room does.

    Parameters
    ----------
    canvas, glass
        What is touched, and what lies over it.
    room, index
        Whose view it is, and which of its views.
    habits
        What the reader is used to; read at each event.
    press
        Called with each key of ours.
    """

    def __init__(
        self, canvas: QWidget, glass: Glass, room: Room, index: int, habits: Habits, press: Callable[[Key], None]
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._glass, self._room, self._index = canvas, glass, room, index
        self._habits, self._press = habits, press
        self._drag: _Drag | None = None
        self._turned = 0.0  # of a wheel that turns by less than a notch

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether the event was ours, so that napari does not see it."""
        if event is None or self._index >= len(self._room.panes):
            return False
        if isinstance(event, QWheelEvent):
            return self._wheel(event)
        if isinstance(event, QKeyEvent):
            return self._key(event)
        if isinstance(event, QMouseEvent):
            kind = event.type()
            if kind == QEvent.Type.MouseButtonPress:
                return self._pressed(event)
            if kind == QEvent.Type.MouseMove:
                return self._moved(event)
            if kind == QEvent.Type.MouseButtonRelease:
                return self._released(event)
            if kind == QEvent.Type.MouseButtonDblClick:
                return self._double(event)
        if event.type() == QEvent.Type.Leave:
            self._room.hover = None
            self._room.changed()
        return False

    @property
    def _whole(self) -> bool:
        return self._pane.plane.name == "3d"

    @property
    def _pane(self) -> Pane:
        return self._room.panes[self._index]

    def _wheel(self, event: QWheelEvent) -> bool:
        zooms = bool(event.modifiers() & _CTRL) == self._habits.wheel_scrolls
        delta = event.angleDelta().y() or event.angleDelta().x()
        if self._whole:
            camera = self._pane.model.scene.camera
            camera.zoom = camera.zoom * _ZOOM_NOTCH ** (delta / _NOTCH)
            self._room.changed()
            return True
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._room.step_ahead(1 if delta > 0 else -1, self._pane)
            return True
        if zooms:
            place = event.position()
            self._room.sight.zoom_by(_ZOOM_NOTCH ** (delta / _NOTCH), self._pane, (place.x(), place.y()))
            return True
        self._turned += delta / _NOTCH
        steps = int(self._turned)
        self._turned -= steps
        if steps:
            self._room.scroll(steps, self._pane)
        return True

    def _key(self, event: QKeyEvent) -> bool:
        key = key_of(event.key(), event.modifiers())
        if key is None:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # it comes as a key press then, and to no shortcut of the window
            return True
        if event.type() == QEvent.Type.KeyPress:
            self._press(key)
        return True

    # -- dragging -------------------------------------------------------------------------------------------------------

    def _pressed(self, event: QMouseEvent) -> bool:
        self._canvas.setFocus(Qt.FocusReason.MouseFocusReason)
        self._room.use(self._index)
        if self._whole:
            return event.button() == _RIGHT
        place, button = event.position(), event.button()
        if button == _LEFT and self._draws("press", place):
            return True
        kind = {_LEFT: "pan", _MIDDLE: "pan", _RIGHT: "window"}.get(button, "")
        if button == _RIGHT and event.modifiers() & _CTRL:
            kind = "rectangle"
        edge = self._room.swipe_edge(self._pane)
        if button == _LEFT and edge is not None and abs(edge - place.x()) <= _NEAR_SWIPE:
            kind = "swipe"
        images = self._room.window_targets(self._pane) if kind == "window" else []
        self._drag = _Drag(kind, place, place, images=tuple((image, window_level.window_of(image)) for image in images))
        return True

    def _moved(self, event: QMouseEvent) -> bool:
        place, drag = event.position(), self._drag
        if drag is None and not self._whole and self._draws("move", place):
            self._hover(place)
            return True
        if drag is None:
            if self._whole:
                if event.buttons() != Qt.MouseButton.NoButton:
                    self._room.changed()  # its lines and letters turn with it
                return False
            if event.modifiers() & _SHIFT:
                self._room.point_at(self._pane, place.x(), place.y())
            self._hover(place)
            return True
        whole = place - drag.start
        if not drag.moved and abs(whole.x()) + abs(whole.y()) < QApplication.startDragDistance() / 2:
            return True
        drag.moved = True
        step = place - drag.last
        drag.last = place
        if drag.kind == "pan":
            self._room.sight.pan_by(self._pane, step.x(), step.y())
        elif drag.kind == "window":
            self._window(drag, whole)
        elif drag.kind == "swipe":
            self._room.swipe_to(self._pane, place.x())
        elif drag.kind == "rectangle":
            self._glass.set_rubber(QRectF(drag.start, place).normalized())
        return True

    def _released(self, event: QMouseEvent) -> bool:
        drag, self._drag = self._drag, None
        if drag is None:
            return event.button() == _LEFT and not self._whole and self._draws("release", event.position())
        place = event.position()
        if drag.kind == "rectangle":
            self._glass.set_rubber(None)
            if drag.moved:
                self._window_of(drag.start, place)
        elif drag.kind == "pan" and not drag.moved and event.button() == _LEFT:
            self._room.point_at(self._pane, place.x(), place.y())
        return True

    def _double(self, event: QMouseEvent) -> bool:
        if event.button() == _LEFT and not self._draws("double", event.position()):
            self._room.maximise(self._index)
        return True

    def _draws(self, what: What, place: QPointF) -> bool:
        """Tell a tool that draws; whether there is one."""
        touch = touch_of(self._room.viewer)
        if not touch.taken or self._whole:
            return False
        pane, count = self._pane, self._pane.axes
        world = self._room.place.copy()
        world[-count:] = pane.from_canvas(place.x(), place.y(), self._room.sight.size_of(pane), world[-count:])
        world[-count:] += pane.shift if count == 3 else 0
        point = 1 / pane.model.scene.camera.zoom
        return touch.tell(Tap(what, world, pane.plane.displayed, point, live=False))

    def _hover(self, place: QPointF) -> None:
        self._room.hover = (self._pane, (place.x(), place.y()))
        self._room.changed()

    def _window(self, drag: _Drag, whole: QPointF) -> None:
        high, wide = self._room.sight.size_of(self._pane)
        up = -whole.y() / max(high, 1.0)
        for image, window in drag.images:
            signed = -up if self._habits.up_lowers else up
            window_level.set_window(image, window.dragged(whole.x() / max(wide, 1.0), signed, window_level.span(image)))
        self._room.windows_changed()

    def _window_of(self, start: QPointF, end: QPointF) -> None:
        pane, size = self._pane, self._room.sight.size_of(self._pane)
        count = pane.axes
        corners = []
        for one in (start, end):
            corner = self._room.place.copy()
            corner[-count:] = pane.from_canvas(one.x(), one.y(), size, corner[-count:]) + (pane.shift if count == 3 else 0)
            corners.append(corner)
        for image in window_level.targets(self._room.viewer, pane.images):  # where it was drawn
            found = window_level.window_within(image, (corners[0], corners[1]), pane.plane.through)
            if found is not None:
                window_level.set_window(image, found)
        self._room.windows_changed()

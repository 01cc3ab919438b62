"""All views of a room on the screen, in rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from napari_medgen.viewer.reading.furniture import furniture_of
from napari_medgen.viewer.reading.hands import Habits
from napari_medgen.viewer.reading.keys import Key
from napari_medgen.viewer.reading.pane_widget import PaneWidget

if TYPE_CHECKING:
    from napari_medgen.viewer.reading.room import Room

_GAP = 2  # points between views


class RoomWidget(QWidget):
    """The views of a room.

    Parameters
    ----------
    room
        What is shown.
    habits
        What the reader is used to.
    """

    pressed = Signal(object)
    failed = Signal(object)

    def __init__(self, room: Room, habits: Habits) -> None:
        super().__init__()
        self.room, self.habits = room, habits
        self.panes: list[PaneWidget] = []
        self.mark_place = "upper right"
        self.setObjectName("medgen reading room")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(_GAP)
        self._views = QWidget()
        self._views.setStyleSheet("background: #101014;")
        self._grid = QGridLayout(self._views)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_GAP)
        outer.addWidget(self._views, 1)
        self._paint_soon = QTimer(self)
        self._paint_soon.setSingleShot(True)
        self._paint_soon.setInterval(0)
        self._paint_soon.timeout.connect(self.paint_now)
        room.changed.connect(self._changed)
        room.arranged.connect(self.arrange)
        self.arrange()

    def add_below(self, widget: QWidget) -> None:
        """Put something below the views."""
        layout = self.layout()
        if layout is not None:
            layout.addWidget(widget)

    def arrange(self, event: object = None) -> None:
        """Show the views that the room has, where it has them."""
        room = self.room
        while self.panes and len(self.panes) > len(room.panes):
            self._grid.removeWidget(self.panes[-1])
            self.panes.pop().end()
        for index, pane in enumerate(room.panes):
            if index < len(self.panes) and self.panes[index].pane is not pane:
                self._grid.removeWidget(self.panes[index])
                self.panes[index].end()
                self.panes[index] = self._made(index)
            elif index >= len(self.panes):
                self.panes.append(self._made(index))
        rows, columns = room.grid
        shown = room.shown
        for place, widget in enumerate(self.panes):
            self._grid.removeWidget(widget)
            widget.setVisible(place in shown)
        for order, place in enumerate(shown):
            self._grid.addWidget(self.panes[place], order // columns, order % columns)
        for row in range(max(rows, self._grid.rowCount())):
            self._grid.setRowStretch(row, 1 if row < rows else 0)
        for column in range(max(columns, self._grid.columnCount())):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        if self.isVisible():
            self._grid.activate()  # now, so that no view is seen in a size that it does not keep
        self._changed()

    def _made(self, index: int) -> PaneWidget:
        press: Callable[[Key], None] = self.pressed.emit
        return PaneWidget(self.room, self.room.panes[index], index, self.habits, press, self._views)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Tell the room how large it is."""
        super().resizeEvent(event)
        self.room.size = (float(max(self._views.height(), 1)), float(max(self._views.width(), 1)))

    def _changed(self, event: object = None) -> None:
        self._paint_soon.start()

    def paint_now(self) -> None:
        """Paint the furniture of all views; a fault of one is told, and the room is left."""
        self._paint_soon.stop()
        try:
            for index in self.room.shown:
                if index < len(self.panes):
                    glass = self.panes[index].glass
                    glass.mark_place = self.mark_place
                    glass.set_furniture(furniture_of(self.room, index))
        except Exception as error:
            self.failed.emit(error)

    def focus(self) -> None:
        """Give the used view the keys."""
        if self.panes:
            self.panes[min(self.room.active, len(self.panes) - 1)].canvas.setFocus()

    def end(self) -> None:
        """Let go of all views."""
        self._paint_soon.stop()
        self.room.changed.disconnect(self._changed)
        self.room.arranged.disconnect(self.arrange)
        while self.panes:
            self.panes.pop().end()

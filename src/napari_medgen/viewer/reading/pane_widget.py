"""A view on the screen: napari's canvas of one pane, and the glass over it that its furniture is painted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from napari.qt import QtViewer
from napari.utils.events.event_utils import disconnect_events
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medgen.viewer.reading.hands import Habits, Hands
from napari_medgen.viewer.reading.keys import Key
from napari_medgen.viewer.reading.painting import Glass

if TYPE_CHECKING:
    from napari_medgen.viewer.reading.pane import Pane
    from napari_medgen.viewer.reading.room import Room


class PaneWidget(QWidget):
    """One view.

    Parameters
    ----------
    room, pane, index
        Whose view it is, its model, and which of the room's views it is.
    habits, press
        As :class:`.hands.Hands` takes them.
    """

    def __init__(
        self, room: Room, pane: Pane, index: int, habits: Habits, press: Callable[[Key], None], parent: QWidget
    ) -> None:
        # With its parent from the first: a canvas that moves to another window loses what it has drawn with.
        super().__init__(parent)
        self.room, self.pane, self.index = room, pane, index
        # A radiologist's screen, whatever the theme.
        pane.model.canvas.background_color_override = "black"  # type: ignore[assignment]
        self._qt_viewer = QtViewer(pane.model)
        self._qt_viewer.dims.hide()
        self._qt_viewer.dims.setMaximumHeight(0)
        # Sliders that nobody sees take half of the time in which another image is shown.
        sliders = self._qt_viewer.dims
        for one in (sliders, *sliders.slider_widgets):
            disconnect_events(pane.model.dims.events, one)
        self.canvas = cast(QWidget, self._qt_viewer.canvas.native)
        self.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.canvas.setMouseTracking(True)
        self.canvas.setAccessibleName(f"View {index + 1}")
        self.glass = Glass(self.canvas)
        self.setMinimumSize(80, 80)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._qt_viewer)
        self._hands = Hands(self.canvas, self.glass, room, index, habits, press)
        self.canvas.installEventFilter(self._hands)
        self.canvas.installEventFilter(self)
        self._measure()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the glass as large as the canvas."""
        if event is not None and watched is self.canvas and event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._measure()
        return False

    def _measure(self) -> None:
        self.glass.setGeometry(self.canvas.rect())
        self.glass.raise_()
        self.room.sight.resized(self.pane, (float(self.canvas.height()), float(self.canvas.width())))

    def end(self) -> None:
        """Let go of the canvas and its model."""
        self.canvas.removeEventFilter(self._hands)
        self.canvas.removeEventFilter(self)
        self.glass.deleteLater()
        self._qt_viewer.close()
        self.setParent(None)
        self.deleteLater()

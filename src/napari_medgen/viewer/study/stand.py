"""The stand that a case is shown on: a napari model of its own with linked views, known to no other window.

Nothing of a study is ever in the viewer that a reader may have open beside it: no layer list, no console, no list of recent
files knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_medgen.viewer.canvas.captions import set_caption
from napari_medgen.viewer.layers.volumes import LayerData
from napari_medgen.viewer.reading.actions import Actions
from napari_medgen.viewer.reading.hands import Habits
from napari_medgen.viewer.reading.room import Mark, Room
from napari_medgen.viewer.reading.room_widget import RoomWidget
from napari_medgen.viewer.work.preferences import preferences

_LATER = 150  # milliseconds after which a volume is also shown as a whole


class Stand(QObject):
    """Shows one case.

    Parameters
    ----------
    parent
        Whoever holds it.

    Attributes
    ----------
    room, actions, widget
        The linked views, what keys do with them, and both on the screen.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = ViewerModel(title="Case")
        self.room = Room(self.viewer)
        self.room.says = " "
        self.actions = Actions(self.room, self)
        set_ = preferences()
        self.widget = RoomWidget(self.room, Habits(set_.wheel_scrolls, set_.up_lowers))
        self.widget.mark_place = set_.mark
        self.widget.pressed.connect(self.actions.press)
        self.room.arranged.connect(self._arranged)  # after the widget's own, which makes them
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LATER)
        self._later.timeout.connect(self._admit)
        self._old: list[Layer] = []

    # -- a case ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def make(layers: Sequence[LayerData]) -> list[Layer]:
        """Make layers before they are shown, so that showing them takes no longer than it must."""
        return [_layer(one) for one in layers]

    def show(self, made: Sequence[Layer]) -> None:
        """Show a case: its image, and what lies over it.

        A volume is a guest of the room at first, which is faster; what is left of the case before goes a moment later.
        """
        self._stop()
        first = made[0]
        if isinstance(first, Image) and first.ndim == 3 and len(made) == 1:
            self.room.guest = first
            self._start()
            self._later.start()
            return
        self._take_down()
        self.viewer.layers.extend(made)
        self._start()
        self._forget()

    def add(self, layer: LayerData, caption: str) -> None:
        """Show one thing more: a map over the image, or an image beside it."""
        self._admit()
        if not self.viewer.layers:
            return
        made = _layer(layer)
        beside = made.ndim == self.viewer.layers[0].ndim and "napari_medgen_saliency" not in made.metadata
        if beside:
            set_caption(self.viewer.layers[0], "Image")
            set_caption(made, caption)
        self.viewer.layers.append(made)
        self.viewer.canvas.grid.stride = 1
        self.viewer.canvas.grid.shape = (1, 2)
        self.viewer.canvas.grid.enabled = beside
        self.refresh()

    def clear(self) -> None:
        """Show nothing."""
        self._stop()
        self._take_down()
        self.refresh()
        self._forget()

    def _stop(self) -> None:
        """End what goes on in the case before."""
        self.room.set_marks((), aim=False)
        self._later.stop()
        self.actions.end()
        self.room.guest = None
        if self.room.blend is not None:
            self.room.set_blend(None)
        if self.viewer.canvas.grid.enabled:
            self.viewer.canvas.grid.enabled = False

    def _take_down(self) -> None:
        """Take all layers away; what follows them is forgotten when the next ones are shown, for it may follow those."""
        self._forget()
        self._old = list(self.viewer.layers)
        self.viewer.layers.clear()

    def _forget(self) -> None:
        for layer in self._old:
            for pane in self.room.panes:
                if layer not in pane.sources:
                    pane.forget(layer)
        self._old = []

    def _admit(self) -> None:
        guest, self.room.guest = self.room.guest, None
        self._later.stop()
        if guest is not None:
            self._take_down()
            self.viewer.layers.append(guest)
            self.refresh()
            self._forget()

    def refresh(self) -> None:
        """Show what the model holds now."""
        self.room.refresh()
        self.widget.paint_now()

    def _start(self) -> None:
        if self.room.panes:
            self.room.start()  # where the next image is looked at too, if it lies as this one does: one slice less is drawn
        self.room.refresh()
        self.room.start()
        self.widget.paint_now()

    def _arranged(self, event: object = None) -> None:
        """Other views are there: no file of somebody's is dropped among the cases."""
        for child in self.widget.findChildren(QWidget):
            child.setAcceptDrops(False)

    @property
    def image(self) -> Layer | None:
        """The image of the case."""
        return self.room.guest or next((layer for layer in self.viewer.layers if isinstance(layer, Image)), None)

    # -- marks ----------------------------------------------------------------------------------------------------------

    @property
    def place(self) -> list[float]:
        """Where the crosshair is, in the image's own millimetres (pixels): (S, P, L) or (row, column)."""
        image = self.image
        count = image.ndim if image is not None else 2
        return [round(float(value), 3) for value in self.room.place[-min(count, 3) :]]

    def move(self, down: int, right: int) -> None:
        """Move the crosshair of a picture by hundredths of its sides."""
        image = self.image
        if image is None or image.ndim != 2:
            return
        low, high = np.asarray(image.extent.world, float)
        place = self.room.place.copy()
        place[-2:] = np.clip(place[-2:] + np.array([down, right]) * (high - low) / 100, low, high)
        self.room.set_place(place)

    def centre(self) -> None:
        """Put the crosshair of a picture in its middle."""
        image = self.image
        if image is not None and image.ndim == 2:
            place = self.room.place.copy()
            place[-2:] = np.asarray(image.extent.world, float).mean(axis=0)
            self.room.set_place(place)

    def draw_marks(self, points: Sequence[Sequence[float]], boxes: Sequence[Sequence[Sequence[float]]]) -> None:
        """Draw the places and boxes that were marked, and, in a picture, the crosshair that marks the next."""
        marks = [Mark(tuple(place), tuple(place)) for place in points]
        marks += [Mark(tuple(first), tuple(second)) for first, second in boxes]
        self.room.set_marks(marks, aim=True)

    def close(self) -> None:
        """Let go of everything."""
        self._later.stop()
        self.actions.end()
        self.room.arranged.disconnect(self._arranged)
        self.room.guest = None
        self.viewer.layers.clear()
        self.widget.end()
        self.room.close()


def _layer(one: LayerData) -> Layer:
    data, options, kind = one
    return Layer.create(data, dict(options), kind)

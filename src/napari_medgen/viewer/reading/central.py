"""The middle of the window: the room takes the canvas's place, and gives it back as it was."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_medgen.viewer.canvas.stage import fit_view

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_SHOWN = 50  # milliseconds until a canvas that is shown again has its size


class Central:
    """Lends the middle of a main window to a widget.

    Parameters
    ----------
    window
        The main window; only what Qt itself offers is used of it.
    """

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._lent: QWidget | None = None
        self._hidden: list[QWidget] = []

    def lend(self, widget: QWidget) -> bool:
        """Show a widget where the canvas is; False where the window has no middle that could be lent."""
        middle = self._window.centralWidget()
        layout = middle.layout() if middle is not None else None
        if layout is None:
            return False
        there = [item.widget() for index in range(layout.count()) if (item := layout.itemAt(index)) is not None]
        self._hidden = [one for one in there if one is not None and not one.isHidden()]
        for one in self._hidden:
            one.hide()
        layout.addWidget(widget)
        widget.show()
        self._lent = widget
        return True

    def give_back(self) -> None:
        """Take the widget away, and show what was there."""
        widget, self._lent = self._lent, None
        try:
            middle = self._window.centralWidget()
            layout = middle.layout() if middle is not None else None
            if widget is not None:
                if layout is not None:
                    layout.removeWidget(widget)
                widget.hide()
                widget.setParent(None)
            for one in self._hidden:
                one.show()
            if layout is not None:
                layout.activate()
        except RuntimeError:
            pass  # the window is gone already
        self._hidden = []


@dataclass(frozen=True)
class CanvasState:
    """What of napari's own canvas the room changes: which way it is turned, and, by what it hangs, where it looks."""

    order: tuple[int, ...]
    ndisplay: int
    shown: tuple[Layer, ...]
    centre: tuple[float, float, float] | tuple[float, float]
    zoom: float

    @classmethod
    def of(cls, viewer: ViewerModel) -> CanvasState:
        """What it is now."""
        camera, shown = viewer.scene.camera, tuple(layer for layer in viewer.layers if layer.visible)
        return cls(tuple(viewer.dims.order), viewer.dims.ndisplay, shown, camera.center, float(camera.zoom))

    def restore(self, viewer: ViewerModel) -> None:
        """Turn the canvas as it was; look where it looked, or at the whole of what is shown now if that is another."""
        dims = viewer.dims
        if len(self.order) == dims.ndim and tuple(dims.order) != self.order:
            dims.order = self.order
        # The canvas has its size only a moment after it is shown again, and napari zooms by what it grew.
        QTimer.singleShot(_SHOWN, partial(self._look, weakref.ref(viewer)))

    def _look(self, reference: weakref.ref[ViewerModel]) -> None:
        viewer = reference()
        shown = tuple(layer for layer in viewer.layers if layer.visible) if viewer is not None else ()
        if viewer is None or not shown:
            return
        if shown == self.shown and viewer.dims.ndisplay == self.ndisplay:
            viewer.scene.camera.center, viewer.scene.camera.zoom = self.centre, self.zoom
        else:
            fit_view(viewer, shown, viewer.canvas.grid.actual_shape(viewer.layers))

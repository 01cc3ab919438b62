"""Where all views look: one zoom and one place, so that a millimetre is as long in each, unless they are parted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_medgen.viewer.reading.pane import Box, Pane

_FILLED = 0.94  # of a view, by what is fitted to it
_NEAREST, _FARTHEST = 0.2, 60.0  # zoom, where 1 fits the image
_CANVAS = (400.0, 400.0)  # height and width of a view that nothing shows yet


class Sight:
    """The cameras of a room's views.

    Parameters
    ----------
    panes, shown
        The views, and which of them are on the screen.
    changed
        Called when they look elsewhere because somebody asked.

    Attributes
    ----------
    zoom
        1 fits the image to its views.
    offset
        By how much the middle of every view is moved from that of the image, along the axes of space.
    linked
        Whether zoom and place of one view are all views'.
    """

    def __init__(
        self, panes: Callable[[], list[Pane]], shown: Callable[[], list[int]], changed: Callable[[], object]
    ) -> None:
        self._panes, self._shown, self._changed = panes, shown, changed
        self.zoom = 1.0
        self.offset: NDArray[np.float64] = np.zeros(3)
        self.linked = True
        self._canvas: dict[int, tuple[float, float]] = {}  # height and width of each view, told by what shows it
        self._fitted: dict[int, object] = {}

    # -- the canvases ---------------------------------------------------------------------------------------------------

    def size_of(self, pane: Pane) -> tuple[float, float]:
        """Height and width of a view's canvas in points."""
        return self._canvas.get(self._panes().index(pane), _CANVAS)

    def resized(self, pane: Pane, size: tuple[float, float]) -> None:
        """A view's canvas has another size."""
        if pane in self._panes() and min(size) > 1:
            index = self._panes().index(pane)
            if self._canvas.get(index) != size:
                self._canvas[index] = size
                self.fit()

    # -- where the cameras point ----------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Point all cameras: by the common zoom and place, so that a millimetre is as long in every view."""
        scale, one_scale = self.points_per_unit, self._one_scale
        for index, pane in enumerate(self._panes()):
            box = pane.box
            if box is None:
                continue
            if pane.plane.name == "3d":
                fitted = (tuple(np.round(box.low, 3)), tuple(np.round(box.high, 3)), self._canvas.get(index))
                if self._fitted.get(index) != fitted:
                    self._fitted[index] = fitted
                    pane.look_at_whole(self._canvas.get(index, _CANVAS))
                continue
            own = scale if one_scale else self._fitting(pane) * self.zoom
            base = self.first_box if one_scale else box
            middle = base.middle if base is not None else box.middle
            offset = self.offset * (1.0 if one_scale else scale / max(own, 1e-9)) + pane.own_offset
            pane.look(middle + offset[-len(middle) :], own * pane.own_zoom)

    @property
    def first_box(self) -> Box | None:
        """What the first view that shows something shows."""
        return next((box for pane in self._panes() if (box := pane.box) is not None), None)

    @property
    def _one_scale(self) -> bool:
        """Whether all views count in the same unit from the same place: volumes, and pictures that cover the same."""
        boxes = [box for pane in self._panes() if (box := pane.box) is not None]
        if not boxes or any(len(box.low) == 3 for box in boxes):
            return True
        return all(
            np.allclose(box.low, boxes[0].low, atol=0.5) and np.allclose(box.high, boxes[0].high, atol=0.5) for box in boxes
        )

    def _fitting(self, pane: Pane) -> float:
        box = pane.box
        if box is None or pane.plane.name == "3d":
            return np.inf
        high, wide = self.size_of(pane)
        vertical, horizontal = pane.plane.displayed
        return _FILLED * min(high / box.size[vertical], wide / box.size[horizontal])

    @property
    def points_per_unit(self) -> float:
        """Points of the screen that a millimetre (of a picture of unknown size, a pixel) is long."""
        panes = self._panes()
        fitting = min((self._fitting(panes[index]) for index in self._shown()), default=np.inf)
        return (fitting if np.isfinite(fitting) else 1.0) * self.zoom

    # -- what moves them ------------------------------------------------------------------------------------------------

    def look(self, zoom: float, offset: NDArray[np.float64] | None = None) -> None:
        """Begin with a zoom and a place that all views share; the cameras follow with the next :meth:`fit`."""
        self.zoom, self.offset = zoom, np.zeros(3) if offset is None else offset
        self._one_view()

    def _one_view(self) -> None:
        for pane in self._panes():
            pane.own_zoom, pane.own_offset = 1.0, np.zeros(3)

    def zoom_by(self, factor: float, pane: Pane | None = None, at: tuple[float, float] | None = None) -> None:
        """Zoom all slices; what lies under a point (right, down) of a view's canvas stays there."""
        alone = pane is not None and not self.linked
        before = pane.own_zoom if pane is not None and alone else self.zoom
        after = float(np.clip(before * factor, _NEAREST, _FARTHEST))
        if pane is not None and alone:
            pane.own_zoom = after
        else:
            self.zoom = after
        if pane is not None and at is not None and pane.plane.name != "3d":
            high, wide = self.size_of(pane)
            # What was so far from the middle is farther by the factor now.
            now = self.points_per_unit if self.linked else pane.model.scene.camera.zoom * after / before
            apart = (after / before - 1) / now
            self._move(pane, (at[0] - wide / 2) * apart, (at[1] - high / 2) * apart)
        self.fit()
        self._changed()

    def pan_by(self, pane: Pane, right: float, down: float) -> None:
        """Move the image by points of the screen, in every view."""
        scale = self.points_per_unit if self.linked else pane.model.scene.camera.zoom
        self._move(pane, -right / scale, -down / scale)
        self.fit()
        self._changed()

    def _move(self, pane: Pane, right: float, down: float) -> None:
        vertical, horizontal = pane.plane.displayed
        by = np.zeros(3)
        by[horizontal], by[vertical] = right, -down if pane.plane.upward else down
        if self.linked:
            self.offset = self.offset + by
        else:
            pane.own_offset = pane.own_offset + by

    def reset(self) -> None:
        """Fit the image to its views."""
        self.look(1.0)
        self._fitted.clear()
        for pane in self._panes():
            if pane.plane.name == "3d":
                pane.turn()
        self.fit()
        self._changed()

    def link(self, linked: bool, used: Pane | None) -> None:
        """Link zoom and place of all views, or let each go its own way; linked again, all are as the used one is."""
        if linked and not self.linked and used is not None:
            self.look(float(np.clip(self.zoom * used.own_zoom, _NEAREST, _FARTHEST)), self.offset + used.own_offset)
        self.linked = linked
        self.fit()
        self._changed()

"""Baseline, predicted frames and their change as layers: side by side, or one over the other."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.viewer.canvas.grid import leave_grid, take_grid
from napari_medgen.viewer.canvas.marks import place_mark
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import FUTURE, KEY, made_by
from napari_medgen.viewer.layers.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_medgen.imaging.provenance import Provenance

MONTHS = "months"
_CHANGE_LIMIT = 0.5
_ROLES = ("baseline", "predicted", "change", "neighbour", "neighbour later", "real", "expected")


def is_ours(layer: Layer) -> bool:
    """Whether this module made a layer."""
    return FUTURE in layer.metadata


class FutureDisplay:
    """Owns the layers of one projected image in a viewer.

    Parameters
    ----------
    viewer
        A napari viewer or ``ViewerModel``.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._layers: dict[str, Image] = {}
        self._place: dict[str, Any] = {}
        self._hidden: list[Layer] = []
        self._source: weakref.ref[Image] | None = None
        self.side_by_side = True

    def begin(
        self, plane: Plane, box: tuple[float, float, float, float], seen: NDArray[np.float32], *, same: bool = False
    ) -> None:
        """Take away what was there of another image, and show the real frame as the baseline.

        Parameters
        ----------
        plane
            The image on screen.
        box
            Top, left, bottom and right edge of what the networks see of it, in its pixels.
        seen
            (H, W) in [0, 1], as the patient's side shows it.
        same
            Whether the projection on screen is this run's own.
        """
        place = plane.part(box, (seen.shape[0], seen.shape[1]))
        again = self._source is not None and self._source() is plane.layer and place == self._place
        if again and self._layers.get("baseline") in self.viewer.layers:
            # A layer that stays costs nothing, a new one a fifth of a second.
            stay = ("baseline", "predicted") if same else ("baseline",)
            for role in [role for role, layer in self._layers.items() if layer.ndim > 2 or role not in stay]:
                self._drop(role)
        else:
            self.clear()
        self._place, self._source = place, weakref.ref(plane.layer)
        # The crop's own mark, so that the baseline of a synthetic image is marked as synthetic too.
        own = {KEY: plane.layer.metadata[KEY]} if KEY in plane.layer.metadata else {}
        self._put("baseline", seen, "baseline", own, _grey())
        self._arrange()

    def show_projection(self, image: NDArray[np.float32], provenance: Provenance) -> None:
        """The projection (H, W) as it comes, in the place of the prediction."""
        self._put("predicted", image, "projection", made_by(provenance), _grey())
        self._arrange()

    def show_frames(self, frames: NDArray[np.float32], step: float, name: str, provenance: Provenance) -> None:
        """Predicted frames (T, H, W) and their change from the first; NaN where there is none yet."""
        known = np.nan_to_num(frames, nan=0.0)
        before = dict(self._layers)
        predicted = before.get("predicted")
        options = {"scale": (step, *self._place["scale"]), "translate": (0.0, *self._place["translate"])}
        options |= {"units": ("month", *self._place["units"]), "axis_labels": (MONTHS, *self._place["axis_labels"])}
        self._put("predicted", known, name, made_by(provenance), _grey() | options)
        # A new layer holds the window for a fifth of a second, so the two come one after the other where there is time.
        if (predicted is not None and predicted.ndim > 2) or not np.isnan(frames).any():
            change = np.nan_to_num(frames - frames[:1], nan=0.0)
            diverging = {"colormap": "RdBu_r", "contrast_limits": (-_CHANGE_LIMIT, _CHANGE_LIMIT)}
            self._put("change", change, "change", made_by(provenance), diverging | options)
        if before != self._layers:
            self._arrange()
            self.show_month(self.month if "change" in before else 0.0)

    def show_pair(self, roles: tuple[str, str], pair: list[tuple[str, NDArray[np.float32], dict[str, Any]]]) -> None:
        """Two more images (H, W) below: a neighbour's visits, or the real and the expected second visit."""
        for role in _ROLES[3:]:
            self._drop(role)
        for role, (name, image, metadata) in zip(roles, pair, strict=True):
            self._put(role, image, name, metadata, _grey())
        self.side_by_side = True
        self._arrange()

    def arrange(self, *, side_by_side: bool) -> None:
        """Side by side, or the prediction over the baseline."""
        self.side_by_side = side_by_side
        self._arrange()

    def blink(self) -> None:
        """Show the baseline where the prediction is, or the prediction again."""
        predicted = self._layers.get("predicted")
        if predicted is None:
            return
        if self.side_by_side:
            self.arrange(side_by_side=False)
        else:
            predicted.visible = not predicted.visible

    def show_month(self, months: float) -> None:
        """Move the viewer's own slider."""
        if "change" in self._layers:
            self.viewer.dims.set_point(0, months)

    @property
    def month(self) -> float:
        """The month on screen; 0 where there are no frames."""
        return float(self.viewer.dims.point[0]) if "change" in self._layers else 0.0

    @property
    def there(self) -> bool:
        """Whether the predicted frames are still in the viewer."""
        return self._layers.get("change") in self.viewer.layers and self._layers.get("predicted") in self.viewer.layers

    def clear(self) -> None:
        """Take everything away and show what was there before."""
        had = bool(self._layers)
        for role in _ROLES:
            self._drop(role)
        if had:
            self._grid(0)
        self._show_hidden()

    def _show_hidden(self) -> None:
        for layer in self._hidden:
            if layer in self.viewer.layers:
                layer.visible = True
        self._hidden = []

    def tidy(self) -> None:
        """Forget layers that were removed by hand."""
        gone = [role for role, layer in self._layers.items() if layer not in self.viewer.layers]
        for role in gone:
            del self._layers[role]
        if gone and self._layers:
            self._arrange()
        elif gone:
            self._grid(0)
            self._show_hidden()

    def _put(
        self, role: str, data: NDArray[np.float32], name: str, metadata: dict[str, Any], options: dict[str, Any]
    ) -> None:
        old = self._layers.get(role)
        if old is not None and old in self.viewer.layers and old.ndim == data.ndim:
            old.data = data
            old.name = name
            old.metadata = {FUTURE: role} | metadata
            for key in ("scale", "translate"):
                if key in options:
                    setattr(old, key, options[key])
            return
        self._drop(role)
        kept = self._place | options
        layer = add_image(self.viewer, data, name=name, metadata={FUTURE: role} | metadata, rgb=False, **kept)
        layer.name_overlay.position, layer.name_overlay.font_size = "top_center", 8
        self._layers[role] = layer

    def _drop(self, role: str) -> None:
        layer = self._layers.pop(role, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _arrange(self) -> None:
        # Any other image would take a cell of the grid, or lie over the baseline.
        others = [layer for layer in self.viewer.layers if layer.visible and not is_ours(layer)]
        self._hidden += [layer for layer in others if layer not in self._hidden]
        for layer in others:
            layer.visible = False
        roles = [role for role in _ROLES if role in self._layers]
        pair = [role for role in roles if role in _ROLES[3:]]
        over = not self.side_by_side and "predicted" in roles
        for role in roles:
            layer = self._layers[role]
            layer.visible = not over or role in ("baseline", "predicted")
            layer.name_overlay.visible = not over
        # Cells of the grid are filled in the order of the layers.
        for place, role in enumerate(roles):
            if (now := self.viewer.layers.index(self._layers[role])) != place:
                self.viewer.layers.move(now, place)
        _link(self._layers.get("baseline"), self._layers.get("predicted"))
        change = self._layers.get("change")
        if change is not None:
            change.colorbar.position = "bottom_left"
            change.colorbar.visible = not over and not pair  # two rows leave no room for it
        first = len([role for role in roles if role in _ROLES[:3]])
        self._grid(0 if over else first, 2 if pair else 1)
        if "predicted" in self._layers:
            self.viewer.layers.selection.active = self._layers["predicted"]
        self.viewer.reset_view()

    def _give_up(self) -> None:
        """Leave on one picture what can lie there: the prediction over the baseline."""
        # Whoever gives up may have been closed long ago, and its layers removed since.
        self._layers = {role: layer for role, layer in self._layers.items() if layer in self.viewer.layers}
        if self._layers:
            self.arrange(side_by_side=False)

    def _grid(self, columns: int, rows: int = 1) -> None:
        if columns < 2:
            leave_grid(self.viewer, id(self))
        else:
            give_up = weakref.WeakMethod(self._give_up)
            take_grid(self.viewer, id(self), lambda: _call(give_up()), shape=(rows, columns))
        place_mark(self.viewer, "bottom_left" if columns > 1 else "top_left")  # the captions are at the top


def _call(function: Callable[[], None] | None) -> None:
    if function is not None:
        function()


def _grey() -> dict[str, Any]:
    return {"colormap": "gray", "contrast_limits": (0.0, 1.0), "interpolation2d": "linear"}


def _link(first: Image | None, second: Image | None) -> None:
    from napari.experimental import link_layers

    if first is not None and second is not None:
        link_layers([first, second], ("contrast_limits", "gamma"))

"""One view: a napari model of its own, whose layers follow those of the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.utils.camera_orientations import HorizontalAxisOrientation, VerticalAxisOrientation
from numpy.typing import NDArray

from napari_medgen.imaging.hanging import PlaneName, SlabKind
from napari_medgen.viewer.canvas.orientation import order_of
from napari_medgen.viewer.reading.planes import PLANES, Plane, is_volume
from napari_medgen.viewer.reading.twins import Twin

if TYPE_CHECKING:
    from napari.layers import Image, Layer

_PROJECTIONS: dict[SlabKind, str] = {"mean": "mean", "mip": "max", "minip": "min"}
_FILLED_3D = 0.8  # of a view, by the longest side: what is turned needs room
_KEPT_HIDDEN = 4  # layers that were hidden a moment ago and may be shown again


@dataclass(frozen=True)
class Box:
    """Lowest and highest place of what a view shows, along its last three axes (two for a picture), in world units."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def middle(self) -> NDArray[np.float64]:
        """Its middle."""
        return (self.low + self.high) / 2

    @property
    def size(self) -> NDArray[np.float64]:
        """Its lengths, never zero."""
        return np.maximum(self.high - self.low, 1e-6)


class Pane:
    """A view of some of the viewer's layers.

    Parameters
    ----------
    muted
        Whether the viewer is only moving its own sliders, so that no layer has become another.

    Attributes
    ----------
    model
        Its napari model.
    plane
        What it shows of them.
    sources
        The viewer's layers that it shows, from below.
    caption
        What stands over it.
    shift
        By how much its images are moved against the common crosshair, where they lie in another place than the first ones.
    own_zoom, own_offset
        What this view was zoomed and moved by, beside what all were, while they are not linked.
    """

    def __init__(self, muted: Callable[[], bool] = lambda: False) -> None:
        self.model = ViewerModel()
        self._muted = muted
        self.plane: Plane = PLANES["axial"]
        self.sources: tuple[Layer, ...] = ()
        self.caption = ""
        self.shift: NDArray[np.float64] = np.zeros(3)
        self.own_zoom, self.own_offset = 1.0, np.zeros(3)
        self._twins: dict[Layer, Twin] = {}
        self._slab: tuple[float, SlabKind] = (0.0, "mip")

    # -- what it shows --------------------------------------------------------------------------------------------------

    def show(self, sources: Sequence[Layer], plane: PlaneName) -> None:
        """Show layers of the viewer, from below."""
        wanted = PLANES[plane]
        whole = wanted.name == "3d"
        if whole != (self.plane.name == "3d"):
            self._drop(list(self._twins))  # a view of the whole has coarser twins
        changed_plane, self.plane = wanted is not self.plane, wanted
        # A layer in which nothing was drawn yet lies nowhere.
        self.sources = tuple(source for source in sources if np.isfinite(source.extent.world).all())
        for source, twin in list(self._twins.items()):
            if twin.stale:
                self._drop([source])
        for source in self.sources:
            if source not in self._twins and not self._reuse(source):
                self._add(source, whole)
        hidden = [source for source in self._twins if source not in self.sources]
        self._drop(hidden[: max(0, len(hidden) - _KEPT_HIDDEN)])
        for source, twin in self._twins.items():
            seen = source in self.sources
            if twin.layer.visible != seen:
                twin.layer.visible = seen
        own = {twin.layer for twin in self._twins.values()}
        for layer in [layer for layer in self.model.layers if layer not in own and layer.visible]:
            layer.visible = False  # two pictures in one, that are over
        self._order()
        if changed_plane or self.model.dims.ndisplay != (3 if whole else 2):
            self.turn()
        self._apply_slab()

    def _reuse(self, source: Layer) -> bool:
        """Let a twin that is not seen follow a layer that is."""
        for old, twin in self._twins.items():
            if old not in self.sources and twin.can_follow(source):
                del self._twins[old]
                self._twins[source] = twin
                twin.follow(source)
                return True
        return False

    def forget(self, source: Layer) -> None:
        """Drop what follows a layer that is gone."""
        self._drop([source])
        self.sources = tuple(one for one in self.sources if one is not source)

    def clear(self) -> None:
        """Follow nothing."""
        self._drop(list(self._twins))
        self.sources = ()

    def _add(self, source: Layer, whole: bool) -> None:
        twin = self._twins[source] = Twin(source, whole=whole, muted=self._muted)
        before = self.model.dims.ndim
        self.model.layers.append(twin.layer)
        if self.model.dims.ndim != before or len(self._twins) == 1:
            self.turn()

    def _drop(self, sources: Sequence[Layer]) -> None:
        for source in sources:
            twin = self._twins.pop(source, None)
            if twin is not None:
                twin.close()
                if twin.layer in self.model.layers:
                    self.model.layers.remove(twin.layer)

    def _order(self) -> None:
        layers = self.model.layers
        wanted = [self._twins[source].layer for source in self.sources]
        now = [layer for layer in layers if layer in wanted]
        if now != wanted:
            for place, layer in enumerate(wanted):
                if (index := layers.index(layer)) != place:
                    layers.move(index, place)

    def turn(self) -> None:
        """Show its plane's axes, and the whole from the front."""
        dims = self.model.dims
        dims.ndisplay = 3 if self.plane.name == "3d" and dims.ndim > 2 else 2
        through = self.plane.through
        order = order_of(dims.ndim, through) if through is not None and dims.ndim > 2 else tuple(range(dims.ndim))
        if tuple(dims.order) != order:
            dims.order = order
        camera = self.model.scene.camera
        vertical = VerticalAxisOrientation.UP if self.plane.upward else VerticalAxisOrientation.DOWN
        camera.orientation2d = (vertical, HorizontalAxisOrientation.RIGHT)
        if self.plane.name == "3d":
            # Depth away from the reader: with napari's own towards them, (S, P, L) would be mirrored.
            camera.orientation = ("away", "down", "right")  # type: ignore[assignment]
            # From the front, the head up: the viewer looks along P, and S is up.
            camera.set_view_direction(view_direction=(0, 1, 0), up_direction=(1, 0, 0))

    # -- where it looks -------------------------------------------------------------------------------------------------

    @property
    def axes(self) -> int:
        """How many axes of space it counts with: three of a volume, two of a picture."""
        return 3 if any(is_volume(source) for source in self.sources) else 2

    @property
    def box(self) -> Box | None:
        """What it shows, in the world; None where it shows nothing."""
        extents = [
            np.asarray(source.extent.world, float)[:, -self.axes :] for source in self.sources if source.ndim >= self.axes
        ]
        steps = [np.asarray(source.extent.step, float)[-self.axes :] for source in self.sources if source.ndim >= self.axes]
        if not extents:
            return None
        low = np.min([extent[0] - step / 2 for extent, step in zip(extents, steps, strict=True)], axis=0)
        high = np.max([extent[1] + step / 2 for extent, step in zip(extents, steps, strict=True)], axis=0)
        return Box(low, high)

    def set_point(self, place: NDArray[np.float64]) -> None:
        """Show the slice at a place: world coordinates of the viewer, the last axes being those of space."""
        dims = self.model.dims
        own = np.zeros(dims.ndim)
        count = min(dims.ndim, len(place))
        own[dims.ndim - count :] = place[len(place) - count :]
        if dims.ndim >= 3 and self.axes == 3:
            own[-3:] += self.shift
        axes = [axis for axis in dims.not_displayed if not np.isclose(dims.point[axis], own[axis])]
        if axes:
            dims.set_point(axes, [float(own[axis]) for axis in axes])

    def set_slab(self, thickness: float, kind: SlabKind) -> None:
        """Show so many millimetres of slices as one; 0 is a single slice."""
        self._slab = (thickness, kind)
        self._apply_slab()

    def _apply_slab(self) -> None:
        from napari.layers import Image

        thickness, kind = self._slab
        dims, through = self.model.dims, self.plane.through
        margins = [0.0] * dims.ndim
        if through is not None and dims.ndim > 2:
            margins[dims.ndim - 3 + through] = thickness / 2
        thick = any(margins)
        for twin in self._twins.values():
            mode = _PROJECTIONS[kind] if thick else "none"
            if isinstance(twin.layer, Image) and str(twin.layer.projection_mode) != mode:
                twin.layer.projection_mode = mode
        if tuple(dims.margin_left) != tuple(margins):
            dims.margin_left = dims.margin_right = tuple(margins)

    def look(self, centre: NDArray[np.float64], zoom: float) -> None:
        """Point the camera: the place in its middle, along the last axes, and canvas points a world unit."""
        camera = self.model.scene.camera
        if self.plane.name == "3d":
            return
        vertical, horizontal = self.plane.displayed
        own = centre + self.shift if len(centre) == 3 else centre
        wanted = (0.0, float(own[vertical]), float(own[horizontal]))
        if not np.allclose(camera.center[-2:], wanted[1:]):
            camera.center = wanted
        if not np.isclose(camera.zoom, zoom):
            camera.zoom = zoom

    def look_at_whole(self, size: tuple[float, float]) -> None:
        """Fit the view of the whole to its canvas (height, width), as it is turned."""
        box = self.box
        if box is not None and self.plane.name == "3d":
            camera = self.model.scene.camera
            depth, vertical, horizontal = (float(value) for value in box.middle[-3:])
            camera.center = (depth, vertical, horizontal)
            camera.zoom = _FILLED_3D * min(size) / float(box.size.max())

    # -- where things are on its canvas ---------------------------------------------------------------------------------

    def to_canvas(self, place: NDArray[np.float64], size: tuple[float, float]) -> tuple[float, float]:
        """Where a place along the last axes is on a canvas (height, width): right and down from its corner, in points."""
        camera = self.model.scene.camera
        high, wide = size
        own = place + self.shift if len(place) == 3 else place
        if self.plane.name == "3d":
            right, up = self.screen_axes()
            apart = own[-3:] - np.asarray(camera.center)
            return wide / 2 + float(apart @ right) * camera.zoom, high / 2 - float(apart @ up) * camera.zoom
        vertical, horizontal = self.plane.displayed
        down = -1.0 if self.plane.upward else 1.0
        across = (own[horizontal] - camera.center[-1]) * camera.zoom
        return wide / 2 + across, high / 2 + down * (own[vertical] - camera.center[-2]) * camera.zoom

    def from_canvas(
        self, right: float, down: float, size: tuple[float, float], place: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The place under a point of the canvas; along the axis that goes through the view it is that of ``place``."""
        camera = self.model.scene.camera
        high, wide = size
        vertical, horizontal = self.plane.displayed
        found = np.array(place, float)
        shift = self.shift if len(found) >= 3 and self.axes == 3 else np.zeros(3)
        upward = -1.0 if self.plane.upward else 1.0
        found[horizontal] = camera.center[-1] + (right - wide / 2) / camera.zoom - shift[horizontal]
        found[vertical] = camera.center[-2] + upward * (down - high / 2) / camera.zoom - shift[vertical]
        return found

    def screen_axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Directions in the world that point right and up on the screen of a view of the whole."""
        camera = self.model.scene.camera
        view, up = np.asarray(camera.view_direction, float), np.asarray(camera.up_direction, float)
        # The world's last axis is x: (L, P, S) is a right-handed system, and so is what napari shows.
        return np.cross(view[::-1], up[::-1])[::-1], up

    # -- its images -----------------------------------------------------------------------------------------------------

    @property
    def images(self) -> list[Image]:
        """The viewer's images that it shows, the uppermost first."""
        from napari.layers import Image

        return [source for source in reversed(self.sources) if isinstance(source, Image)]

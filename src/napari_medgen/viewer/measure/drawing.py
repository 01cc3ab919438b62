"""The tool that is on: it has the left mouse button over an image, and shows what is half drawn."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.imaging.measurements import Drawn, Kind
from napari_medgen.viewer.canvas.touch import Tap, touch_of
from napari_medgen.viewer.layers.adding import add_shapes
from napari_medgen.viewer.layers.measured import measurable, measured_layer, shape_of_image
from napari_medgen.viewer.measure.pencil import Pencil

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Shapes

_NEAR = 6.0  # points of the screen that are taken for one place
_SKETCH = "being drawn"


class Drawing:
    """Draws one measurement after the other on an image.

    Parameters
    ----------
    viewer
        Whose pictures are drawn on.
    working
        What is changed within it is no wish of the user's.
    finished
        Called with what was drawn.
    sorry
        Called where it cannot be.
    displaced
        Called when another widget's tool takes the button.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        working: Callable[[], AbstractContextManager[None]],
        finished: Callable[[Image, Drawn], None],
        sorry: Callable[[Exception], None],
        displaced: Callable[[], None],
    ) -> None:
        self._viewer, self._working, self._finished, self._sorry = viewer, working, finished, sorry
        self._displaced = displaced
        self.touch = touch_of(viewer)
        self._image: weakref.ref[Image] | None = None
        self._pencil: Pencil | None = None
        self._plane: tuple[int, int] = (0, 1)
        self._sketch: Shapes | None = None
        # Whose picture is not moved by dragging now, and whether it could be before.
        self._held: tuple[weakref.ref[Layer], bool] | None = None

    @property
    def on(self) -> bool:
        """Whether there is a tool."""
        return self._pencil is not None

    def take_up(self, kind: Kind, image: Image, over: Layer) -> None:
        """Draw measurements of a kind on an image from now on.

        Parameters
        ----------
        over
            The layer that is made the active one: what is dragged over its picture is a line, and not the picture.
        """
        self.put_down()
        self.touch.take(self._tapped, self._displaced)
        self._image, self._pencil = weakref.ref(image), Pencil(kind)
        with self._working():
            self._viewer.layers.selection.active = over
        self.hold(over)

    @property
    def image(self) -> Image | None:
        """What is drawn on."""
        return self._image() if self._image is not None else None

    def hold(self, layer: Layer) -> None:
        """Another layer is the active one now: its picture is not moved by dragging."""
        self._let_go()
        self._held, layer.mouse_pan = (weakref.ref(layer), bool(layer.mouse_pan)), False

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None and (layer := held[0]()) is not None:
            layer.mouse_pan = held[1]

    def put_down(self) -> None:
        """Draw no more; what is half drawn is gone."""
        self.touch.leave(self._tapped)
        self._pencil = self._image = None
        self._drop_sketch()
        self._let_go()

    def give_up(self) -> bool:
        """Forget what is half drawn, and go on; whether there was something."""
        begun = self._pencil is not None and self._pencil.begun
        if begun:
            self._begin_anew()
        return begun

    def _begin_anew(self) -> Pencil:
        before = cast(Pencil, self._pencil)
        self._pencil = Pencil(before.kind)
        self._drop_sketch()
        return self._pencil

    def _tapped(self, tap: Tap) -> None:
        image, pencil = self._image() if self._image is not None else None, self._pencil
        if image is None or pencil is None or image not in self._viewer.layers:
            return
        found = _place(image, tap)
        if found is None:
            return
        place, plane = found
        if not measurable(image, plane):
            self._sorry(ImageError("Nothing is measured in this plane: one of its axes is no length, or of another unit."))
            return
        if pencil.begun and (plane != self._plane or _elsewhere(place, pencil.points[0], plane)):
            pencil = self._begin_anew()  # it was begun in another slice
        self._plane = plane
        reach = _NEAR * tap.point / float(np.min(np.abs(np.asarray(image.scale)[list(plane)])))
        whole = False
        if tap.what == "press":
            whole = pencil.press(place, reach)
        elif tap.what == "release":
            whole = pencil.release(place, reach)
        elif tap.what == "double":
            whole = pencil.double()
        elif pencil.begun and tap.live:
            pencil.move(place)
        else:
            return
        if whole:
            self._finish(image, pencil)
        else:
            self._show_sketch(image, pencil)

    def _finish(self, image: Image, pencil: Pencil) -> None:
        try:
            item = Drawn(pencil.kind, pencil.result(self._plane), self._plane)
        except MedGenError as error:
            self._sorry(error)
        else:
            self._finished(image, item)
        finally:
            if self._pencil is pencil:
                self._begin_anew()

    def _show_sketch(self, image: Image, pencil: Pencil) -> None:
        points = pencil.sketch
        if len(points) < 2:
            return
        shape = "path"
        if pencil.kind == "ellipse":
            drawn = Pencil("ellipse")
            drawn.points = list(points[:2])
            points, shape = drawn.result(self._plane), "ellipse"
        with self._working():
            if self._sketch is not None and self._sketch in self._viewer.layers:
                self._sketch.data = [(points, shape)]
                return
            _, options = measured_layer(image)
            options |= {"name": _SKETCH, "metadata": {}, "shape_type": shape}
            for key in ("features", "text"):
                options.pop(key)
            active = self._viewer.layers.selection.active
            self._sketch = add_shapes(self._viewer, [points], **options)
            self._viewer.layers.selection.active = active

    def _drop_sketch(self) -> None:
        sketch, self._sketch = self._sketch, None
        if sketch is not None and sketch in self._viewer.layers:
            with self._working():
                active = self._viewer.layers.selection.active
                self._viewer.layers.remove(sketch)
                if active is not sketch and active in self._viewer.layers:
                    self._viewer.layers.selection.active = active


def _place(image: Image, tap: Tap) -> tuple[NDArray[np.float64], tuple[int, int]] | None:
    """Where a tap is in the image's indices, and the plane; None where that slice is none of the image's."""
    axes = image.ndim
    if max(-axis for axis in tap.shown) > axes or len(tap.world) < axes:
        return None
    place = np.asarray(image.world_to_data(tap.world[-axes:]), float)
    rows, columns = (axes + axis for axis in tap.shown)
    shape = shape_of_image(image)
    for axis in range(axes):
        if axis not in (rows, columns):
            place[axis] = round(float(place[axis]))
            if not 0 <= place[axis] < shape[axis]:
                return None
    return place, (rows, columns)


def _elsewhere(one: NDArray[np.float64], other: NDArray[np.float64], plane: tuple[int, int]) -> bool:
    across = [axis for axis in range(len(one)) if axis not in plane]
    return bool((one[across] != other[across]).any())

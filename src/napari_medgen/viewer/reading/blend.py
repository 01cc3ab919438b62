"""Two images laid into one view: swipe, checkerboard, blink and difference, also where their grids differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.imaging.compare import Grid, checkerboard, difference, grey, on_grid, swipe
from napari_medgen.saliency.colours import signed_colours
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.reading.pane import Pane
from napari_medgen.viewer.reading.planes import grid_of, is_volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

BlendKind = Literal["swipe", "checkerboard", "blink", "difference"]
_DIFFERENCE = Colormap(signed_colours(), name="medgen difference", nan_color=(0, 0, 0, 0))
_EMPTY = np.zeros((2, 2), np.float32)


class Blend:
    """Two images in one view.

    Parameters
    ----------
    kind
        How they are laid into one.
    first, second
        The images; the second is brought to the first one's grid.

    Attributes
    ----------
    at
        Where the line of a swipe is, from 0 to 1.
    swapped
        Whether a blink shows the second image.
    """

    def __init__(self, kind: BlendKind, first: Image, second: Image) -> None:
        self.kind, self.first, self.second = kind, first, second
        self.at, self.swapped = 0.5, False
        self._made: Image | None = None

    def is_there(self, viewer: ViewerModel) -> bool:
        """Whether both images are still in the viewer."""
        return self.first in viewer.layers and self.second in viewer.layers

    @property
    def seen(self) -> Image:
        """The image whose window and colours the picture has: of a blink, the one that is shown."""
        return self.second if self.kind == "blink" and self.swapped else self.first

    @property
    def limits(self) -> tuple[float, float]:
        """The scale of a difference: as much below zero as above, the wider of the two windows."""
        widest = max(float(layer.contrast_limits[1] - layer.contrast_limits[0]) for layer in (self.first, self.second))
        return -widest / 2, widest / 2

    def across(self, pane: Pane) -> tuple[float, float]:
        """Left and right border of the first image in a view's world."""
        extent = np.asarray(self.first.extent.world, float)[:, pane.plane.displayed[1]]
        half = float(np.asarray(self.first.extent.step)[pane.plane.displayed[1]]) / 2
        return float(extent[0]) - half, float(extent[1]) + half

    def update(self, panes: Sequence[Pane], place: NDArray[np.float64]) -> None:
        """Make the picture of the slice that is shown; the first view shows it."""
        pane, shift = panes[0], panes[1].shift if len(panes) > 1 else np.zeros(3)
        picture, grid, origin = self._slices(pane, place, shift)
        if picture is None:  # neither image is here: nothing, and not the slice before
            picture = np.full(grid.shape, np.nan if self.kind == "difference" else 0.0, np.float32)
        model = pane.model
        vertical, horizontal = pane.plane.displayed
        ndim = model.dims.ndim
        scale, translate = np.ones(ndim), np.zeros(ndim)
        for axis, where in ((vertical, 0), (horizontal, 1)):
            scale[axis], translate[axis] = grid.step[where], grid.first[where]
        through = pane.plane.through
        if through is not None:
            translate[through - 3] = origin
        shape = [1] * ndim
        shape[vertical], shape[horizontal] = picture.shape
        data = picture.reshape(shape)
        if self._made is None or self._made not in model.layers or self._made.ndim != data.ndim:
            self._made = self._layer(pane, data, scale, translate)
        else:
            self._made.scale = scale
            self._made.translate = translate
            self._made.data = data
        if self.kind == "difference":
            self._made.contrast_limits = self.limits
        elif self._made.colormap is not self.seen.colormap:
            self._made.colormap = self.seen.colormap
        for layer in model.layers:
            seen = layer is self._made
            if layer.visible != seen:
                layer.visible = seen
        model.dims.set_point(model.dims.not_displayed, [float(translate[axis]) for axis in model.dims.not_displayed])

    def _layer(
        self, pane: Pane, data: NDArray[np.float32], scale: NDArray[np.float64], translate: NDArray[np.float64]
    ) -> Image:
        from napari.layers import Image

        signed = self.kind == "difference"
        made = Image(
            data,
            name=self.kind,
            rgb=False,
            scale=[float(step) for step in scale],
            translate=[float(place) for place in translate],
            units=self.first.units[-data.ndim :] if len(self.first.units) >= data.ndim else None,
            contrast_limits=self.limits if signed else (0.0, 1.0),
            interpolation2d="nearest" if self.kind == "checkerboard" else "linear",
        )
        made.colormap = _DIFFERENCE if signed else self.first.colormap
        pane.model.layers.append(made)
        return made

    def _slices(
        self, pane: Pane, place: NDArray[np.float64], shift: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32] | None, Grid, float]:
        first, grid, origin = _slice(self.first, pane, place, np.zeros(3))
        second, own, _ = _slice(self.second, pane, place, shift)
        if first is None and second is None:
            return None, grid, origin
        nothing = np.full(grid.shape, np.nan, np.float32)
        first = nothing if first is None else first
        other = nothing if second is None else on_grid(second, own, grid)
        if self.kind == "difference":
            return difference(first, other), grid, origin
        one, other = grey(first, _limits(self.first)), grey(other, _limits(self.second))
        one, other = np.nan_to_num(one, nan=0.0), np.nan_to_num(other, nan=0.0)
        if self.kind == "blink":
            return (other if self.swapped else one), grid, origin
        if self.kind == "swipe":
            return swipe(one, other, self.at), grid, origin
        return checkerboard(one, other), grid, origin

    def close(self, panes: Sequence[Pane]) -> None:
        """Take the picture away, and show what was there."""
        for pane in panes:
            if self._made is not None and self._made in pane.model.layers:
                pane.model.layers.remove(self._made)
            pane.show(pane.sources, pane.plane.name)
        self._made = None


def _limits(layer: Image) -> tuple[float, float]:
    low, high = layer.contrast_limits
    return float(low), float(high)


def _slice(
    layer: Image, pane: Pane, place: NDArray[np.float64], shift: NDArray[np.float64]
) -> tuple[NDArray[np.float32] | None, Grid, float]:
    """The slice of an image in a view's plane, its grid in the view's world, and where it lies; None outside the image."""
    first, scale = grid_of(layer) or (np.zeros(layer.ndim), np.ones(layer.ndim))
    data = finest(layer)
    vertical, horizontal = pane.plane.displayed
    index: list[int | slice] = [slice(None)] * layer.ndim
    own = np.zeros(layer.ndim)
    count = min(layer.ndim, len(place))
    own[layer.ndim - count :] = place[len(place) - count :]
    moved = is_volume(layer) and layer.ndim >= 3
    if moved:
        own[-3:] += shift
    inside, origin = True, 0.0
    for axis in range(layer.ndim):
        if axis - layer.ndim in (vertical, horizontal):
            continue
        step = int(np.floor((own[axis] - first[axis]) / scale[axis] + 0.5))
        inside = inside and 0 <= step < np.shape(data)[axis]
        index[axis] = min(max(step, 0), np.shape(data)[axis] - 1)
        origin = float(first[axis] + scale[axis] * float(index[axis]))  # type: ignore[arg-type]
    picture = np.asarray(data[tuple(index)], np.float32)
    back = shift if moved else np.zeros(3)
    grid = Grid(
        (picture.shape[0], picture.shape[1]),
        (float(first[vertical] - back[vertical]), float(first[horizontal] - back[horizontal])),
        (float(scale[vertical]), float(scale[horizontal])),
    )
    return (picture if inside else None), grid, origin

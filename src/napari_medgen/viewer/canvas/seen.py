"""Which images of a viewer can be seen: not hidden, not covered, and cut by the slice on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

_COVERING = ("translucent", "translucent_no_depth", "opaque")
_OPAQUE = 0.999


def cells(viewer: ViewerModel) -> list[list[Layer]]:
    """The visible layers of each cell of the grid, from below; all of them in one cell where there is no grid."""
    layers, grid = viewer.layers, viewer.canvas.grid
    if not grid.enabled:
        return [[layer for layer in layers if layer.visible]]
    rows, columns = grid.actual_shape(layers)
    found: list[list[Layer]] = [[] for _ in range(rows * columns)]
    for index, layer in enumerate(layers):
        if layer.visible:
            row, column = grid.position(index, layers)
            found[row * columns + column].append(layer)
    return [cell for cell in found if cell]


def seen_images(viewer: ViewerModel, layers: Sequence[Layer]) -> list[Image]:
    """Those of the layers of one cell, given from below, that are images and can be seen; the uppermost first."""
    from napari.layers import Image

    covers: list[NDArray[np.float64]] = []
    seen = []
    for layer in reversed(layers):
        if not isinstance(layer, Image) or not layer.visible or layer.opacity == 0:
            continue
        box = _box(viewer, layer)
        if box is None or any(_within(box, cover) for cover in covers):
            continue
        seen.append(layer)
        if viewer.dims.ndisplay == 2 and _covers(layer):
            covers.append(box)
    return seen


def _box(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64] | None:
    """Lower and upper border along the shown axes, (2, shown); None where the slice misses the layer."""
    extent = np.asarray(layer.extent.world, float)
    before = viewer.dims.ndim - layer.ndim
    shown = [axis - before for axis in viewer.dims.displayed if axis >= before]
    for axis in viewer.dims.not_displayed:
        if axis < before:
            continue
        low, high = extent[:, axis - before]
        step = float(np.asarray(layer.extent.step)[axis - before])
        if not low - step / 2 <= viewer.dims.point[axis] <= high + step / 2:
            return None
    return extent[:, shown]


def _within(inner: NDArray[np.float64], outer: NDArray[np.float64]) -> bool:
    if inner.shape != outer.shape:
        return False
    slack = 1e-6 * np.maximum(np.abs(outer).max(), 1.0)
    return bool((inner[0] >= outer[0] - slack).all() and (inner[1] <= outer[1] + slack).all())


def _covers(layer: Image) -> bool:
    """Whether nothing shines through an image."""
    if layer.opacity < _OPAQUE or str(layer.blending) not in _COVERING:
        return False
    linear = np.asarray(layer._transforms[1:].simplified.linear_matrix)
    if (np.count_nonzero(np.abs(linear) > 1e-9, axis=0) > 1).any():  # turned: its extent is more than it covers
        return False
    if layer.rgb:
        return bool(np.shape(layer.data)[-1] == 3)
    return bool(np.asarray(layer.colormap.colors)[:, 3].min() >= _OPAQUE)

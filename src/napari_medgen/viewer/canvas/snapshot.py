"""What is on the canvas, as the pictures of a figure: the shown slices in their colours, with what stands beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.components.overlays import TextOverlay
from numpy.typing import NDArray

from napari_medgen.imaging.figure import Bar, Picture, Sheet
from napari_medgen.viewer.canvas.captions import caption_of
from napari_medgen.viewer.canvas.marks import mark_in
from napari_medgen.viewer.canvas.seen import cells
from napari_medgen.viewer.layers.owner import UNIT, provenance_of
from napari_medgen.viewer.layers.place import millimetres

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

_FINER = 2  # times the screen's pixels, for a canvas that is photographed
Box = tuple[float, float, float, float]


def snapshot(viewer: ViewerModel) -> list[list[Picture]]:
    """The pictures on the canvas, row by row; each shows what its cell shows of the layers, zoomed and cut as on screen.

    Returns
    -------
    list of list of Picture
        Empty where nothing is shown. The whole canvas is one picture, as the graphics card draws it, where it shows three
        dimensions, a drawing, a mask, or an image that is turned or blended in another way than by covering.
    """
    from napari.layers import Image

    grid = viewer.canvas.grid
    shape = grid.actual_shape(viewer.layers) if grid.enabled else (1, 1)
    simple = viewer.dims.ndisplay == 2 and all(_is_simple(layer) for layer in viewer.layers if layer.visible)
    if not simple and (taken := _screenshot(viewer)):
        return taken
    found = [_picture(viewer, [one for one in cell if isinstance(one, Image)], shape) for cell in cells(viewer)]
    pictures = [one for one in found if one is not None]
    return [pictures[start : start + shape[1]] for start in range(0, len(pictures), shape[1])]


def about(viewer: ViewerModel) -> dict[str, str]:
    """What the file of a figure says of where its images come from."""
    made = {provenance_of(layer).summary for layer in viewer.layers if layer.visible}
    return {"images": "; ".join(sorted(made - {""})), "notice": "Not for diagnosis."}


def _is_simple(layer: Layer) -> bool:
    """Whether a layer is an image that lies straight and covers what is below it."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        return False
    linear = np.asarray(layer._transforms[1:].simplified.linear_matrix)
    straight = bool((np.count_nonzero(np.abs(linear) > 1e-9, axis=0) <= 1).all()) and bool(np.diag(linear).all())
    return straight and str(layer.blending) in ("translucent", "translucent_no_depth", "opaque")


def _picture(viewer: ViewerModel, layers: list[Image], shape: tuple[int, int]) -> Picture | None:
    sheets = [(layer, sheet) for layer in layers if (sheet := _sheet(viewer, layer)) is not None]
    if not sheets:
        return None
    boxes = np.array([sheet.box for _, sheet in sheets])
    left, right = boxes[:, :2].min(), boxes[:, :2].max()
    bottom, top = boxes[:, 2:].max(), boxes[:, 2:].min()
    window = _cut((left, right, bottom, top), viewer, shape)
    upward = "up" in str(viewer.scene.camera.orientation2d[0]).lower()
    units = {tuple(str(unit) for unit in layer.units[-2:]) for layer in layers}
    lengths = millimetres(next(iter(units))) if len(units) == 1 else None  # napari draws mixed units as bare numbers
    captions = [text for layer in reversed(layers) if (text := caption_of(layer))]
    return Picture(
        sheets=[sheet for _, sheet in sheets],
        window=window,
        caption=captions[0] if captions else layers[0].name,
        mark=mark_in(viewer, list(layers)),
        letters=_letters(viewer),
        upward=upward,
        millimetres=None if lengths is None else lengths[-1],
        bar=next((_bar(layer) for layer, _ in reversed(sheets) if UNIT in layer.metadata), None),
    )


def _sheet(viewer: ViewerModel, layer: Image) -> Sheet | None:
    """The slice of a layer that is shown, in its colours and with its opacity; None where the slice misses it."""
    dims, data = viewer.dims, layer.data[0] if layer.multiscale else layer.data
    before = dims.ndim - layer.ndim
    shown = [axis - before for axis in dims.displayed]
    if min(shown) < 0:
        return None
    place = np.rint(np.asarray(layer.world_to_data(np.asarray(dims.point)))[-layer.ndim :]).astype(int)
    for axis in range(layer.ndim):
        if axis not in shown and not 0 <= place[axis] < data.shape[axis]:
            return None
    index = tuple(slice(None) if axis in shown else int(place[axis]) for axis in range(layer.ndim))
    pixels = np.asarray(data[index])
    if shown[0] > shown[1]:
        pixels = np.swapaxes(pixels, 0, 1)
    smooth = str(layer.interpolation2d) != "nearest"
    return Sheet(_colours(layer, pixels), _box(layer, shown, pixels.shape[:2]), smooth)


def _colours(layer: Image, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    if layer.rgb:
        scale = float(np.iinfo(str(pixels.dtype)).max) if np.issubdtype(pixels.dtype, np.integer) else 1.0
        colours = pixels.astype(np.float32) / scale
        if colours.shape[-1] == 3:
            colours = np.concatenate([colours, np.ones((*colours.shape[:2], 1), np.float32)], -1)
    else:
        low, high = layer.contrast_limits
        share = np.clip((pixels.astype(np.float32) - low) / max(high - low, 1e-12), 0, 1) ** layer.gamma
        colours = np.asarray(layer.colormap.map(share.ravel()), np.float32).reshape(*share.shape, 4)
    return colours * np.array([1, 1, 1, layer.opacity], np.float32)


def _box(layer: Layer, shown: list[int], size: tuple[int, ...]) -> Box:
    corners = np.zeros((2, layer.ndim))
    for axis, count in zip(shown, size, strict=True):
        corners[:, axis] = (-0.5, count - 0.5)
    first, last = (np.asarray(layer.data_to_world(corner)) for corner in corners)
    (top, left), (bottom, right) = ([float(one[axis]) for axis in shown] for one in (first, last))
    return left, right, bottom, top


def _cut(box: Box, viewer: ViewerModel, shape: tuple[int, int]) -> Box:
    """What of a box is inside its cell on the canvas; all of it where nobody zoomed in."""
    left, right, bottom, top = box
    height, width = (float(size) / count for size, count in zip(viewer.canvas.size, shape, strict=True))
    zoom = float(viewer.scene.camera.zoom)
    y, x = (float(place) for place in viewer.scene.camera.center[-2:])
    cut = (
        max(left, x - width / zoom / 2),
        min(right, x + width / zoom / 2),
        min(bottom, y + height / zoom / 2),
        max(top, y - height / zoom / 2),
    )
    return cut if cut[0] < cut[1] and cut[3] < cut[2] else box


def _letters(viewer: ViewerModel) -> tuple[str, str, str, str]:
    found = []
    for side in ("left", "right", "top", "bottom"):
        overlay = viewer.canvas.overlays.get(f"medgen_{side}")
        found.append(str(overlay.text) if isinstance(overlay, TextOverlay) and overlay.visible else "")
    return found[0], found[1], found[2], found[3]


def _bar(layer: Image) -> Bar:
    low, high = layer.contrast_limits
    share = np.linspace(0, 1, 255)
    return Bar(np.asarray(layer.colormap.map(share)), (float(low), float(high)), str(layer.metadata[UNIT]))


def _screenshot(viewer: ViewerModel) -> list[list[Picture]]:
    """The canvas as it is drawn, with what stands on it; nothing where there is none."""
    take = getattr(viewer, "screenshot", None)  # a ViewerModel has no canvas
    if take is None:
        return []
    pixels = np.asarray(take(canvas_only=True, flash=False, scale=_FINER), np.float32) / 255
    rows, columns = pixels.shape[:2]
    box = (0.0, float(columns), float(rows), 0.0)
    # In a grid each cell bears its mark in the picture already.
    shown = [] if viewer.canvas.grid.enabled else [one for one in viewer.layers if one.visible]
    return [[Picture([Sheet(pixels, box)], box, mark=mark_in(viewer, shown))]]

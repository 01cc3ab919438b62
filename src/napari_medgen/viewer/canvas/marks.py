"""The mark on the canvas where something synthetic can be seen, in each cell of the grid for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components.overlays import TextOverlay

from napari_medgen.viewer.canvas.captions import set_mark
from napari_medgen.viewer.canvas.seen import cells, seen_images
from napari_medgen.viewer.layers.owner import is_map, is_synthetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

MARK = "SYNTHETIC"
_KEY = "medgen_synthetic"


def add_mark(viewer: ViewerModel) -> None:
    """Give a viewer the mark, not shown yet."""
    look: dict[str, object] = {"text": MARK, "position": "top_left", "color": "#ff9f1c", "font_size": 14, "visible": False}
    look |= {"box": True, "box_color": "#000000"}  # the canvas of a light window is white
    viewer.canvas.overlays[_KEY] = TextOverlay.model_validate(look)


def update_mark(viewer: ViewerModel) -> None:
    """Mark what can be seen: the whole canvas, or each cell of the grid; drawings and maps are no images."""
    each = [(cell, _mark(seen_images(viewer, cell))) for cell in cells(viewer)]
    gridded = viewer.canvas.grid.enabled and len(viewer.layers) > 0
    said = {}
    if gridded:
        # One layer carries the mark of its cell.
        said = {cell[0]: text for cell, text in each}
    for layer in viewer.layers:
        set_mark(layer, said.get(layer, ""))
    text = "" if gridded else next((text for _, text in each), "")
    mark = viewer.canvas.overlays[_KEY]
    if not isinstance(mark, TextOverlay):
        return
    if text and mark.text != text:
        mark.text = text
    if mark.visible != bool(text):
        mark.visible = bool(text)


def mark_in(viewer: ViewerModel, layers: Sequence[Layer]) -> str:
    """The mark of the layers of one cell, given from below; empty where nothing synthetic can be seen of them."""
    return _mark(seen_images(viewer, layers))


def marks_of(viewer: ViewerModel) -> list[str]:
    """The marks that are shown, of the canvas or of its cells."""
    from napari_medgen.viewer.canvas.captions import mark_of

    whole = viewer.canvas.overlays.get(_KEY)
    if isinstance(whole, TextOverlay) and whole.visible:
        return [str(whole.text)]
    return [mark for layer in viewer.layers if layer.visible and (mark := mark_of(layer))]


def _mark(images: Sequence[Image]) -> str:
    pictures = [layer for layer in images if not is_map(layer)]
    made = [layer for layer in pictures if is_synthetic(layer)]
    if not made:
        return ""
    return MARK if len(made) == len(pictures) else f"{MARK} in part"

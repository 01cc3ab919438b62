"""The mark on the canvas where something synthetic is visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components.overlays import TextOverlay

from napari_medgen.viewer.layers.owner import is_synthetic

if TYPE_CHECKING:
    from napari.components import ViewerModel

MARK = "SYNTHETIC"
_KEY = "medgen_synthetic"


def add_mark(viewer: ViewerModel) -> None:
    """Give a viewer the mark, not shown yet."""
    mark = {"text": MARK, "position": "top_left", "color": "#ff9f1c", "font_size": 14, "visible": False, "box": True}
    viewer.canvas.overlays[_KEY] = TextOverlay.model_validate(mark)


def update_mark(viewer: ViewerModel) -> None:
    """Show it or not; it says so where real layers are visible as well."""
    visible = [layer for layer in viewer.layers if layer.visible]
    made = [layer for layer in visible if is_synthetic(layer)]
    mark = viewer.canvas.overlays[_KEY]
    mark.text = MARK if len(made) == len(visible) else f"{MARK} in part"
    mark.visible = bool(made)


def place_mark(viewer: ViewerModel, position: str) -> None:
    """Put the mark into another corner, where what is shown needs the usual one."""
    if _KEY in viewer.canvas.overlays:
        viewer.canvas.overlays[_KEY].position = position

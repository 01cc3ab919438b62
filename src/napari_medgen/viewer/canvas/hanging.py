"""How volumes hang: planes the right way up, letters at the borders, and the mark on what is synthetic."""

from __future__ import annotations

import weakref
from typing import Any

from napari.components.overlays import TextOverlay

from napari_medgen.imaging.orientation import CANONICAL
from napari_medgen.viewer.canvas.size_question import ask_about_sizes
from napari_medgen.viewer.layers.volumes import KEY, has_patient_axes, is_oriented, is_synthetic

MARK = "SYNTHETIC"
_MARK_KEY = "medgen_synthetic"
_ASKEW_KEY = "medgen_askew"
_OPPOSITE = {"S": "I", "P": "A", "L": "R"}
_PLACES = {"top": "top_center", "bottom": "bottom_center", "left": "middle_left", "right": "middle_right"}
_turned: weakref.WeakSet[Any] = weakref.WeakSet()
_watched: weakref.WeakSet[Any] = weakref.WeakSet()


def hang(viewer: Any) -> None:
    """Watch a viewer from now on; a viewer that is watched already is left as it is."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer in _watched:
        return
    _watched.add(viewer)
    overlays = viewer.canvas.overlays
    overlays[_MARK_KEY] = TextOverlay(text=MARK, position="top_left", color="#ff9f1c", font_size=14, visible=False, box=True)
    for side, place in _PLACES.items():
        overlays[f"medgen_{side}"] = TextOverlay(text="", position=place, color="#8ecae6", font_size=13, visible=False)
    overlays[_ASKEW_KEY] = TextOverlay(
        text="", position="bottom_left", color="#8ecae6", font_size=10, visible=False, box=True
    )
    viewer.canvas.overlays.scale_bar.visible = True

    def update(event: Any = None) -> None:
        _update_mark(viewer)
        _update_letters(viewer)

    def watch_layer(layer: Any) -> None:
        layer.events.visible.connect(update)
        for event in ("metadata", "scale", "rotate", "shear", "affine", "axis_labels"):
            getattr(layer.events, event).connect(update)

    def inserted(event: Any) -> None:
        watch_layer(event.value)
        update()

    for layer in viewer.layers:
        watch_layer(layer)
    viewer.layers.events.inserted.connect(inserted)
    ask_about_sizes(viewer)
    viewer.layers.events.removed.connect(update)
    viewer.dims.events.order.connect(update)
    viewer.dims.events.ndisplay.connect(update)
    update()


def place_mark(viewer: Any, position: str) -> None:
    """Put the mark into another corner, where what is shown needs the usual one."""
    if _MARK_KEY in viewer.canvas.overlays:
        viewer.canvas.overlays[_MARK_KEY].position = position


def _update_mark(viewer: Any) -> None:
    """The mark; it says so where real layers are visible as well."""
    visible = [layer for layer in viewer.layers if layer.visible]
    made = [layer for layer in visible if is_synthetic(layer)]
    mark = viewer.canvas.overlays[_MARK_KEY]
    mark.text = MARK if len(made) == len(visible) else f"{MARK} in part"
    mark.visible = bool(made)


def _update_letters(viewer: Any) -> None:
    """Superior up in coronal and sagittal planes, and letters where the patient's sides are."""
    axes = _shown_axes(viewer)
    overlays = viewer.canvas.overlays
    askew = {str(layer.metadata.get(f"{KEY}_askew", "")) for layer in viewer.layers if layer.visible} - {""}
    overlays[_ASKEW_KEY].text = "\n".join(sorted(askew))
    overlays[_ASKEW_KEY].visible = bool(askew) and viewer.dims.ndisplay == 2
    for side in _PLACES:
        overlays[f"medgen_{side}"].visible = axes is not None
    if axes is None:
        if viewer in _turned:  # a radiograph's first row is its upper one
            _turned.discard(viewer)
            viewer.scene.camera.orientation2d = ("down", "right")
        return
    vertical, horizontal = axes
    upward = vertical == "S"
    viewer.scene.camera.orientation2d = ("up" if upward else "down", "right")
    (_turned.add if upward else _turned.discard)(viewer)
    texts = {
        "top": vertical if upward else _OPPOSITE[vertical],
        "bottom": _OPPOSITE[vertical] if upward else vertical,
        "left": _OPPOSITE[horizontal],
        "right": horizontal,
    }
    if not all(is_oriented(layer) for layer in viewer.layers if layer.visible):
        texts = dict.fromkeys(texts, "?")  # some file does not say which side is which
    for side, text in texts.items():
        overlays[f"medgen_{side}"].text = text


def _shown_axes(viewer: Any) -> tuple[str, str] | None:
    """Letters of the vertical and horizontal axis; None in 3D, or where what is shown is not a volume of ours."""
    visible = [layer for layer in viewer.layers if layer.visible]
    if viewer.dims.ndisplay != 2 or not visible or viewer.dims.ndim < 3:
        return None
    if not all(has_patient_axes(layer) for layer in visible):
        return None
    vertical, horizontal = (CANONICAL[axis - viewer.dims.ndim] for axis in viewer.dims.displayed)
    return vertical, horizontal

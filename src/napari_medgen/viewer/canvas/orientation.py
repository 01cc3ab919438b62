"""Planes the right way up, and letters at the borders where the patient's sides are."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari.components.overlays import TextOverlay
from napari.utils.camera_orientations import HorizontalAxisOrientation, VerticalAxisOrientation

from napari_medgen.imaging.orientation import CANONICAL
from napari_medgen.viewer.layers.owner import KEY
from napari_medgen.viewer.layers.place import has_patient_axes, is_oriented

if TYPE_CHECKING:
    from napari.components import ViewerModel

_ASKEW = "medgen_askew"
_OPPOSITE = {"S": "I", "P": "A", "L": "R"}
_PLACES = {"top": "top_center", "bottom": "bottom_center", "left": "middle_left", "right": "middle_right"}
_COLOUR = "#8ecae6"
_turned: weakref.WeakSet[ViewerModel] = weakref.WeakSet()


def add_letters(viewer: ViewerModel) -> None:
    """Give a viewer its letters, and the line that says by how much a scan lies askew; nothing is shown yet."""
    # On black, since the canvas of a light window is white.
    look: dict[str, object] = {"text": "", "color": _COLOUR, "visible": False, "box": True, "box_color": "#000000"}
    for side, place in _PLACES.items():
        letter = look | {"position": place, "font_size": 13}
        viewer.canvas.overlays[f"medgen_{side}"] = TextOverlay.model_validate(letter)
    line = look | {"position": "bottom_left", "font_size": 10}
    viewer.canvas.overlays[_ASKEW] = TextOverlay.model_validate(line)


def update_letters(viewer: ViewerModel) -> None:
    """Superior up in coronal and sagittal planes, and letters where the patient's sides are."""
    axes = _shown_axes(viewer)
    overlays = viewer.canvas.overlays
    askew = {str(layer.metadata.get(f"{KEY}_askew", "")) for layer in viewer.layers if layer.visible} - {""}
    overlays[_ASKEW].text = "\n".join(sorted(askew))
    overlays[_ASKEW].visible = bool(askew) and viewer.dims.ndisplay == 2
    for side in _PLACES:
        overlays[f"medgen_{side}"].visible = axes is not None
    if axes is None:
        if viewer in _turned:  # a radiograph's first row is its upper one
            _turned.discard(viewer)
            _turn(viewer, upward=False)
        return
    vertical, horizontal = axes
    upward = vertical == "S"
    _turn(viewer, upward=upward)
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


def show_plane(viewer: ViewerModel, plane: str) -> None:
    """Show axial, coronal or sagittal slices, the patient upright, or the whole in three dimensions (``3d``)."""
    ndim = viewer.dims.ndim
    if ndim < 3:
        return
    if plane == "3d":
        viewer.dims.ndisplay = 3
    else:
        viewer.dims.ndisplay = 2
        viewer.dims.order = order_of(ndim, ("axial", "coronal", "sagittal").index(plane))
    viewer.reset_view()


def order_of(ndim: int, through: int) -> tuple[int, ...]:
    """Order of a viewer's axes that shows the plane which one of the axes (S, P, L) runs through."""
    first = ndim - 3
    return (*range(first), first + through, *(axis for axis in range(first, ndim) if axis != first + through))


def _turn(viewer: ViewerModel, *, upward: bool) -> None:
    vertical = VerticalAxisOrientation.UP if upward else VerticalAxisOrientation.DOWN
    viewer.scene.camera.orientation2d = (vertical, HorizontalAxisOrientation.RIGHT)


def _shown_axes(viewer: ViewerModel) -> tuple[str, str] | None:
    """Letters of the vertical and horizontal axis; None in 3D, or where what is shown is not a volume of ours."""
    visible = [layer for layer in viewer.layers if layer.visible]
    if viewer.dims.ndisplay != 2 or not visible or viewer.dims.ndim < 3:
        return None
    if not all(has_patient_axes(layer) for layer in visible):
        return None
    vertical, horizontal = (CANONICAL[axis - viewer.dims.ndim] for axis in viewer.dims.displayed)
    return vertical, horizontal

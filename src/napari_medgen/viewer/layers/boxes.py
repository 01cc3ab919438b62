"""Squares on a radiograph that a person drags, and what is cut out along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.knee_boxes import KneeBox
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.viewer.layers.adding import add_shapes
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import RADIOGRAPH
from napari_medgen.viewer.layers.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Shapes

_COLOURS = ("#ffb703", "#5ec8f8")
_THICKNESS = 90  # of them in a box's side
CUT_OUT = "Cut out of a larger picture."


def add_boxes(viewer: ViewerModel, plane: Plane, boxes: Sequence[KneeBox], names: Sequence[str]) -> Shapes:
    """Lay boxes over a radiograph, ready to be dragged, each with its name."""
    corners = [
        # A pixel's centre is its place, and an edge lies half a pixel before.
        np.array([[top, left], [top, right], [bottom, right], [bottom, left]]) - 0.5
        for top, left, bottom, right in (box.edges for box in boxes)
    ]
    where = plane.placement()
    layer = add_shapes(
        viewer,
        corners,
        shape_type="rectangle",
        name="Knee boxes",
        face_color=[0, 0, 0, 0],
        edge_color=list(_COLOURS[: len(boxes)]),
        opacity=1.0,
        edge_width=max(box.side for box in boxes) / _THICKNESS,
        features={"knee": list(names)},
        text={"string": "{knee}", "size": 12, "color": "white", "anchor": "upper_left", "translation": [-4, 0]},
        **where,
    )
    layer.mode = "select"
    return layer


def name_boxes(layer: Shapes, names: Sequence[str]) -> None:
    """Call the boxes otherwise."""
    layer.features = {"knee": list(names)}
    layer.refresh_text()


def box_of(layer: Shapes, place: int) -> KneeBox:
    """The box at a place of the layer, as it was dragged: the square around the middle of what was drawn."""
    corners = np.asarray(layer.data[place], float)[:, -2:]
    low, high = corners.min(0) + 0.5, corners.max(0) + 0.5
    side = float((high - low).max())
    top, left = (low + high) / 2 - side / 2
    return KneeBox(float(top), float(left), side)


def cut_out(plane: Plane, box: KneeBox, side: Laterality, name: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """A part of a radiograph as an image of its own, in its place.

    Parameters
    ----------
    box
        To whole pixels; what of it lies beyond the film is as dark as the darkest of the window.
    side
        Of the body, which the new image is said to show.
    name
        What to call it.

    Returns
    -------
    tuple
        Pixels, and the options of a layer.
    """
    data, (_, options, _) = finest(plane.layer), plane.layer.as_layer_data_tuple()
    kept = ("colormap", "contrast_limits", "gamma", "rgb", "interpolation2d")
    made: dict[str, Any] = {key: options[key] for key in kept if options.get(key) is not None}
    if made.get("rgb"):
        made = {key: value for key, value in made.items() if key not in ("colormap", "contrast_limits", "gamma")}
    top, left, width = round(box.top), round(box.left), max(round(box.side), 1)
    pixels = _part(np.asarray(data), top, left, width, 0.0 if made.get("rgb") else float(plane.layer.contrast_limits[0]))
    metadata = dict(options["metadata"])
    about = dict(metadata.get(RADIOGRAPH, {}))
    about |= {"laterality": side, "notes": tuple(dict.fromkeys((*about.get("notes", ()), CUT_OUT)))}
    made |= plane.placement()
    linear = np.asarray(plane.layer._transforms["data2physical"].linear_matrix)
    made["translate"] = tuple(np.asarray(made["translate"]) + linear @ np.array([top, left]))
    made |= {"name": name, "metadata": metadata | {RADIOGRAPH: about}}
    return pixels, made


def _part(pixels: NDArray[Any], top: int, left: int, width: int, dark: float) -> NDArray[Any]:
    """A square of pixels; a view of them where it lies on the film."""
    rows, columns = pixels.shape[:2]
    inside = (max(top, 0), max(left, 0), min(top + width, rows), min(left + width, columns))
    part = pixels[inside[0] : max(inside[2], inside[0]), inside[1] : max(inside[3], inside[1])]
    if part.shape[:2] == (width, width):
        return part
    kind = pixels.dtype
    if np.issubdtype(kind, np.integer):
        dark = float(np.clip(round(dark), np.iinfo(kind).min, np.iinfo(kind).max))
    whole = np.full((width, width, *pixels.shape[2:]), dark, kind)
    if pixels.ndim == 3 and pixels.shape[-1] == 4:
        whole[..., 3] = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1  # black, and not transparent
    whole[inside[0] - top : inside[0] - top + part.shape[0], inside[1] - left : inside[1] - left + part.shape[1]] = part
    return whole

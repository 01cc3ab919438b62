"""Measurements as a layer of shapes over their image, and back.

What is measured follows from the shapes as they are: whoever drags a corner with napari's own tools has measured anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import KINDS, POINTS, Drawn, Kind, Measurements, spoken
from napari_medgen.validity import finite
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import CALIBRATED, KEY, provenance_of
from napari_medgen.viewer.layers.place import LENGTHS

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes

MEASURED = f"{KEY}_measured"  # metadata: what the shapes of a layer were measured on
_SHAPES: dict[Kind, str] = {
    "length": "line",
    "angle": "path",
    "Cobb angle": "path",
    "hip-knee-ankle angle": "path",
    "outline": "polygon",
    "ellipse": "ellipse",
    "joint space": "line",
}
_COLOURS: dict[str, str] = {"medial": "#ff5d5d", "lateral": "#5dff8f"}
_COLOUR = "#ffe14d"
_THICKNESS = 300  # of them in the shorter side of a picture
_SAMPLED = 2**20
_NO_LENGTHS = ("month",)
_PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def scale_of(layer: Layer, calibrated: float | None = None) -> Scale:
    """What a step along each axis of a layer is.

    Parameters
    ----------
    calibrated
        Millimetres in a pixel of the layer's world, where somebody measured a known length; by default what was noted of the
        layer. It stands above what the file says.

    Raises
    ------
    ImageError
        If the layer is sheared, as a scan with a tilted gantry is: no length along its own axes is one of the patient.
    """
    linear = np.asarray(layer._transforms["data2physical"].linear_matrix, float)
    whole = np.asarray(layer.affine.affine_matrix, float)[:-1, :-1] @ linear
    steps = np.linalg.norm(whole, axis=0)
    turned = whole / steps
    if np.abs(turned.T @ turned - np.eye(len(steps))).max() > 1e-3:
        raise ImageError(f"{layer.name} is sheared, as by a tilted gantry; make it upright before it is measured.")
    calibrated = calibrated or layer.metadata.get(CALIBRATED)
    flat = (1.0,) * (len(steps) - 2)
    if calibrated:
        return Scale((*flat, float(steps[-2]) * calibrated, float(steps[-1]) * calibrated), "mm", "calibration")
    lengths = [LENGTHS.get(str(unit)) for unit in layer.units]
    if None in lengths[-2:]:
        # Pixels of the picture that was opened: what a model made of it has larger ones in the same place.
        return Scale((*flat, float(steps[-2]), float(steps[-1])), "px", "unknown")
    return Scale(tuple(float(step) * (length or 1.0) for step, length in zip(steps, lengths, strict=True)), "mm", "file")


def measurable(layer: Layer, plane: tuple[int, int]) -> bool:
    """Whether lengths in a plane of a layer mean something: both axes are lengths, or both are counted alike."""
    units = [str(layer.units[axis]) for axis in plane]
    return all(unit in LENGTHS for unit in units) or (units[0] == units[1] and units[0] not in _NO_LENGTHS)


def content_of(pixels: Any) -> str:
    """Says which image it is by a part of its grey values, evenly spread: quick also for a large one.

    Of an array that is computed when it is looked at, the middle of its first axis stands for the whole.
    """
    shape = np.shape(pixels)
    values = pixels if isinstance(pixels, np.ndarray) or len(shape) < 3 else pixels[shape[0] // 2]
    values = np.asarray(values)
    every = max(int(np.ceil((values.size / _SAMPLED) ** (1 / max(values.ndim, 1)))), 1)
    digest = hashlib.sha256(f"{shape} {values.dtype.str}".encode())
    digest.update(np.ascontiguousarray(values[(slice(None, None, every),) * values.ndim]).data)
    return digest.hexdigest()[:16]


def measured_layer(image: Image) -> tuple[list[Any], dict[str, Any]]:
    """An empty layer for measurements on an image: data and options of ``add_shapes``."""
    made = provenance_of(image)
    options: dict[str, Any] = {key: getattr(image, key) for key in _PLACED}
    options["affine"] = np.asarray(image.affine.affine_matrix)
    shape = shape_of_image(image)
    content = content_of(finest(image))
    about = {
        "image": f"image {content[:8]}",  # never the layer's name, which may be a patient's
        "shape": shape,
        "content": content,
        "synthetic": made.synthetic,
        "model": made.model or "",
        "calibrated": image.metadata.get(CALIBRATED),
    }
    return _shapes([], options, shape, f"Measurements of {image.name}", about)


def shape_of_image(image: Image) -> list[int]:
    """Size along each of its axes; colours are none."""
    return [int(n) for n in np.shape(finest(image))[: image.ndim]]


def _shapes(
    items: Sequence[Drawn], placed: dict[str, Any], shape: Sequence[int], name: str, about: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    data = [item.points for item in items]
    return data, placed | {
        "name": name,
        "ndim": len(shape),
        "shape_type": [_SHAPES[item.kind] for item in items],
        "edge_width": min(list(shape)[-2:]) / _THICKNESS,
        "edge_color": [colour_of(item) for item in items] if items else _COLOUR,
        "face_color": [0.0, 0.0, 0.0, 0.0],
        "features": features_of(items, ["" for _ in items]),
        "text": {
            "string": "{text}",
            "size": 12,
            "color": _COLOUR,
            "anchor": "upper_left",
            # napari draws no text whose offset has not a number for each axis of the layer.
            "translation": [0.0] * (len(shape) - 2) + [-3.0, 3.0],
        },
        "opacity": 1.0,
        "metadata": {MEASURED: about},
    }


def features_of(items: Sequence[Drawn], texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """What stands beside each shape, and what it is: napari's table of features, a column a key."""
    columns: dict[str, list[str]] = {
        "kind": [item.kind for item in items],
        "name": [item.name for item in items],
        "plane": [f"{item.plane[0]} {item.plane[1]}" for item in items],
        "text": list(texts),
    }
    return {key: np.array(values, object) for key, values in columns.items()}


def colour_of(item: Drawn) -> str:
    """Of a drawing on screen."""
    return _COLOURS.get(item.name.split(" ")[0], _COLOUR) if item.kind == "joint space" else _COLOUR


def shape_of(item: Drawn) -> str:
    """What napari calls the shape of a measurement."""
    return _SHAPES[item.kind]


def drawn_in(data: Sequence[Any], features: Any, shape_types: Sequence[str]) -> list[Drawn | None]:
    """The measurements that shapes are, None where one is none.

    One that somebody added with napari's tools is what its shape can mean.
    """
    items: list[Drawn | None] = []
    said = {key: list(features[key]) if key in features else [] for key in ("kind", "plane", "name")}
    for place, drawn in enumerate(data):
        points = np.asarray(drawn, float)
        row = {key: values[place] if place < len(values) else "" for key, values in said.items()}
        kind, plane = _kind(str(row["kind"]), points, shape_types[place]), _plane(row["plane"], points)
        if kind is None or plane is None:
            items.append(None)
            continue
        items.append(Drawn(kind, points, plane, row["name"] if isinstance(row["name"], str) else ""))
    return items


def items_in(layer: Shapes) -> list[Drawn | None]:
    """The measurements that a layer's shapes are, None where one is none: also in a plane without lengths."""
    items = drawn_in(layer.data, layer.features, layer.shape_type)
    return [item if item is not None and measurable(layer, item.plane) else None for item in items]


def _kind(said: str, points: NDArray[np.float64], shape_type: str) -> Kind | None:
    for kind in KINDS:
        fits = len(points) == POINTS[kind] if POINTS[kind] is not None else len(points) >= 3
        if kind == said and fits and _SHAPES[kind] == shape_type:
            return kind
    by_shape: dict[str, Kind] = {"line": "length", "polygon": "outline", "rectangle": "outline", "ellipse": "ellipse"}
    if shape_type == "path" and len(points) in (3, 4):
        return "angle" if len(points) == 3 else "Cobb angle"
    return by_shape.get(shape_type)


def _plane(said: Any, points: NDArray[np.float64]) -> tuple[int, int] | None:
    axes = points.shape[1]
    try:
        first, second = (int(axis) for axis in str(said).split())
    except ValueError:
        flat = [axis for axis in range(axes) if np.ptp(points[:, axis]) == 0]
        spare = [axis for axis in range(axes) if axis not in flat[: axes - 2]]
        first, second = spare[-2:]
    across = [axis for axis in range(axes) if axis not in (first, second)]
    if max(first, second) >= axes or first == second or any(np.ptp(points[:, axis]) > 1 for axis in across):
        return None
    return first, second


def measurements_in(layer: Shapes, image: Image | None) -> Measurements:
    """All that is measured in a layer, by the scale of its image, or of itself where that is not there."""
    about = layer.metadata.get(MEASURED, {})
    placed = {key: np.asarray(getattr(layer, key)).tolist() for key in ("scale", "translate", "rotate", "shear")} | {
        "affine": np.asarray(layer.affine.affine_matrix).tolist(),
        "units": [str(unit) for unit in layer.units],
        "axis_labels": list(layer.axis_labels),
        "calibrated": _known(about, image),
    }
    of = image if image is not None else layer
    return Measurements(
        tuple(item for item in items_in(layer) if item is not None),
        str(about.get("image", layer.name)),
        tuple(int(n) for n in about.get("shape", ())) or (1,) * layer.ndim,
        scale_of(of, _known(about, image)),
        str(about.get("content", "")),
        bool(about.get("synthetic", False)),
        str(about.get("model", "")),
        placed,
    )


def _place_said(kept: Measurements) -> dict[str, Any]:
    """Where a file says that its layer lies; nothing where what it says is no place."""
    from napari.layers import Shapes

    axes = len(kept.shape)
    placed = {key: kept.layer[key] for key in _PLACED if key in kept.layer}
    try:
        for key in ("scale", "translate", "rotate", "shear", "affine"):
            if key in placed and not np.isfinite(np.asarray(placed[key], float)).all():
                return {}
        if (np.asarray(placed.get("scale", [1.0]), float) == 0).any():
            return {}
        if np.linalg.matrix_rank(np.asarray(placed.get("affine", np.eye(axes + 1)), float)) < axes + 1:
            return {}
        for key in ("units", "axis_labels"):
            if key in placed and not all(isinstance(one, str) and one.isascii() for one in placed[key]):
                return {}
        tried = Shapes(ndim=axes, **placed)
        if tried.ndim != axes or not np.isfinite(tried._transforms["data2physical"].affine_matrix).all():
            return {}
    except Exception:  # napari and its units raise whatever theirs raise
        return {}
    return placed


def _known(about: dict[str, Any], image: Image | None) -> float | None:
    """The calibration of an image, or what a layer noted of one that is not open."""
    found: float | None = about.get("calibrated") if image is None else image.metadata.get(CALIBRATED)
    return found


def layer_of(kept: Measurements) -> tuple[list[Any], dict[str, Any]]:
    """Measurements that were read as a layer where they were drawn: data and options of ``add_shapes``."""
    placed = _place_said(kept)
    about = {
        "image": kept.image,
        "shape": list(kept.shape),
        "content": kept.content,
        "synthetic": kept.synthetic,
        "model": kept.model,
        "calibrated": finite(kept.layer.get("calibrated")) if kept.scale.source == "calibration" else None,
    }
    data, options = _shapes(kept.items, placed, kept.shape, f"Measurements of {kept.image}", about)
    if kept.items:
        texts = [spoken(item.values(None, kept.scale)) for item in kept.items]
        options["features"] = features_of(kept.items, texts)
    return data, options

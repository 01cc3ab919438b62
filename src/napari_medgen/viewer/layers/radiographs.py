"""Radiographs as layers and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.radiograph import Radiograph, natural_window
from napari_medgen.imaging.windows import sigmoid
from napari_medgen.viewer.layers.owner import KEY, RADIOGRAPH, provenance_in
from napari_medgen.viewer.layers.place import millimetres
from napari_medgen.viewer.layers.volumes import LayerData

AXES = ("row", "column")
SIGMOID = "medgen sigmoid"  # the name of the colours that show it


def radiograph_layer(image: Radiograph) -> LayerData:
    """Everything that makes a layer: true size where it is known, the file's window, and its provenance."""
    known = image.spacing is not None
    low, high = float(image.pixels.min()), float(image.pixels.max())
    sigmoid = image.curve == "sigmoid"
    limits = image.window
    if sigmoid:  # the curve needs twice the room of its steepest part
        half = (limits[1] - limits[0]) / 2
        limits = (limits[0] - half, limits[1] + half)
    return (
        image.pixels,
        {
            "name": image.name,
            "rgb": False,
            "colormap": sigmoid_colours() if sigmoid else "gray",
            "interpolation2d": "linear",
            "contrast_limits": limits,
            "scale": image.spacing or (image.aspect, 1.0),
            "units": ("mm", "mm") if known else ("pixel", "pixel"),
            "axis_labels": AXES,
            "metadata": {
                KEY: image.provenance.model_dump(exclude_none=True),
                RADIOGRAPH: {
                    "window": image.window,
                    "range": (low, high),
                    "laterality": image.laterality,
                    "view": image.view,
                    "modality": image.modality,
                    "body_part": image.body_part,
                    "curve": image.curve,
                    "coloured": image.coloured,
                    "notes": image.notes,
                    "identity": image.identity,
                },
            },
        },
        "image",
    )


def sigmoid_colours() -> Colormap:
    """Shades of grey along the sigmoid of DICOM, over twice its width."""
    return Colormap(np.repeat(sigmoid()[:, None], 3, axis=1), name=SIGMOID)


def radiograph_of(data: Any, meta: dict[str, Any]) -> Radiograph:
    """Radiograph of a two-dimensional layer's array and attributes, for writing it.

    Raises
    ------
    ImageError
        If the layer is not a two-dimensional image.
    """
    name = str(meta.get("name", "radiograph"))
    pixels = np.asarray(data)
    if not is_upright(meta):
        raise ImageError(f"{name} was turned in the window; set its rotation, shear and affine back before it is written.")
    if meta.get("rgb") or pixels.ndim != 2:
        raise ImageError(f"{name} has the shape {pixels.shape}: only grey images with rows and columns can be written so.")
    about = meta.get("metadata", {}).get(RADIOGRAPH, {})
    units = [str(unit) for unit in meta.get("units") or ()]
    limits = meta.get("contrast_limits")
    window = about.get("window") or (tuple(limits) if limits is not None else natural_window(pixels))
    return Radiograph(
        plain(pixels),
        (float(window[0]), float(window[1])),
        spacing=pixel_spacing(meta.get("scale", (1, 1)), units),
        laterality=about.get("laterality", ""),
        view=about.get("view", ""),
        modality=about.get("modality", ""),
        body_part=about.get("body_part", ""),
        curve=about.get("curve", "linear"),
        coloured=about.get("coloured", False),
        name=name,
        provenance=provenance_in(meta.get("metadata", {})),
        identity=about.get("identity", "unknown"),
        aspect=aspect(meta.get("scale", (1, 1))),
    )


def plain(pixels: NDArray[Any]) -> NDArray[Any]:
    """Grey values of a kind that every file keeps: whole numbers as they are, others in single precision."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    return pixels if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(np.float32)


def is_upright(meta: dict[str, Any]) -> bool:
    """Whether nobody turned, sheared or mirrored a layer."""
    ones = (meta.get(key) for key in ("rotate", "affine"))
    plain = all(one is None or np.allclose(one, np.eye(len(one))) for one in ones)
    shear = np.asarray(meta.get("shear") if meta.get("shear") is not None else 0.0)
    sheared = bool((np.triu(shear, 1) if shear.ndim == 2 else shear).any())  # napari says it either way
    return plain and not sheared and min(meta.get("scale", (1,))) > 0


def aspect(scale: Any) -> float:
    """Height of a pixel over its width."""
    row, column = (float(step) for step in list(scale)[-2:])
    return row / column


def pixel_spacing(scale: Any, units: list[str]) -> tuple[float, float] | None:
    """Millimetres between rows and between columns; None where the units are no lengths."""
    lengths = millimetres(units)
    if lengths is None:
        return None
    row, column = (float(step) * length for step, length in zip(list(scale)[-2:], lengths[-2:], strict=True))
    return row, column

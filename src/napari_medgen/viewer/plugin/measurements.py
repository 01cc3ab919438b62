"""npe2 reader and writer of measurements: files that **Measure** saved, dropped into the window or saved from its menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measurements import Measurements, is_measurements, read_measurements, write_measurements
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.measured import MEASURED, content_of, layer_of, measurements_in, shape_of_image
from napari_medgen.viewer.layers.proxy import unwrapped


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[tuple[list[Any], dict[str, Any], str]]] | None:
    """The reader of measurements, for files that hold some; other JSON files are somebody else's."""
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(is_measurements(one) for one in paths) else None


def read_layers(path: str | list[str]) -> list[tuple[list[Any], dict[str, Any], str]]:
    """A layer of shapes for each file, where they were drawn.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    paths = [path] if isinstance(path, str) else path
    return [(*layer_of(read_measurements(one)), "shapes") for one in paths]


def write_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a layer of measurements; with grey values where their image is open.

    Raises
    ------
    ImageError
        If the layer is none of measurements, or cannot be written.
    """
    about = meta.get("metadata", {}).get(MEASURED)
    if not isinstance(about, dict):
        raise ImageError(f"{meta.get('name', 'The layer')} holds no measurements; they are drawn with Measure.")
    kept, pixels = _kept(data, meta, about)
    return [str(write_measurements(Path(path), kept, pixels))]


def _kept(data: Any, meta: dict[str, Any], about: dict[str, Any]) -> tuple[Measurements, Any]:
    import napari
    from napari.layers import Image, Shapes

    viewer = unwrapped(napari.current_viewer())
    alike = [
        one
        for one in (viewer.layers if viewer is not None else ())
        if isinstance(one, Image)
        and shape_of_image(one) == list(about.get("shape", ()))
        and content_of(finest(one)) == about.get("content")
        and np.allclose(one.scale, meta.get("scale", 1))
    ]
    image = alike[0] if alike else None
    return measurements_in(Shapes(data, **meta), image), None if image is None or image.rgb else finest(image)

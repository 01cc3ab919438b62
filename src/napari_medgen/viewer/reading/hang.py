"""What of an image decides how it hangs: what it is, where it lies, and how large it can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medgen.imaging.hanging import Hanging, Subject
from napari_medgen.viewer.layers.owner import RADIOGRAPH, is_map, provenance_of
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.planes import is_volume

if TYPE_CHECKING:
    from napari.layers import Image, Layer

Shape = tuple[int, int]


def main_image(layers: Sequence[Layer]) -> Image | None:
    """The image that a view is about: the uppermost that is no map, a volume before a picture."""
    from napari.layers import Image

    images = [layer for layer in reversed(layers) if isinstance(layer, Image) and not is_map(layer)]
    return next((image for image in images if is_volume(image)), None) or next(iter(images), None)


def subject_of(layer: Layer) -> Subject:
    """What the rules of hanging may ask of an image."""
    about = layer.metadata.get(RADIOGRAPH, {})
    return Subject(
        kind="volume" if is_volume(layer) else "radiograph",
        modality=window_level.modality(layer),
        body_part=str(about.get("body_part", "")),
        model=provenance_of(layer).model or "",
    )


def replace_hanging(hanging: Hanging, **changes: object) -> Hanging:
    """A hanging with other entries, checked."""
    return Hanging.model_validate(hanging.model_dump() | changes)


def best_shape(count: int, room: tuple[float, float], picture: tuple[float, float]) -> Shape:
    """Rows and columns in which so many pictures are largest in a place; heights and widths of both."""

    def scale(rows: int) -> float:
        return min(room[0] / rows / picture[0], room[1] / -(-count // rows) / picture[1])

    rows = max(range(1, count + 1), key=lambda rows: (round(scale(rows), 6), -rows))
    return rows, -(-count // rows)


def is_overlay(layer: Layer) -> bool:
    """Whether a layer lies over an image: a map, labels, a drawing."""
    from napari.layers import Image

    return not isinstance(layer, Image) or is_map(layer)


def place_of(layer: Layer | None) -> tuple[float, ...]:
    """Borders of an image in the world, along its last axes; empty for none."""
    if layer is None:
        return ()
    extent = np.asarray(layer.extent.world, float)
    return tuple(float(value) for value in np.round(extent[:, -3:].ravel(), 1))


def alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two images cover so nearly the same that a reader's slice and zoom of the one are right for the other."""
    if len(one) != len(other) or not one:
        return False
    first, second = np.array(one).reshape(2, -1), np.array(other).reshape(2, -1)
    size = np.maximum(first[1] - first[0], 1e-6)
    return bool((np.abs(first - second) < 0.1 * size).all())

"""The values of an image at its finest, whatever napari keeps them in: one array, or one for each level of detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Image, Layer


def finest(layer: Image | Layer) -> Any:
    """The array of a layer; of several levels of detail, the first. It may be lazy: ask for parts of it."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data

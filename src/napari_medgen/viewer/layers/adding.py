"""Adding a layer: napari answers with a layer or with a list of them, as a picture of several channels would need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def add_image(viewer: ViewerModel, data: Any, **options: Any) -> Image:
    """Add one image as one layer; ``options`` as ``viewer.add_image`` takes them."""
    added = viewer.add_image(data, **options)
    return added[0] if isinstance(added, list) else added

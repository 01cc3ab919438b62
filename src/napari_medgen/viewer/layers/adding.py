"""Adding a layer: napari answers with a layer or with a list of them, and its models do not tell a type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Shapes


def add_image(viewer: ViewerModel, data: Any, **options: Any) -> Image:
    """Add one image as one layer; ``options`` as ``viewer.add_image`` takes them."""
    added = viewer.add_image(data, **options)
    return added[0] if isinstance(added, list) else added


def add_shapes(viewer: ViewerModel, data: Any, **options: Any) -> Shapes:
    """Add one layer of shapes; ``options`` as ``viewer.add_shapes`` takes them."""
    from napari.layers import Shapes

    layer = Shapes(data, **options)
    viewer.layers.append(layer)
    return layer

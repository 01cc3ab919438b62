"""Maps as layers: see-through where there is nothing to show, exactly over the image, and side by side for comparison."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.saliency.colours import absolute_colours, signed_colours
from napari_medgen.viewer.canvas.grid import leave_grid, take_grid
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import COMPARISON, KEY, SALIENCY
from napari_medgen.viewer.layers.place import slice_place
from napari_medgen.viewer.layers.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_medgen.saliency.maps import SaliencyMap

_SIGNED = Colormap(signed_colours(), name="medgen against and for", nan_color=(0, 0, 0, 0))
_ABSOLUTE = Colormap(absolute_colours(), name="medgen how much", nan_color=(0, 0, 0, 0))
_hidden: weakref.WeakKeyDictionary[ViewerModel, list[weakref.ref[Layer]]] = weakref.WeakKeyDictionary()


def overlay_options(
    found: SaliencyMap, plane: Plane, *, signed: bool, opacity: float, name: str | None = None
) -> dict[str, Any]:
    """Everything that ``add_image`` needs for a map beside its values."""
    where = plane.placement()
    return {
        "name": name or f"{found.label}: {found.provenance.model}",
        "rgb": False,
        "opacity": opacity,
        "blending": "translucent",
        "interpolation2d": "nearest",
        "metadata": {
            KEY: found.provenance.model_dump(exclude_none=True),
            SALIENCY: {
                "label": found.label,
                "probability": found.probability,
                "limit": found.limit,
                "warnings": list(found.warnings),
                "signed": found.signed,
            },
            **slice_place(plane.layer, plane.index, where["scale"], where["translate"]),
        },
        **where,
        **look(signed and found.signed),
    }


def look(signed: bool) -> dict[str, Any]:
    """Colours and limits of a map's layer."""
    if signed:
        return {"colormap": _SIGNED, "contrast_limits": (-1.0, 1.0)}
    return {"colormap": _ABSOLUTE, "contrast_limits": (0.0, 1.0)}


def shown_values(values: NDArray[np.float32], signed: bool) -> NDArray[np.float32]:
    """Values as the chosen look shows them."""
    return values if signed else np.abs(values)


def is_map(layer: Layer) -> bool:
    """Whether a layer is a saliency map of ours."""
    return SALIENCY in layer.metadata


def is_comparison(layer: Layer) -> bool:
    """Whether a layer belongs to a comparison that is on screen."""
    return COMPARISON in layer.metadata


def toggle_maps(viewer: ViewerModel) -> None:
    """Hide all maps if one is visible, else show them; what the key does."""
    maps = [layer for layer in viewer.layers if is_map(layer)]
    visible = any(layer.visible for layer in maps)
    for layer in maps:
        layer.visible = not visible


def compare_side_by_side(
    viewer: ViewerModel, plane: Plane, found: list[SaliencyMap], *, titles: list[str], signed: bool, opacity: float
) -> Generator[None, None, None]:
    """The image once for each map, each with its map over it, in a row with one camera and one contrast.

    Yields
    ------
    None
        After each layer, so that the window can paint between them: napari holds it for a fifth of a second for each. It
        ends early where the comparison was closed meanwhile.
    """
    from napari.experimental import link_layers

    close_comparison(viewer)
    reference = weakref.ref(viewer)
    # Before anything is hidden: whoever had the grid leaves on screen what can lie on one picture.
    take_grid(viewer, COMPARISON, lambda: _close_if_there(reference()), shape=(1, len(found)), stride=2)
    data, options, _ = plane.layer.as_layer_data_tuple()
    visible = [layer for layer in viewer.layers if layer.visible]
    # By which they are: a layer that is renamed meanwhile is shown again too.
    hidden = _hidden[viewer] = [weakref.ref(layer) for layer in visible]
    for layer in visible:
        layer.visible = False
    kept = {key: options[key] for key in ("scale", "translate", "units", "axis_labels", "rgb", "interpolation2d")}
    kept |= {} if options["rgb"] else {"colormap": options["colormap"], "contrast_limits": options["contrast_limits"]}
    mark = {COMPARISON: True}
    added: list[Image] = []

    def add(values: NDArray[Any], layer_options: dict[str, Any]) -> Image:
        layer = add_image(viewer, values, **layer_options)
        # Cells are filled in the order of the layers, so the pairs must come first.
        viewer.layers.move(viewer.layers.index(layer), len(added))
        added.append(layer)
        return layer

    def still_there() -> bool:
        """Whether nobody closed the comparison or took a layer of it; half of one is closed."""
        if _hidden.get(viewer) is not hidden:
            return False
        if any(layer not in viewer.layers for layer in added):
            close_comparison(viewer)
            return False
        return True

    for one, title in zip(found, titles, strict=True):
        # The mark is there from the start: whoever hears of a new layer must not take it for an image to explain.
        base = add(data, kept | {"name": title, "metadata": options["metadata"] | mark})
        caption = base.name_overlay
        caption.position, caption.font_size, caption.visible = "top_center", 8, True
        if len(added) > 1:
            link_layers([added[0], base], () if options["rgb"] else ("contrast_limits", "gamma"))
        yield
        if not still_there():
            return
        over = overlay_options(one, plane, signed=signed, opacity=opacity, name=f"{one.label}: {title}")
        over["metadata"] |= mark
        overlay = add(shown_values(plane.values(one.values), signed and one.signed), over)
        if len(added) == 2:
            bar = overlay.colorbar
            bar.position, bar.visible = "bottom_left", True  # the captions are at the top
            viewer.layers.selection.active = overlay
            viewer.reset_view()
        yield
        if not still_there():
            return
    viewer.layers.selection.active = added[1]


def close_comparison(viewer: ViewerModel) -> None:
    """Take a comparison away and show what was there before."""
    gone = [layer for layer in viewer.layers if is_comparison(layer)]
    before = _hidden.pop(viewer, [])
    for layer in gone:
        if layer in viewer.layers:
            viewer.layers.remove(layer)
    for reference in before:
        there = reference()
        if there is not None and there in viewer.layers:
            there.visible = True
    if gone or before:
        leave_grid(viewer, COMPARISON)


def _close_if_there(viewer: ViewerModel | None) -> None:
    if viewer is not None:
        close_comparison(viewer)

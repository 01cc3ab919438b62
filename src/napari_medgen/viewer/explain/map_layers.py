"""Maps as layers: see-through where there is nothing to show, exactly over the image, and side by side for comparison."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.saliency.colours import absolute_colours, signed_colours
from napari_medgen.saliency.request import METHODS
from napari_medgen.viewer.canvas.stage import Cell, Shown, stage_of
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import COMPARISON, KEY, SALIENCY, UNIT, is_map
from napari_medgen.viewer.layers.place import slice_place
from napari_medgen.viewer.layers.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_medgen.saliency.maps import SaliencyMap

_SIGNED = Colormap(signed_colours(), name="medgen signed", nan_color=(0, 0, 0, 0))
_ABSOLUTE = Colormap(absolute_colours(), name="medgen amount", nan_color=(0, 0, 0, 0))
_running: weakref.WeakKeyDictionary[ViewerModel, object] = weakref.WeakKeyDictionary()  # the comparison on each stage


def overlay_options(
    found: SaliencyMap, plane: Plane, *, signed: bool, opacity: float, name: str | None = None
) -> dict[str, Any]:
    """Everything that ``add_image`` needs for a map beside its values."""
    where = plane.placement()
    return {
        "name": name or name_of(found, plane),
        "rgb": False,
        "opacity": opacity,
        "blending": "translucent",
        "interpolation2d": "linear",  # enlarged pixels of a map would look like findings
        "metadata": {
            KEY: found.provenance.model_dump(exclude_none=True),
            SALIENCY: {
                "label": found.label,
                "probability": found.probability,
                "limit": found.limit,
                "warnings": list(found.warnings),
                "signed": found.signed,
            },
            UNIT: f"influence on {found.label} (1 is {found.request.clip:g} SD)",
            **slice_place(plane.layer, plane.index, where["scale"], where["translate"]),
        },
        **where,
        **look(signed and found.signed),
    }


def name_of(found: SaliencyMap, plane: Plane | None) -> str:
    """Class, model, method and slice (every slice for no plane): whoever saves layers must know which is which."""
    place = next((place for place in plane.index if place is not None), None) if plane is not None else None
    where = ", every slice" if plane is None else "" if place is None else f", slice {place}"
    return f"{found.label}: {found.provenance.model}, {METHODS[found.request.method]}{where}"


def look(signed: bool) -> dict[str, Any]:
    """Colours and limits of a map's layer."""
    if signed:
        return {"colormap": _SIGNED, "contrast_limits": (-1.0, 1.0)}
    return {"colormap": _ABSOLUTE, "contrast_limits": (0.0, 1.0)}


def shown_values(values: NDArray[np.float32], signed: bool) -> NDArray[np.float32]:
    """Values as the chosen look shows them."""
    return values if signed else np.abs(values)


def is_comparison(layer: Layer) -> bool:
    """Whether a layer belongs to a comparison that is on screen."""
    return COMPARISON in layer.metadata


def toggle_maps(viewer: ViewerModel) -> None:
    """Hide the maps of what is on the canvas if one is visible, else show them; what the key does."""
    comparing = any(is_comparison(layer) for layer in viewer.layers)
    maps = [layer for layer in viewer.layers if is_map(layer) and is_comparison(layer) == comparing]
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
    reference, stage = weakref.ref(viewer), stage_of(viewer)
    data, options, _ = plane.layer.as_layer_data_tuple()
    token = _running[viewer] = object()
    kept = {key: options[key] for key in ("scale", "translate", "units", "axis_labels", "rgb", "interpolation2d")}
    kept |= {} if options["rgb"] else {"colormap": options["colormap"], "contrast_limits": options["contrast_limits"]}
    mark = {COMPARISON: True}
    added: list[Image] = []
    cells: list[Cell] = []

    def add(values: NDArray[Any], layer_options: dict[str, Any]) -> Image:
        layer = add_image(viewer, values, **layer_options, visible=False)  # until it has its cell
        added.append(layer)
        return layer

    def show() -> None:
        stage.set_scene(COMPARISON, cells, left=lambda: _close_if_there(reference()))

    def still_there() -> bool:
        """Whether nobody closed the comparison or took a layer of it; half of one is closed."""
        if _running.get(viewer) is not token:
            return False
        if any(layer not in viewer.layers for layer in added):
            close_comparison(viewer)
            return False
        return True

    for one, title in zip(found, titles, strict=True):
        # The mark is there from the start: whoever hears of a new layer must not take it for an image to explain.
        name = title.replace("\n", ", ")
        base = add(data, kept | {"name": name, "metadata": options["metadata"] | mark})
        cells.append((Shown(base, title),))
        show()
        if len(added) > 1:
            link_layers([added[0], base], () if options["rgb"] else ("contrast_limits", "gamma"))
        yield
        if not still_there():
            return
        over = overlay_options(one, plane, signed=signed, opacity=opacity, name=f"{one.label}: {name}")
        over["metadata"] |= mark
        overlay = add(shown_values(plane.values(one.values), signed and one.signed), over)
        cells[-1] = (*cells[-1], Shown(overlay))
        show()
        yield
        if not still_there():
            return
    viewer.layers.selection.active = added[1]


def close_comparison(viewer: ViewerModel) -> None:
    """Take a comparison away and show what was there before."""
    _running.pop(viewer, None)
    stage_of(viewer).leave(COMPARISON)
    for layer in [layer for layer in viewer.layers if is_comparison(layer)]:
        if layer in viewer.layers:  # whoever hears of one that goes may take others
            viewer.layers.remove(layer)


def _close_if_there(viewer: ViewerModel | None) -> None:
    if viewer is not None:
        close_comparison(viewer)

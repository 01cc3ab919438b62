"""Window and level of the viewer's images: what is set, what is known of an image, and what a drag or a key makes of it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_medgen.imaging.windows import Modality, Window, automatic, modality_of, named
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import MODALITY, RADIOGRAPH, SALIENCY, UNIT
from napari_medgen.viewer.layers.radiographs import SIGMOID
from napari_medgen.viewer.work.preferences import preferences

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

_REVERSED = "_r"
_first_windows: weakref.WeakKeyDictionary[Layer, Window] = weakref.WeakKeyDictionary()
_modalities: weakref.WeakKeyDictionary[Layer, tuple[weakref.ref[Any], Modality]] = weakref.WeakKeyDictionary()
_automatic: weakref.WeakKeyDictionary[Layer, tuple[weakref.ref[Any], Window]] = weakref.WeakKeyDictionary()


def windowed(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer is a grey image, whose window can be set: no map, no colour picture, no change of brightness."""
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.rgb or SALIENCY in layer.metadata:
        return False
    return is_grey(layer)


def is_grey(layer: Image) -> bool:
    """Whether a layer is shown in shades of grey."""
    colours = np.asarray(layer.colormap.colors, float)[:, :3]
    return bool(np.allclose(colours, colours[:, :1], atol=1e-3))


def targets(viewer: ViewerModel, seen: Sequence[Layer]) -> list[Image]:
    """The images whose window a key or a drag sets.

    Parameters
    ----------
    seen
        Layers of the view that is used, the uppermost first.

    Returns
    -------
    list
        Those that are selected in the list of layers, where several are; otherwise the uppermost one of the view.
    """
    chosen = [layer for layer in viewer.layers.selection if windowed(layer) and layer.visible]
    if len(chosen) > 1 and any(layer in seen for layer in chosen):
        return chosen
    return [layer for layer in seen if windowed(layer)][:1]


def window_of(layer: Image) -> Window:
    """The window that is set, with its name where it has one; of a sigmoid, its own width."""
    low, high = (float(value) for value in layer.contrast_limits)
    window = Window.between(low, high)
    if has_sigmoid(layer):
        window = Window(window.level, window.width / 2)
    return named(window, known_windows(layer))


def set_window(layer: Image, window: Window) -> None:
    """Set the window; the range of napari's own slider grows to hold it."""
    remember(layer)
    if has_sigmoid(layer):
        window = Window(window.level, window.width * 2)
    low, high = window.limits
    first, last = layer.contrast_limits_range
    if low < first or high > last:
        layer.contrast_limits_range = (min(low, first), max(high, last))
    layer.contrast_limits = (low, high)


def remember(layer: Image) -> Window:
    """The window that an image was opened with, kept from the first time that it is asked for."""
    if layer not in _first_windows:
        low, high = (float(value) for value in layer.contrast_limits)
        window = Window.between(low, high, "As opened")
        _first_windows[layer] = Window(window.level, window.width / 2, window.name) if has_sigmoid(layer) else window
    return _first_windows[layer]


def reset_window(layer: Image) -> None:
    """Set the window that the image was opened with: the file's own, where it has one; and no inversion."""
    if is_inverted(layer):
        invert(layer)
    set_window(layer, remember(layer))


def known_windows(layer: Image) -> tuple[Window, ...]:
    """Windows that have a name for this image: those of the Hounsfield scale for a CT; and the one it was opened with."""
    return (*(preferences().presets if modality(layer) == "CT" else ()), remember(layer))


def automatic_window(layer: Image) -> Window:
    """The window from the image's own percentiles."""
    data = finest(layer)
    found = _automatic.get(layer)
    if found is None or found[0]() is not data:
        found = _automatic[layer] = (weakref.ref(data), automatic(data))
    return found[1]


def automatic_window_known(layer: Image) -> Window | None:
    """The automatic window, as its limits are set, where it was asked for already; it is not computed for this."""
    found = _automatic.get(layer)
    return None if found is None else Window(found[1].level, found[1].width)


def modality(layer: Layer) -> str:
    """What a radiograph's or a series' files say; else ``CT`` where the values can only be Hounsfield units, or nothing."""
    from napari.layers import Image

    said = layer.metadata.get(RADIOGRAPH, {}).get("modality", layer.metadata.get(MODALITY))
    if said is not None or not isinstance(layer, Image) or layer.rgb:
        return str(said or "")
    data = finest(layer)
    found = _modalities.get(layer)
    if found is None or found[0]() is not data:
        found = _modalities[layer] = (weakref.ref(data), modality_of(data))
    return found[1]


def unit(layer: Layer) -> str:
    """What the values of an image count; empty where nobody knows."""
    return str(layer.metadata.get(UNIT, "HU" if modality(layer) == "CT" else ""))


def span(layer: Image) -> float:
    """The range of values that a window may be moved in."""
    low, high = (float(value) for value in layer.contrast_limits_range)
    return max(high - low, 1e-9)


def forget_values(layer: Layer) -> None:
    """Forget what was computed of an image's values: they are others now."""
    _automatic.pop(layer, None)
    _modalities.pop(layer, None)


def invert(layer: Image) -> None:
    """Swap black and white."""
    colormap = layer.colormap
    name = str(colormap.name)
    turned = name.removesuffix(_REVERSED) if name.endswith(_REVERSED) else name + _REVERSED
    controls = 1 - np.asarray(colormap.controls)[::-1]
    layer.colormap = Colormap(np.asarray(colormap.colors)[::-1], name=turned, controls=controls)


def is_inverted(layer: Image) -> bool:
    """Whether black and white are swapped."""
    return str(layer.colormap.name).endswith(_REVERSED)


def has_sigmoid(layer: Image) -> bool:
    """Whether an image is shown through the sigmoid that its file asks for."""
    return str(layer.colormap.name).removesuffix(_REVERSED) == SIGMOID


def window_within(
    layer: Image, corners: tuple[NDArray[np.float64], NDArray[np.float64]], through: int | None
) -> Window | None:
    """The window from what lies in a rectangle of the slice that is shown; None where nothing does.

    Parameters
    ----------
    corners
        Two opposite corners in the viewer's world, along all of its axes.
    through
        The axis (S, P, L) that runs through the slice; None of a picture.
    """
    count = 3 if through is not None and layer.ndim >= 3 else 2
    inside = [np.asarray(layer.world_to_data(corner[len(corner) - layer.ndim :]), float) for corner in corners]
    one, other = (corner[-count:] for corner in inside)
    low = np.ceil(np.minimum(one, other) - 1e-6)
    high = np.floor(np.maximum(one, other) + 1e-6)
    data = finest(layer)
    shape = np.array(np.shape(data)[-count:])
    if through is not None and count == 3:
        low[through] = high[through] = np.round(one[through])
    low, high = np.maximum(low, 0), np.minimum(high, shape - 1)
    if (high < low).any():
        return None
    part = tuple(slice(int(first), int(last) + 1) for first, last in zip(low, high, strict=True))
    ahead = np.round(inside[0][: layer.ndim - count]).clip(0, np.array(np.shape(data)[: layer.ndim - count]) - 1)
    where: tuple[int | slice, ...] = (*(int(step) for step in ahead), *part)
    values = np.asarray(data[where])
    if values.size < 4 or values.min() == values.max():
        return None
    first, last = (float(value) for value in np.percentile(values, (2, 98)))
    return Window.between(first, last) if last > first else None

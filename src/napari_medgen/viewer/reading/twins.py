"""Layers of a view: each follows a layer of the viewer and shares its array.

A napari layer keeps the slice that it shows, so that one layer cannot be in two views; its array can.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.reading.window_level import modality

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

# What a twin takes over when it changes. What is of the view itself (slab, 3D rendering) is not among it.
_FOLLOWED = (
    "data",
    "contrast_limits_range",
    "contrast_limits",
    "gamma",
    "colormap",
    "opacity",
    "blending",
    "interpolation2d",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "units",
    "axis_labels",
    "contour",
    "selected_label",
    "show_selected_label",
)
# What makes another drawing of one.
_LOOKS = (
    "data",
    "features",
    "face_color",
    "edge_color",
    "border_color",
    "border_width",
    "edge_width",
    "size",
    "symbol",
    "text",
)
_PLACED = ("data", "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
# Voxels along the longest side in 3D: without a graphics card a frame of more takes longer than a blink.
_FINEST_3D = 128
_BONE_3D = (100.0, 1300.0)  # Hounsfield units
_WRITTEN = ("paint", "labels_update", "set_data")  # somebody wrote into the array
_HEARD = tuple(dict.fromkeys((*_FOLLOWED, *_LOOKS, *_WRITTEN)))


class Twin:
    """A layer in one view that follows one of the viewer.

    Parameters
    ----------
    source
        The layer that is followed.
    whole
        Whether the view shows the whole in three dimensions: then every so many voxels only, a view into the same array.
    muted
        As :class:`.pane.Pane` takes it.

    Attributes
    ----------
    layer
        The twin itself.
    """

    def __init__(self, source: Layer, *, whole: bool = False, muted: Callable[[], bool] = lambda: False) -> None:
        from napari.layers import Layer as Base

        self.source, self._whole, self._muted = source, whole, muted
        self._outdated = False
        data, options, kind = source.as_layer_data_tuple()
        self._every = _step(source) if whole else 1
        options = options | {"visible": True}
        if options.get("multiscale"):
            # Of levels of detail the finest: napari chooses among them by its own canvas.
            data, options["multiscale"] = finest(source), False
        if self._every > 1:
            data = self._thinned(data)
            options["scale"] = self._scale(options["scale"])
        self._fixed: tuple[str, ...] = ()
        if kind == "image":
            options["projection_mode"] = "none"
            if whole:
                options |= {"rendering": "attenuated_mip", "attenuation": 0.02, "interpolation3d": "linear"}
            self._fixed = self._fixed_for(source)
            if self._fixed:
                # The brightest voxels of a CT are bone and contrast, whatever window its slices have.
                options |= {"rendering": "mip", "contrast_limits": _BONE_3D}
        options.pop("experimental_clipping_planes", None)
        self.layer: Layer = Base.create(data, options, kind)
        self._listen(source)

    def _listen(self, source: Layer) -> None:
        """Hear of what a twin takes over; of all that a layer says it would take longer to listen than to show an image."""
        for what in _HEARD:
            if what in source.events:
                getattr(source.events, what).connect(self._changed)

    def _listen_no_more(self) -> None:
        for what in _HEARD:
            if what in self.source.events:
                getattr(self.source.events, what).disconnect(self._changed)

    def can_follow(self, source: Layer) -> bool:
        """Whether it can follow another layer instead: one of the same kind, so that no part of a canvas is made anew."""
        return (
            type(source) is type(self.layer)
            and source.ndim == self.layer.ndim
            and _is_plain(source)
            and getattr(source, "rgb", False) == getattr(self.layer, "rgb", False)
            and self._fixed == self._fixed_for(source)
        )

    def follow(self, source: Layer) -> None:
        """Follow another layer from now on."""
        self._listen_no_more()
        self.source = source
        self._every = _step(source) if self._whole else 1
        events = self.layer.events
        with ExitStack() as stack:
            # Each of them would make napari lay its sliders out anew; one for all is enough.
            for what in _PLACED:
                stack.enter_context(getattr(events, what).blocker())
            for what in _FOLLOWED:
                if hasattr(source, what) and what not in self._fixed:
                    self._take(what)
        events.translate()
        self._listen(source)

    def _fixed_for(self, source: Layer) -> tuple[str, ...]:
        return ("contrast_limits", "contrast_limits_range") if self._whole and modality(source) == "CT" else ()

    def close(self) -> None:
        """Follow no more."""
        self._listen_no_more()

    @property
    def stale(self) -> bool:
        """Whether the source has become something that this twin cannot show, such as data with another number of axes."""
        return self._outdated or self.layer.ndim != self.source.ndim or type(self.layer) is not type(self.source)

    def _changed(self, event: Event) -> None:
        what, layer = event.type, self.layer
        if not _is_plain(self.source) and what in _LOOKS:
            self._outdated = True  # drawings are small: the view makes another twin
            return
        if what in _WRITTEN[:2] or (what == "set_data" and _is_plain(self.source) and not self._muted()):
            layer.refresh()  # somebody wrote into the array
            return
        if what in _FOLLOWED and what not in self._fixed and hasattr(layer, what):
            self._take(what)

    def _take(self, what: str) -> None:
        layer = self.layer
        value: Any = getattr(self.source, what)
        if what == "data":
            if self.source.ndim != layer.ndim:
                return  # the view makes another twin
            value = finest(self.source)
            value = self._thinned(value)
            if value is layer.data:
                layer.refresh()
                return
        elif what == "scale":
            value = self._scale(value)
        if what != "data" and _same(getattr(layer, what), value):
            return
        setattr(layer, what, value)

    def _thinned(self, data: Any) -> Any:
        if self._every == 1:
            return data
        return data[(..., *(slice(None, None, self._every),) * 3)]

    def _scale(self, scale: Any) -> Any:
        if self._every == 1:
            return scale
        return np.asarray(scale, float) * np.r_[np.ones(len(scale) - 3), np.full(3, self._every)]


def _is_plain(source: Layer) -> bool:
    from napari.layers import Image, Labels

    return isinstance(source, Image | Labels)


def _step(source: Layer) -> int:
    from napari.layers import Image, Labels

    if not isinstance(source, Image | Labels) or source.ndim < 3 or getattr(source, "rgb", False):
        return 1
    return -(-max(np.shape(finest(source))[-3:]) // _FINEST_3D)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    try:
        return bool(np.array_equal(np.asarray(one, float), np.asarray(other, float)))
    except (TypeError, ValueError):
        try:
            return bool(one == other)
        except (TypeError, ValueError):
            return False

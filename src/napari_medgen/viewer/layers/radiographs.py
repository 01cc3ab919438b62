"""Radiographs as layers, and any image layer's visible slice as a radiograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.radiograph import Laterality, Radiograph, natural_window
from napari_medgen.viewer.layers.volumes import KEY, LayerData, has_patient_axes, millimetres, provenance_in

AXES = ("row", "column")
_ABOUT = f"{KEY}_radiograph"
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_COLOUR = 24


def radiograph_layer(image: Radiograph) -> LayerData:
    """Everything that makes a layer: true size where it is known, the file's window, and its provenance."""
    known = image.spacing is not None
    low, high = float(image.pixels.min()), float(image.pixels.max())
    return (
        image.pixels,
        {
            "name": image.name,
            "rgb": False,
            "colormap": "gray",
            "interpolation2d": "linear",
            "contrast_limits": image.window,
            "scale": image.spacing or (image.aspect, 1.0),
            "units": ("mm", "mm") if known else ("pixel", "pixel"),
            "axis_labels": AXES,
            "metadata": {
                KEY: image.provenance.model_dump(exclude_none=True),
                _ABOUT: {
                    "window": image.window,
                    "range": (low, high),
                    "laterality": image.laterality,
                    "view": image.view,
                    "coloured": image.coloured,
                    "notes": image.notes,
                    "identity": image.identity,
                },
            },
        },
        "image",
    )


def radiograph_of(data: Any, meta: dict[str, Any]) -> Radiograph:
    """Radiograph of a two-dimensional layer's array and attributes, for writing it.

    Raises
    ------
    ImageError
        If the layer is not a two-dimensional image.
    """
    name = str(meta.get("name", "radiograph"))
    pixels = np.asarray(data)
    if not _is_upright(meta):
        raise ImageError(f"{name} was turned in the window; set its rotation, shear and affine back before it is written.")
    if meta.get("rgb") or pixels.ndim != 2:
        raise ImageError(f"{name} has the shape {pixels.shape}: only grey images with rows and columns can be written so.")
    about = meta.get("metadata", {}).get(_ABOUT, {})
    units = [str(unit) for unit in meta.get("units") or ()]
    limits = meta.get("contrast_limits")
    window = about.get("window") or (tuple(limits) if limits is not None else natural_window(pixels))
    return Radiograph(
        _plain(pixels),
        (float(window[0]), float(window[1])),
        spacing=_millimetres(meta.get("scale", (1, 1)), units),
        laterality=about.get("laterality", ""),
        view=about.get("view", ""),
        coloured=about.get("coloured", False),
        name=name,
        provenance=provenance_in(meta.get("metadata", {})),
        identity=about.get("identity", "unknown"),
        aspect=_aspect(meta.get("scale", (1, 1))),
    )


@dataclass(frozen=True, eq=False)
class Plane:
    """The slice of an image layer that is on screen.

    Attributes
    ----------
    layer
        The layer.
    index
        Place along each axis that is not shown; None for the two that are.
    upright
        Whether rows must be reversed for the image to stand the right way up, as in coronal slices of a volume.
    transposed
        Whether columns come before rows in the array.
    """

    layer: Any
    index: tuple[int | None, ...]
    upright: bool
    transposed: bool

    @classmethod
    def shown(cls, viewer: Any, layer: Any) -> Plane:
        """The slice of a layer that a viewer shows now.

        Raises
        ------
        ImageError
            If the layer has no rows and columns, or the viewer shows it in 3D.
        """
        ndim = layer.ndim
        if viewer.dims.ndisplay != 2:
            raise ImageError("The viewer shows volumes in 3D; switch to 2D, so that there is a slice to explain.")
        if ndim < 2:
            raise ImageError(f"{layer.name} has no rows and columns.")
        offset = viewer.dims.ndim - ndim
        axes = [axis - offset for axis in viewer.dims.displayed]
        if min(axes) < 0:
            raise ImageError(f"{layer.name} is not shown along its own rows and columns; change the order of the axes.")
        place = np.asarray(layer.world_to_data(viewer.dims.point[offset:]))
        index = tuple(
            None if axis in axes else int(np.clip(round(place[axis]), 0, layer.data.shape[axis] - 1)) for axis in range(ndim)
        )
        labels = tuple(layer.axis_labels)
        return cls(layer, index, has_patient_axes(layer) and labels[axes[0]][0] == "S", axes[0] > axes[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a map of this slice alone, with an axis for each of the layer's."""
        sizes = self.layer.data.shape
        return tuple(sizes[axis] if place is None else 1 for axis, place in enumerate(self.index))

    def image(self, *, as_on_screen: bool = False) -> Radiograph:
        """The slice as an image the right way up.

        Parameters
        ----------
        as_on_screen
            Take the contrast limits as black and white, and not what the file says. Slices of volumes always do.
        """
        layer = self.layer
        pixels = np.asarray(layer.data[tuple(slice(None) if place is None else place for place in self.index)])
        coloured = False
        if layer.rgb:
            colours = pixels[..., :3].astype(np.float32) * (1 if np.issubdtype(pixels.dtype, np.integer) else 255)
            coloured = bool((np.ptp(colours, -1) > _COLOUR).mean() > 0.01)
            pixels = np.rint(colours @ _LUMA).astype(np.uint8)
        else:
            pixels = _plain(pixels)
        about = layer.metadata.get(_ABOUT, {})
        limits = tuple(float(value) for value in layer.contrast_limits)
        whole = len(self.index) > 2
        named = about.get("window") or (natural_window(pixels) if pixels.dtype == np.uint8 and not whole else limits)
        window = limits if as_on_screen and not layer.rgb else named
        units = [str(unit) for unit in layer.units]
        rows = [step for step, place in zip(layer.scale, self.index, strict=True) if place is None]
        side: Laterality = about.get("laterality", "")
        return Radiograph(
            np.ascontiguousarray(self._turn(pixels)),
            (float(window[0]), float(window[1])),
            spacing=_millimetres(rows, units),
            laterality=side,
            view=about.get("view", ""),
            coloured=coloured or bool(about.get("coloured", False)),
            name=layer.name if not whole else f"{layer.name}, slice {' '.join(str(i) for i in self.index if i is not None)}",
            notes=tuple(about.get("notes", ())),
            identity=about.get("identity", "unknown"),
            aspect=_aspect(rows),
            provenance=provenance_in(layer.metadata),
        )

    def values(self, map_on_image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of :meth:`image` in the layer's own directions, with an axis for each of the layer's."""
        return np.ascontiguousarray(self._turn(map_on_image, back=True)).reshape(self.shape)

    def _turn(self, pixels: NDArray[Any], *, back: bool = False) -> NDArray[Any]:
        if back:
            pixels = pixels[::-1] if self.upright else pixels
            return pixels.T if self.transposed else pixels
        pixels = pixels.T if self.transposed else pixels
        return pixels[::-1] if self.upright else pixels

    def placement(self) -> dict[str, Any]:
        """Where a layer with :meth:`values` must lie to cover the slice: the layer's own geometry, moved to the slice."""
        layer = self.layer
        offset = np.array([place or 0 for place in self.index])
        linear = np.asarray(layer._transforms["data2physical"].linear_matrix)
        return {
            "scale": tuple(layer.scale),
            "translate": tuple(np.asarray(layer.translate) + linear @ offset),
            "rotate": np.asarray(layer.rotate),
            "shear": np.asarray(layer.shear),
            "affine": np.asarray(layer.affine.affine_matrix),
            "units": tuple(layer.units),
            "axis_labels": tuple(layer.axis_labels),
        }


def radiograph_plane(viewer: Any, layer: Any) -> Plane:
    """A layer as it is shown, if it is a radiograph.

    Raises
    ------
    ImageError
        If there is no layer, or it has more than rows and columns.
    """
    if layer is None or layer not in viewer.layers:
        raise ImageError("Open a radiograph first, and choose it as the image.")
    plane = Plane.shown(viewer, layer)
    if plane.layer.ndim != 2 or plane.transposed:
        raise ImageError(f"{layer.name} is not a radiograph with rows and columns.")
    return plane


def with_side(image: Radiograph, side: Laterality) -> Radiograph:
    """The image with a side, where the file does not say one."""
    return replace(image, laterality=side) if side else image


def _plain(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    return pixels if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(np.float32)


def _is_upright(meta: dict[str, Any]) -> bool:
    """Whether nobody turned, sheared or mirrored a layer."""
    ones = (meta.get(key) for key in ("rotate", "affine"))
    plain = all(one is None or np.allclose(one, np.eye(len(one))) for one in ones)
    shear = np.asarray(meta.get("shear") if meta.get("shear") is not None else 0.0)
    sheared = bool((np.triu(shear, 1) if shear.ndim == 2 else shear).any())  # napari says it either way
    return plain and not sheared and min(meta.get("scale", (1,))) > 0


def _aspect(scale: Any) -> float:
    row, column = (float(step) for step in list(scale)[-2:])
    return row / column


def _millimetres(scale: Any, units: list[str]) -> tuple[float, float] | None:
    lengths = millimetres(units)
    if lengths is None:
        return None
    row, column = (float(step) * length for step, length in zip(list(scale)[-2:], lengths[-2:], strict=True))
    return row, column

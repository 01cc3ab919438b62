"""The slice of an image layer that is on screen: where it lies, and the image that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Laterality, Radiograph, natural_window
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import RADIOGRAPH, provenance_of
from napari_medgen.viewer.layers.place import has_patient_axes
from napari_medgen.viewer.layers.radiographs import aspect, pixel_spacing, plain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_COLOUR = 24  # of 255: what channels of a grey image that was saved in colour may differ by


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A slice as it was when it was asked about: what its image is made of, in the background.

    Attributes
    ----------
    name
        For a person: the layer's, with the place along the axes that are not shown.
    pixels
        The layer's own, not a copy: (H, W) or (W, H), with colours where ``rgb``.
    window
        Black and white where they are known; by default they follow from the pixels.
    limits
        The contrast limits on screen.
    about
        What the reader noted of the image.
    """

    name: str
    pixels: Any
    rgb: bool
    whole: bool
    upright: bool
    transposed: bool
    window: tuple[float, float] | None
    limits: tuple[float, float]
    steps: tuple[float, ...]
    units: tuple[str, ...]
    side: Laterality
    about: dict[str, Any]
    provenance: Provenance

    def image(self) -> Radiograph:
        """The slice as an image the right way up."""
        pixels, coloured = np.asarray(self.pixels), False
        if self.rgb:
            colours = pixels[..., :3].astype(np.float32) * (1 if np.issubdtype(pixels.dtype, np.integer) else 255)
            coloured = bool((np.ptp(colours, -1) > _COLOUR).mean() > 0.01)
            pixels = np.rint(colours @ _LUMA).astype(np.uint8)
        else:
            pixels = plain(pixels)
        window = self.window or (natural_window(pixels) if pixels.dtype == np.uint8 and self.whole else self.limits)
        pixels = pixels.T if self.transposed else pixels
        return Radiograph(
            np.ascontiguousarray(pixels[::-1] if self.upright else pixels),
            (float(window[0]), float(window[1])),
            spacing=pixel_spacing(self.steps, list(self.units)),
            laterality=self.side,
            view=self.about.get("view", ""),
            coloured=coloured or bool(self.about.get("coloured", False)),
            name=self.name,
            notes=tuple(self.about.get("notes", ())),
            identity=self.about.get("identity", "unknown"),
            aspect=aspect(self.steps),
            provenance=self.provenance,
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

    layer: Image
    index: tuple[int | None, ...]
    upright: bool
    transposed: bool

    @classmethod
    def shown(cls, viewer: ViewerModel, layer: Image) -> Plane:
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

    def excerpt(self, *, as_on_screen: bool = False, side: Laterality = "") -> Excerpt:
        """The slice as it is now.

        Parameters
        ----------
        as_on_screen
            Take the contrast limits as black and white, and not what the file says. Slices of volumes always do.
        side
            Of the body, where the file does not say it.
        """
        layer, about = self.layer, self.layer.metadata.get(RADIOGRAPH, {})
        places = [str(place) for place in self.index if place is not None]
        low, high = (float(value) for value in layer.contrast_limits)
        on_screen = as_on_screen and not layer.rgb
        return Excerpt(
            name=f"{layer.name}, slice {' '.join(places)}" if places else layer.name,
            pixels=finest(layer)[tuple(slice(None) if place is None else place for place in self.index)],
            rgb=bool(layer.rgb),
            whole=not places,
            upright=self.upright,
            transposed=self.transposed,
            window=(low, high) if on_screen else about.get("window"),
            limits=(low, high),
            steps=tuple(float(step) for step, place in zip(layer.scale, self.index, strict=True) if place is None),
            units=tuple(str(unit) for unit in layer.units),
            side=side or about.get("laterality", ""),
            about=about,
            provenance=provenance_of(layer),
        )

    def image(self, *, as_on_screen: bool = False) -> Radiograph:
        """The slice as an image the right way up, made here and now; :meth:`excerpt` leaves that to the background."""
        return self.excerpt(as_on_screen=as_on_screen).image()

    def values(self, map_on_image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of :meth:`image` in the layer's own directions, with an axis for each of the layer's."""
        pixels = map_on_image[::-1] if self.upright else map_on_image
        return np.ascontiguousarray(pixels.T if self.transposed else pixels).reshape(self.shape)

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

    def part(self, box: tuple[float, float, float, float], shape: tuple[int, int]) -> dict[str, Any]:
        """Where a layer of other pixels must lie to cover a part of the slice.

        Parameters
        ----------
        box
            Top, left, bottom and right edge of the part, in the slice's pixels.
        shape
            Rows and columns of the layer.
        """
        base = self.placement()
        shown = [axis for axis, place in enumerate(self.index) if place is None]
        steps, start = ([base[key][axis] for axis in shown] for key in ("scale", "translate"))
        top, left, bottom, right = box
        scale = ((bottom - top) / shape[0] * steps[0], (right - left) / shape[1] * steps[1])
        # A pixel's centre is its place, so larger pixels begin half a small one earlier and half a large one later.
        corner = tuple(start[i] + first * steps[i] + (scale[i] - steps[i]) / 2 for i, first in enumerate((top, left)))
        return {
            "scale": scale,
            "translate": corner,
            "units": tuple(base["units"][axis] for axis in shown),
            "axis_labels": tuple(base["axis_labels"][axis] for axis in shown),
        }


def radiograph_plane(viewer: ViewerModel, layer: Image | None) -> Plane:
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

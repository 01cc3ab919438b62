"""Volumes as layers and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.geometry import off_axis
from napari_medgen.imaging.orientation import CANONICAL, CANONICAL_AXES
from napari_medgen.imaging.volume import Volume
from napari_medgen.validity import range_of
from napari_medgen.viewer.layers.owner import KEY, provenance_in
from napari_medgen.viewer.layers.place import UNSURE, millimetres, moved, placement, turned

# The screen's axes (S, P, L) in RAS+; a matrix of signs, so that its inverse is its transpose.
CANONICAL_WORLD = np.eye(4)
CANONICAL_WORLD[:3, :3] = CANONICAL_AXES
LayerData = tuple[NDArray[Any], dict[str, Any], str]
_SAMPLED = 2**22  # voxels that are enough for a percentile


def layer_options(volume: Volume) -> dict[str, Any]:
    """Everything that ``add_image`` needs beside the voxels.

    The layer carries spacing and place in millimetres; the rotation of an oblique scan stays in its metadata, since
    napari cannot slice obliquely. Where a size is unknown, its numbers have no unit.
    """
    placement = volume.placement
    return {
        "name": volume.name,
        "scale": volume.spacing,
        "translate": volume.origin,
        "units": ("mm" if placement.known_size else "dimensionless",) * 3,
        "axis_labels": CANONICAL if placement.oriented else UNSURE,
        "metadata": {
            KEY: volume.provenance.model_dump(exclude_none=True),
            f"{KEY}_affine": volume.affine.tolist(),
            f"{KEY}_home": {"scale": list(volume.spacing), "translate": list(volume.origin)},
            f"{KEY}_source_codes": list(volume.source_codes),
            f"{KEY}_placement": asdict(placement),
            f"{KEY}_askew": off_axis(volume.affine, volume.voxels.shape) if placement.oriented else "",
        },
    }


def image_options(volume: Volume, limits: tuple[float, float] | None = None) -> dict[str, Any]:
    """:func:`layer_options` for an image: grey, with contrast limits set once.

    Parameters
    ----------
    limits
        The contrast limits where they are known; by default they are looked for in the voxels, which takes a tenth of a
        second for a large volume.
    """
    return layer_options(volume) | {
        "rgb": False,
        "colormap": "gray",
        "interpolation2d": "linear",
        "contrast_limits": limits or contrast_limits(volume.voxels),
    }


def contrast_limits(voxels: NDArray[Any]) -> tuple[float, float]:
    """From the lowest grey value to the 99.8th percentile of what lies above it; never an empty interval.

    Of a large volume the percentile is that of evenly spread voxels: of all of 500 slices it took longer than to read them.
    """
    low = float(voxels.min())
    every = max(int(np.ceil((voxels.size / _SAMPLED) ** (1 / voxels.ndim))), 1)
    spread = voxels[(slice(None, None, every),) * voxels.ndim]
    above = spread[spread > low]
    high = float(np.percentile(above, 99.8)) if above.size else low + 1
    # napari hands them to the graphics card in single precision, where close ones are equal.
    return range_of(low, high)


def volume_of(data: Any, meta: dict[str, Any]) -> Volume:
    """Volume of a layer's array and attributes.

    A layer of this plugin gets its own affine back, with the scale and translation that it has now. Any other layer is
    taken to have the axes (S, P, L), and nobody knows how it lies in the patient. What somebody turned or sheared in the
    window is turned or sheared in the volume too.

    Raises
    ------
    ImageError
        If the layer is not a three-dimensional grey image.
    """
    voxels = np.asarray(data)
    name = str(meta.get("name", "volume"))
    if meta.get("rgb") or voxels.ndim != 3:
        raise ImageError(f"{name} has the shape {voxels.shape}: only volumes of grey values with three axes can be used.")
    metadata = meta.get("metadata", {})
    placed = Volume.on_grid(np.zeros(voxels.shape, np.uint8), (1, 1, 1)).affine
    stored = np.asarray(metadata.get(f"{KEY}_affine", placed), np.float64)
    lengths = np.array(millimetres(meta.get("units")) or (1.0, 1.0, 1.0))
    scale = np.asarray(meta.get("scale", (1, 1, 1)), float) * lengths
    translate = np.asarray(meta.get("translate", (0, 0, 0)), float) * lengths
    affine = CANONICAL_WORLD @ turned(meta) @ CANONICAL_WORLD.T @ moved(metadata, stored, voxels.shape, scale, translate)
    codes = metadata.get(f"{KEY}_source_codes", CANONICAL)
    volume = Volume.of(voxels, affine, name, provenance_in(metadata))
    return replace(volume, source_codes=tuple(codes), placement=placement(meta))

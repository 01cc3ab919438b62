"""Volumes as layers and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_medgen.errors import ImageError
from napari_medgen.imaging.geometry import Placement, Unit, from_screen, off_axis
from napari_medgen.imaging.orientation import CANONICAL, CANONICAL_AXES
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.validity import range_of

KEY = "napari_medgen"
_RADIOGRAPH = f"{KEY}_radiograph"
# Axes of a volume of which nobody knows how it lies in the patient: shown as if it were these.
UNSURE = ("S?", "P?", "L?")
# The screen's axes (S, P, L) in RAS+; a matrix of signs, so that its inverse is its transpose.
CANONICAL_WORLD = np.eye(4)
CANONICAL_WORLD[:3, :3] = CANONICAL_AXES
_LENGTHS = {
    **dict.fromkeys(("mm", "millimeter"), 1.0),
    **dict.fromkeys(("um", "µm", "micrometer", "micron"), 1e-3),
    **dict.fromkeys(("cm", "centimeter"), 10.0),
    **dict.fromkeys(("m", "meter"), 1e3),
    **dict.fromkeys(("nm", "nanometer"), 1e-6),
}
LayerData = tuple[NDArray[Any], dict[str, Any], str]


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


def image_options(volume: Volume) -> dict[str, Any]:
    """:func:`layer_options` for an image: grey, with contrast limits set once."""
    return layer_options(volume) | {
        "rgb": False,
        "colormap": "gray",
        "interpolation2d": "linear",
        "contrast_limits": contrast_limits(volume.voxels),
    }


def contrast_limits(voxels: NDArray[Any]) -> tuple[float, float]:
    """From the lowest grey value to the 99.8th percentile of what lies above it; never an empty interval."""
    low = float(voxels.min())
    above = voxels[voxels > low]
    high = float(np.percentile(above, 99.8)) if above.size else low + 1
    # napari hands them to the graphics card in single precision, where close ones are equal.
    return range_of(low, high)


def common_metadata(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Metadata of what is made of several images: what they agree on; synthetic if one is, and as doubtful as the worst."""
    made = [provenance_in(one) for one in each]
    kept: dict[str, Any] = {key: value for key, value in each[0].items() if all(one.get(key) == value for one in each)}
    if any(one != made[0] for one in made):
        synthetic = any(one.synthetic for one in made)
        kept[KEY] = Provenance(synthetic=synthetic, software="").model_dump(exclude_none=True)
    abouts = [one[_RADIOGRAPH] for one in each if _RADIOGRAPH in one]
    if abouts and _RADIOGRAPH not in kept:
        same = {key: value for key, value in abouts[0].items() if all(about.get(key) == value for about in abouts)}
        identities = {about.get("identity", "unknown") for about in abouts}
        worst = next(kind for kind in ("present", "unknown", "removed") if kind in identities)
        notes = tuple(dict.fromkeys(note for about in abouts for note in about.get("notes", ())))
        kept[_RADIOGRAPH] = same | {"identity": worst, "notes": notes}
    return kept


def made_by(provenance: Provenance) -> dict[str, Any]:
    """Metadata of a layer that a model made."""
    return {KEY: provenance.model_dump(exclude_none=True)}


def provenance_of(layer: Any) -> Provenance:
    """Provenance that a layer carries; an empty one for a layer of somebody else's."""
    return provenance_in(layer.metadata)


def provenance_in(metadata: dict[str, Any]) -> Provenance:
    """Provenance in a layer's metadata."""
    try:
        return Provenance.model_validate(metadata.get(KEY, {"software": ""}))
    except ValidationError:
        return Provenance(software="")


def is_synthetic(layer: Any) -> bool:
    """Whether a model made what a layer shows."""
    return provenance_of(layer).synthetic


def is_oriented(layer: Any) -> bool:
    """Whether it is known which side of what is shown is which: the file says it, and nobody turned the layer since."""
    if tuple(layer.axis_labels)[-3:] != CANONICAL or (np.asarray(layer.scale) <= 0).any():
        return False
    return bool(np.allclose(_turned(spatial(layer))[:3, :3], np.eye(3)))


def has_patient_axes(layer: Any) -> bool:
    """Whether a layer lies along (S, P, L), or is taken to."""
    return tuple(layer.axis_labels)[-3:] in (CANONICAL, UNSURE)


def spatial(layer: Any) -> dict[str, Any]:
    """What places the last three axes of a layer in the world, as its attributes."""
    linear, after = np.asarray(layer._transforms["data2physical"].linear_matrix)[-3:, -3:], layer.affine.affine_matrix
    whole = np.eye(4)
    whole[:3, :3] = np.asarray(after)[-4:-1, -4:-1]
    whole[:3, 3] = np.asarray(after)[-4:-1, -1]
    scale = np.asarray(layer.scale)[-3:]
    turned = np.eye(4)
    turned[:3, :3] = linear / scale
    return {"scale": scale, "translate": np.zeros(3), "affine": whole @ turned}


def millimetres(units: Any) -> tuple[float, ...] | None:
    """Millimetres in the units of a layer's axes; None where one is no length."""
    factors = [_LENGTHS.get(str(unit)) for unit in units or ()]
    known = tuple(factor for factor in factors if factor is not None)
    return known if known and len(known) == len(factors) else None


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
    affine = CANONICAL_WORLD @ _turned(meta) @ CANONICAL_WORLD.T @ _moved(metadata, stored, voxels.shape, scale, translate)
    codes = metadata.get(f"{KEY}_source_codes", CANONICAL)
    volume = Volume.of(voxels, affine, name, provenance_in(metadata))
    return replace(volume, source_codes=tuple(codes), placement=_placement(meta))


def _moved(
    metadata: dict[str, Any], stored: Any, shape: tuple[int, ...], scale: NDArray[np.float64], place: NDArray[np.float64]
) -> Any:
    """The affine after a layer was scaled and moved from where it was put, its rotation kept."""
    home = metadata.get(f"{KEY}_home")
    if not isinstance(home, dict) or set(home) != {"scale", "translate"}:
        return from_screen(stored, shape, scale, place)
    middle = (np.asarray(shape, float) - 1) / 2
    by = (place + scale * middle) - (np.asarray(home["translate"]) + np.asarray(home["scale"]) * middle)
    affine = np.array(stored, float)
    true = affine[:3, :3] @ middle + affine[:3, 3] + CANONICAL_AXES @ by
    affine[:3, :3] *= scale / np.asarray(home["scale"])
    affine[:3, 3] = true - affine[:3, :3] @ middle
    return affine


def slice_place(layer: Any, index: tuple[int | None, ...], scale: Any, translate: Any) -> dict[str, Any]:
    """Metadata of a layer that covers a slice of a volume of ours: where that truly lies, whatever the screen shows."""
    stored = layer.metadata.get(f"{KEY}_affine")
    if stored is None or layer.ndim != 3:
        return {}
    affine = np.array(stored, float)
    affine[:3, 3] += affine[:3, :3] @ np.array([place or 0 for place in index], float)
    kept = {key: layer.metadata[key] for key in (f"{KEY}_placement", f"{KEY}_source_codes") if key in layer.metadata}
    home = {"scale": [float(step) for step in scale], "translate": [float(step) for step in translate]}
    return kept | {f"{KEY}_affine": affine.tolist(), f"{KEY}_home": home}


def _turned(meta: dict[str, Any]) -> NDArray[np.float64]:
    """What a layer's rotation, shear and affine add to its scale and place, (4, 4) on the screen's axes; one as a rule."""
    scale = np.asarray(meta.get("scale", (1, 1, 1)), float)
    place = np.asarray(meta.get("translate", (0, 0, 0)), float)
    whole = Affine(scale=scale, translate=place, rotate=meta.get("rotate"), shear=meta.get("shear")).affine_matrix
    plain = Affine(scale=scale, translate=place).affine_matrix
    after = meta.get("affine")
    turned: NDArray[np.float64] = (np.eye(4) if after is None else np.asarray(after)) @ whole @ np.linalg.inv(plain)
    return turned


def _placement(meta: dict[str, Any]) -> Placement:
    """How sure a layer's place is: what its file said; of a layer of somebody else's, what its axes and units say."""
    own = meta.get("metadata", {}).get(f"{KEY}_placement")
    unit: Unit = "mm" if millimetres(meta.get("units")) else "unknown"
    if not isinstance(own, dict):
        return Placement(oriented=tuple(meta.get("axis_labels") or ())[-3:] == CANONICAL, unit=unit)
    codes = own.get("codes")
    return Placement(bool(own.get("oriented")), unit, (int(codes[0]), int(codes[1])) if codes else None)

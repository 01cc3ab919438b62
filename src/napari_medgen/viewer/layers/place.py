"""How a layer lies in the patient: its axes, units and turns, and what of them a file is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_medgen.imaging.geometry import Placement, Unit, from_screen
from napari_medgen.imaging.orientation import CANONICAL, CANONICAL_AXES
from napari_medgen.viewer.layers.owner import KEY

if TYPE_CHECKING:
    from napari.layers import Layer

# Axes of a volume of which nobody knows how it lies in the patient: shown as if it were these.
UNSURE = ("S?", "P?", "L?")
LENGTHS = {  # millimetres in each unit that is a length
    **dict.fromkeys(("mm", "millimeter"), 1.0),
    **dict.fromkeys(("um", "µm", "micrometer", "micron"), 1e-3),
    **dict.fromkeys(("cm", "centimeter"), 10.0),
    **dict.fromkeys(("m", "meter"), 1e3),
    **dict.fromkeys(("nm", "nanometer"), 1e-6),
}


def is_oriented(layer: Layer) -> bool:
    """Whether it is known which side of what is shown is which: the file says it, and nobody turned the layer since."""
    if tuple(layer.axis_labels)[-3:] != CANONICAL or (np.asarray(layer.scale) <= 0).any():
        return False
    return bool(np.allclose(turned(spatial(layer))[:3, :3], np.eye(3)))


def has_patient_axes(layer: Layer) -> bool:
    """Whether a layer lies along (S, P, L), or is taken to."""
    return tuple(layer.axis_labels)[-3:] in (CANONICAL, UNSURE)


def spatial(layer: Layer) -> dict[str, Any]:
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
    factors = [LENGTHS.get(str(unit)) for unit in units or ()]
    known = tuple(factor for factor in factors if factor is not None)
    return known if known and len(known) == len(factors) else None


def moved(
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


def slice_place(layer: Layer, index: tuple[int | None, ...], scale: Any, translate: Any) -> dict[str, Any]:
    """Metadata of a layer that covers a slice of a volume of ours: where that truly lies, whatever the screen shows."""
    stored = layer.metadata.get(f"{KEY}_affine")
    if stored is None or layer.ndim != 3:
        return {}
    affine = np.array(stored, float)
    affine[:3, 3] += affine[:3, :3] @ np.array([place or 0 for place in index], float)
    kept = {key: layer.metadata[key] for key in (f"{KEY}_placement", f"{KEY}_source_codes") if key in layer.metadata}
    home = {"scale": [float(step) for step in scale], "translate": [float(step) for step in translate]}
    return kept | {f"{KEY}_affine": affine.tolist(), f"{KEY}_home": home}


def turned(meta: dict[str, Any]) -> NDArray[np.float64]:
    """What a layer's rotation, shear and affine add to its scale and place, (4, 4) on the screen's axes; one as a rule."""
    scale = np.asarray(meta.get("scale", (1, 1, 1)), float)
    place = np.asarray(meta.get("translate", (0, 0, 0)), float)
    whole = Affine(scale=scale, translate=place, rotate=meta.get("rotate"), shear=meta.get("shear")).affine_matrix
    plain = Affine(scale=scale, translate=place).affine_matrix
    after = meta.get("affine")
    turned: NDArray[np.float64] = (np.eye(4) if after is None else np.asarray(after)) @ whole @ np.linalg.inv(plain)
    return turned


def placement(meta: dict[str, Any]) -> Placement:
    """How sure a layer's place is: what its file said; of a layer of somebody else's, what its axes and units say."""
    own = meta.get("metadata", {}).get(f"{KEY}_placement")
    unit: Unit = "mm" if millimetres(meta.get("units")) else "unknown"
    if not isinstance(own, dict):
        return Placement(oriented=tuple(meta.get("axis_labels") or ())[-3:] == CANONICAL, unit=unit)
    codes = own.get("codes")
    return Placement(bool(own.get("oriented")), unit, (int(codes[0]), int(codes[1])) if codes else None)

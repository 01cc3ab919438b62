"""The planes that a view can show: which axis goes through it, what is up, and its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.hanging import PlaneName
from napari_medgen.imaging.orientation import CANONICAL_AXES, opposite_letters, side_letters
from napari_medgen.viewer.layers.owner import KEY, RADIOGRAPH
from napari_medgen.viewer.layers.place import has_patient_axes, is_oriented

if TYPE_CHECKING:
    from napari.layers import Layer

_UNKNOWN = "?"


@dataclass(frozen=True)
class Plane:
    """One kind of view.

    Attributes
    ----------
    through
        Which of the axes (S, P, L) runs through it; None where the last two axes are shown as they are.
    upward
        Whether its vertical axis grows upward on the screen: the patient's head is up.
    colour
        Of the lines that stand for it in the other views.
    """

    name: PlaneName
    title: str
    through: int | None
    upward: bool = False
    colour: str = "#ffffff"

    @property
    def displayed(self) -> tuple[int, int]:
        """The vertical and the horizontal axis, counted from the end: -1 is the last."""
        first, second = (axis - 3 for axis in range(3) if axis != self.through) if self.through is not None else (-2, -1)
        return first, second


# The colours of the planes as clinical viewers have them.
PLANES: dict[PlaneName, Plane] = {
    "axial": Plane("axial", "Axial", 0, colour="#ff5a5a"),
    "coronal": Plane("coronal", "Coronal", 1, upward=True, colour="#53d769"),
    "sagittal": Plane("sagittal", "Sagittal", 2, upward=True, colour="#ffd60a"),
    "3d": Plane("3d", "3D", None, colour="#9db4c0"),
    "picture": Plane("picture", "", None, colour="#9db4c0"),
}
SLICES = tuple(plane for plane in PLANES.values() if plane.through is not None)


def is_volume(layer: Layer) -> bool:
    """Whether planes can be cut through a layer: it has three axes in space, not months of a flat picture."""
    if layer.ndim < 3 or RADIOGRAPH in layer.metadata or getattr(layer, "rgb", False):
        return False
    if has_patient_axes(layer):
        return True
    labels = tuple(layer.axis_labels)
    if labels[-2:] == ("row", "column"):
        return False
    lengths = np.asarray(layer.extent.data[1] - layer.extent.data[0])[-3:]
    return bool((lengths >= 1).all())


def sides(layer: Layer) -> tuple[str, str, str] | None:
    """Letters towards which the axes (S, P, L) of a volume grow; ``?`` where nobody knows, None of what is no volume.

    Of an oblique scan they are those of its own axes.
    """
    if not is_volume(layer):
        return None
    if not has_patient_axes(layer) or not is_oriented(layer):
        return _UNKNOWN, _UNKNOWN, _UNKNOWN
    axes = _directions(layer)
    first, second, third = (side_letters(axes[:, axis]) for axis in range(3))
    return first, second, third


def _directions(layer: Layer) -> NDArray[np.float64]:
    stored = layer.metadata.get(f"{KEY}_affine")
    return CANONICAL_AXES if stored is None else np.asarray(stored, np.float64)[:3, :3]


def grid_of(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Place of the first voxel and steps of a layer in the world, (ndim,) each; None of one that is turned or sheared."""
    count = layer.ndim
    first = np.asarray(layer.data_to_world(np.zeros(count)), float)
    steps = np.array([np.asarray(layer.data_to_world(row), float) - first for row in np.eye(count)])
    if not np.allclose(steps, np.diag(np.diag(steps)), atol=1e-6) or (np.diag(steps) <= 0).any():
        return None
    return first, np.diag(steps)


def edges(plane: Plane, growing: tuple[str, str, str]) -> dict[str, str]:
    """Letters of the four edges of a view: ``top``, ``bottom``, ``left``, ``right``."""
    down, right = (growing[axis] for axis in plane.displayed)
    top, bottom = (down, _other(down)) if plane.upward else (_other(down), down)
    return {"top": top, "bottom": bottom, "left": _other(right), "right": right}


def _other(letters: str) -> str:
    return letters if letters == _UNKNOWN else opposite_letters(letters)


def patient_place(layer: Layer, voxel: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Where a voxel (S, P, L indices) truly lies, in RAS+ millimetres; None where nobody knows."""
    if not has_patient_axes(layer) or not is_oriented(layer) or tuple(str(unit) for unit in layer.units)[-1] != "millimeter":
        return None
    stored = layer.metadata.get(f"{KEY}_affine")
    if stored is None:
        return None
    home = layer.metadata.get(f"{KEY}_home")
    moved = home is None or not (
        np.allclose(home["scale"], np.asarray(layer.scale)[-3:])
        and np.allclose(home["translate"], np.asarray(layer.translate)[-3:])
    )
    if moved:  # somebody moved the layer in the window: what the screen says is all that is known
        world: NDArray[np.float64] = np.asarray(layer.scale)[-3:] * voxel + np.asarray(layer.translate)[-3:]
        return np.asarray(CANONICAL_AXES @ world, np.float64)
    affine = np.asarray(stored, np.float64)
    return np.asarray(affine[:3, :3] @ voxel + affine[:3, 3], np.float64)


__all__ = ["PLANES", "SLICES", "Plane", "edges", "grid_of", "is_volume", "patient_place", "sides"]

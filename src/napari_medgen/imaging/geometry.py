"""What a file really says of where its voxels lie, how sure that is, and how much of it a screen shows.

A screen shows a volume along its own axes, distances along them in millimetres, its middle at its true place: napari cannot
slice obliquely. For an upright scan that is the whole truth. For others, and for what a file leaves open,
:func:`remarks` says in sentences what is not known or not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.orientation import CANONICAL_AXES, Affine

Unit = Literal["mm", "um", "m", "cm", "unknown"]

# Millimetres in what files count in.
MILLIMETRES: dict[str, float] = {"mm": 1.0, "um": 1e-3, "cm": 10.0, "m": 1e3, "unknown": 1.0}
_SPOKEN = {"um": "micrometres", "cm": "centimetres", "m": "metres"}
_LEAST_TILT = 0.1  # degrees
# No patient is larger, and no image of one smaller.
_LARGEST_PATIENT, _SMALLEST_IMAGE = 3000.0, 1.0


@dataclass(frozen=True)
class Placement:
    """How sure it is where a volume lies.

    Attributes
    ----------
    oriented
        Whether the file says how its axes lie in the patient. Otherwise nobody knows which side is which.
    unit
        What the file counts lengths in; the affine is in millimetres whatever it was. ``unknown`` where the file does not
        say, and then its numbers are taken as millimetres.
    codes
        Codes of a NIfTI file's qform and sform, which say what kind of space each is; None for other files.
    """

    oriented: bool = True
    unit: Unit = "mm"
    codes: tuple[int, int] | None = None

    @property
    def known_size(self) -> bool:
        """Whether distances are known."""
        return self.unit != "unknown"


def screen_place(affine: Affine, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and first voxel on a screen along (S, P, L), in millimetres; the middle lies where it truly is."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    middle = (np.asarray(shape, float) - 1) / 2
    true = affine[:3, :3] @ middle + affine[:3, 3]
    return steps, CANONICAL_AXES.T @ true - steps * middle


def from_screen(affine: Affine, shape: tuple[int, ...], steps: NDArray[np.float64], first: NDArray[np.float64]) -> Affine:
    """The affine after a volume was scaled and moved on a screen, its rotation kept; :func:`screen_place` turned back."""
    placed = affine.copy()
    placed[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) * steps
    middle = (np.asarray(shape, float) - 1) / 2
    placed[:3, 3] = CANONICAL_AXES @ (first + steps * middle) - placed[:3, :3] @ middle
    return placed


def screen_error(affine: Affine, shape: tuple[int, ...]) -> float:
    """Largest distance in millimetres between where a voxel is on a screen and where it truly is."""
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"), -1).reshape(-1, 3)
    steps, first = screen_place(affine, shape)
    true = corners @ affine[:3, :3].T + affine[:3, 3]
    shown = (corners * steps + first) @ CANONICAL_AXES.T
    return float(np.linalg.norm(true - shown, axis=1).max())


def rotation_and_tilt(affine: Affine) -> tuple[float, float]:
    """Angles in degrees: between the volume's axes and the patient's, and how far its axes are from right angles."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(axes)
    turn = (np.trace(CANONICAL_AXES.T @ left @ right) - 1) / 2
    cosines = np.abs(axes.T @ axes)[~np.eye(3, dtype=bool)]
    tilt = float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))
    return float(np.degrees(np.arccos(np.clip(turn, -1, 1)))), tilt


def off_axis(affine: Affine, shape: tuple[int, ...]) -> str:
    """How a volume lies askew, with the angle; empty where a screen shows each voxel within half a voxel of its place."""
    if screen_error(affine, shape) <= 0.5 * np.linalg.norm(affine[:3, :3], axis=0).min():
        return ""
    rotation, tilt = rotation_and_tilt(affine)
    if tilt > _LEAST_TILT:
        return f"tilted by {tilt:.1f}° as by a CT's gantry"
    return f"rotated by {rotation:.1f}° against the patient's axes"


def plausible(extent: NDArray[np.float64]) -> bool:
    """Whether a patient, or a part of one, may have these extents in millimetres."""
    return bool(_SMALLEST_IMAGE <= extent.max() <= _LARGEST_PATIENT)


def spoken(extent: NDArray[np.float64]) -> str:
    """Extents for a sentence."""
    return " x ".join(f"{side:,.0f}" if side >= 100 else f"{side:.3g}" for side in extent)


def remarks(affine: Affine, shape: tuple[int, ...], placement: Placement) -> list[str]:
    """Sentences on what is not known of a volume's place, or not shown on a screen; none for an upright scan."""
    found = []
    if not placement.oriented:
        found.append("The file does not say how it lies in the patient, so that left and right are unknown.")
    if not placement.known_size:
        found.append("The file does not say what it counts lengths in, so that sizes are unknown (millimetres are assumed).")
    elif placement.unit in _SPOKEN:
        found.append(f"The file counts in {_SPOKEN[placement.unit]}; sizes have been converted to millimetres.")
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    extent = steps * np.asarray(shape)
    if not plausible(extent):
        found.append(f"It measures {spoken(extent)} mm, as no patient does: is its unit of length right?")
    how = off_axis(affine, shape) if placement.oriented else ""
    if how:
        error = screen_error(affine, shape)
        what = "places and distances" if how.startswith("tilted") else "places"
        found.append(
            f"It is {how}, and shown along its own axes: {what} on screen are up to {error:.0f} mm off. "
            "Layers > Transform > Make upright resamples it."
        )
    return found

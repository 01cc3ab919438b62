"""Bring an array to canonical axes and back, with the affine that follows it.

Canonical axes are (S, P, L): the first index grows towards Superior, the second towards Posterior, the third towards
Left. A row-down, column-right display of axis pairs then shows an axial slice in radiological convention with no flip.
Affines map an array's indices to millimetres in nibabel's RAS+ world.
"""

from __future__ import annotations

import functools
import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_medgen.validity import affine_fault

Codes = tuple[str, str, str]
Affine = NDArray[np.float64]

CANONICAL: Codes = ("S", "P", "L")
# The canonical directions in RAS+, a column each.
CANONICAL_AXES: NDArray[np.float64] = np.array([(0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)]).T
_SECOND_LETTER = math.sin(math.radians(15))
_OPPOSITE = str.maketrans("LRPAIS", "RLAPSI")


def axis_codes(affine: Affine) -> Codes:
    """Direction in which each index grows, by the closest anatomical axis, as three letters of ``LRPAIS``.

    Raises
    ------
    ValueError
        If the affine is not finite, does not span space, or holds distances that no image has.
    """
    from nibabel import orientations  # a sixth of a second, which a widget that opens need not wait for

    return cast(Codes, orientations.ornt2axcodes(_directions(affine)))


def is_canonical(affine: Affine) -> bool:
    """Whether each index grows towards its canonical direction; halfway between two of them, either is right.

    Raises
    ------
    ValueError
        As :func:`axis_codes`.
    """
    if axis_codes(affine) == CANONICAL:
        return True
    left, _, right = np.linalg.svd(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    return bool((np.diag(CANONICAL_AXES.T @ left @ right) > 0).all())


def reorient(voxels: NDArray[np.generic], affine: Affine, codes: Codes) -> tuple[NDArray[np.generic], Affine]:
    """Permute and flip axes so that they point along ``codes``; no voxel is resampled.

    Parameters
    ----------
    voxels
        (I, J, K) array.
    affine
        (4, 4), indices to RAS+ millimetres.
    codes
        Wanted directions, for example ``("S", "P", "L")``.

    Returns
    -------
    voxels, affine
        A view of the array and the affine of its new indices. A residual rotation (oblique scan) is kept in it.
    """
    from nibabel import orientations

    transform = orientations.ornt_transform(_directions(affine), orientations.axcodes2ornt(codes))
    turned = orientations.apply_orientation(voxels, transform)
    return turned, affine @ orientations.inv_ornt_aff(transform, voxels.shape)


def _directions(affine: Affine) -> NDArray[np.float64]:
    """Nibabel's orientation of an affine that is one."""
    if fault := affine_fault(affine):
        raise ValueError(fault)
    return _known_directions(np.asarray(affine, np.float64).tobytes())


@functools.lru_cache(64)
def _known_directions(affine: bytes) -> NDArray[np.float64]:
    from nibabel import orientations

    # Half a millisecond, four times for each volume that is opened.
    found: NDArray[np.float64] = orientations.io_orientation(np.frombuffer(affine).reshape(4, 4))
    found.flags.writeable = False
    return found


def side_letters(direction: NDArray[np.float64]) -> str:
    """Letters of the patient's sides towards which a direction points, the nearest first (``A``, ``RA``).

    A second and third letter stand only where the direction is at least 15 degrees off: of a scan that lies a little askew
    one letter says what a reader needs.

    Parameters
    ----------
    direction
        (3,) in RAS+.
    """
    unit = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    order = np.argsort(-np.abs(unit), kind="stable")
    letters = [("LR", "PA", "IS")[axis][int(unit[axis] > 0)] for axis in order]
    return "".join(letter for rank, letter in enumerate(letters) if rank == 0 or abs(unit[order[rank]]) >= _SECOND_LETTER)


def opposite_letters(letters: str) -> str:
    """Letters of the other side."""
    return letters.translate(_OPPOSITE)


def spoken_place(place: NDArray[np.float64]) -> str:
    """A place in RAS+ millimetres for a reader: ``L 12.3  A 4.0  S 30.1 mm``."""
    sides = [("LR", "PA", "IS")[axis][int(value >= 0)] for axis, value in enumerate(place)]
    return "  ".join(f"{side} {abs(value):.1f}" for side, value in zip(sides, place, strict=True)) + " mm"


def obliquity(affine: Affine) -> float:
    """Largest angle between an index axis and its closest anatomical axis, in degrees."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.clip(np.abs(directions).max(axis=0), 0, 1))).max())

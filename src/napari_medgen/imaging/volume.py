"""A 3D image with its geometry."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.geometry import Placement, remarks, screen_place
from napari_medgen.imaging.orientation import CANONICAL, Affine, Codes, axis_codes, is_canonical, obliquity, reorient
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.pseudonym import origin_name
from napari_medgen.running.naming import shown
from napari_medgen.validity import single_precision


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on canonical axes (S, P, L), with their place in space.

    Attributes
    ----------
    voxels
        (S, P, L) array, float32 or an integer type.
    affine
        (4, 4) map of (s, p, l) indices to RAS+ millimetres. Its axes are the patient's axes that lie nearest: an oblique
        scan keeps its rotation, a tilted one its angles.
    name
        What to call it on screen; never a path.
    provenance
        Where it comes from.
    source_codes
        Directions of the axes of the file it was read from, and will be written with.
    notes
        What was changed or guessed on reading, in sentences for the user.
    placement
        How sure its place, orientation and size are.

    Raises
    ------
    ImageError
        If the array is not three-dimensional, is empty, or the affine is not that of canonical axes.
    """

    voxels: NDArray[Any]
    affine: Affine
    name: str = "volume"
    provenance: Provenance = field(default_factory=Provenance)
    source_codes: Codes = CANONICAL
    notes: tuple[str, ...] = ()
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name))
        if self.voxels.ndim != 3 or 0 in self.voxels.shape:
            raise ImageError(f"A volume needs three axes with at least one voxel each, but this has {self.voxels.shape}.")
        kind = self.voxels.dtype
        if not (kind == np.float32 or np.issubdtype(kind, np.integer)):
            raise ImageError(f"A volume holds float32 or integer voxels, not {kind}.")
        try:
            canonical = is_canonical(self.affine)
        except ValueError as error:
            raise ImageError(f"{self.name}: {error}.") from None
        if not canonical:
            codes = "".join(axis_codes(self.affine))
            raise ImageError(f"{self.name}: axes point to {codes}, not {''.join(CANONICAL)}; use Volume.of.")

    @classmethod
    def of(
        cls,
        voxels: NDArray[Any],
        affine: Affine,
        name: str = "volume",
        provenance: Provenance | None = None,
        notes: tuple[str, ...] = (),
        placement: Placement | None = None,
    ) -> Volume:
        """Volume of an array with any axes: permuted and flipped to canonical ones, never resampled.

        Other real types than integers and float32 become float32, booleans uint8.
        """
        if voxels.ndim != 3 or 0 in voxels.shape:
            raise ImageError(f"{name}: a volume needs three axes with at least one voxel each, not {voxels.shape}.")
        if voxels.dtype == bool:
            voxels = voxels.astype(np.uint8)
        elif not np.issubdtype(voxels.dtype, np.integer):
            try:
                voxels, rounded = single_precision(voxels)
            except ValueError:
                raise ImageError(f"{name} holds complex numbers; a volume of grey values is needed.") from None
            notes = (*notes, rounded) if rounded else notes
        affine = np.asarray(affine, np.float64)
        try:
            source = axis_codes(affine)
        except ValueError as error:
            raise ImageError(f"{name}: {error}.") from None
        turned, placed = reorient(voxels, affine, CANONICAL)
        return cls(
            np.ascontiguousarray(turned), placed, name, provenance or Provenance(), source, notes, placement or Placement()
        )

    @classmethod
    def on_grid(cls, voxels: NDArray[Any], spacing: tuple[float, float, float], name: str = "volume", **more: Any) -> Volume:
        """Volume without a patient: canonical axes, centred on the world's origin, spacing in millimetres."""
        affine = np.zeros((4, 4))
        steps = np.asarray(spacing, np.float64)
        # S grows with the first index; P and L are minus A and minus R.
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = steps[0], -steps[1], -steps[2], 1
        affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(voxels.shape) - 1) / 2)
        return cls(voxels, affine, name, **more)

    @property
    def origin_name(self) -> str:
        """What records of things made from it call it: never a file's name, which may be a patient's."""
        return origin_name("volume", self.voxels, self.provenance)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (S, P, L), in millimetres."""
        s, p, l = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(s), float(p), float(l)

    @property
    def obliquity(self) -> float:
        """Largest angle to the anatomical axes in degrees; zero for an upright scan."""
        return obliquity(self.affine)

    @property
    def origin(self) -> tuple[float, float, float]:
        """Place of the first voxel on a screen, along (S, P, L) in millimetres; see :func:`.geometry.screen_place`."""
        s, p, l = screen_place(self.affine, self.voxels.shape)[1]
        return float(s), float(p), float(l)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and what is not known of its place or not shown on a screen."""
        return (*self.notes, *remarks(self.affine, self.voxels.shape, self.placement))

    def oriented(self, codes: Codes) -> tuple[NDArray[Any], Affine]:
        """Array and affine on other axes, for example those of the source file."""
        return reorient(self.voxels, self.affine, codes)

    def with_voxels(self, voxels: NDArray[Any], provenance: Provenance, name: str) -> Volume:
        """Other voxels in the same place."""
        return replace(self, voxels=voxels, provenance=provenance, name=name)

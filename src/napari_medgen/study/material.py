"""Images of a study: under names that say nothing, without what their files say beside the pixels, and alike.

What tells real from synthetic must be the image. So a volume keeps its voxels and its place, a radiograph its pixels, size
and side; names, dates, provenance and every other text of the source stay behind. Files are not compressed, so that their
size follows from their shape alone, and carry one date.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import StudyError
from napari_medgen.imaging.nifti import record_in
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import radiograph_png
from napari_medgen.imaging.resample import foreground_centre, resample
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.writing import write_whole

_DATE = 1_577_836_800  # 1 January 2020: of every file
_STEPS = 1000  # grey values of what was levelled
_BACKGROUND = 0.02  # of them, and below: no tissue
_UPPER = 99.5  # percentile of the tissue that becomes white


def keep_image(image: Volume | Radiograph, study: Path, folder: str = "images", *, mark: bool = True) -> str:
    """Write an image into a study.

    Parameters
    ----------
    image
        What to keep of.
    study, folder
        The study's folder, and which of its folders.
    mark
        Whether the file must not say that the image is synthetic; what else is known of where it comes from stays behind in
        any case.

    Returns
    -------
    str
        The file, relative to the study's folder.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    said = Provenance(software="") if mark else Provenance(synthetic=image.provenance.synthetic, software="")
    name = secrets.token_hex(6)
    if isinstance(image, Volume):
        path, content = study / folder / f"{name}.nii", _nifti(image, said)
    else:
        known = replace(image, name="image", provenance=said, notes=())
        path, content = study / folder / f"{name}.png", radiograph_png(known, compress_level=0)
    write_whole(path, content, StudyError)
    os.utime(path, (_DATE, _DATE))
    return f"{folder}/{path.name}"


def _nifti(volume: Volume, said: Provenance) -> bytes:
    voxels, codes = np.ascontiguousarray(volume.voxels), volume.placement.codes or (0, 2)
    image = nib.Nifti1Image(voxels, volume.affine, dtype=voxels.dtype)
    quaternion, matrix = codes if volume.placement.oriented else (0, 0)
    image.header.set_qform(volume.affine, quaternion, strip_shears=True)
    image.header.set_sform(volume.affine, matrix)
    image.header.set_xyzt_units("mm" if volume.placement.known_size else "unknown")
    if said.synthetic:
        record_in(image, said)
    content: bytes = image.to_bytes()
    return content


def keep_map(values: NDArray[np.float32], study: Path, folder: str = "overlays") -> str:
    """Write a map that is laid over an image: (rows, columns) or (S, P, L) float32 in [-1, 1], as 16 bits.

    Returns
    -------
    str
        The file, relative to the study's folder.
    """
    steps = np.rint((np.clip(values, -1, 1) + 1) / 2 * 65534).astype(np.uint16)
    if steps.ndim == 2:
        return keep_image(Radiograph(steps, (0.0, 65534.0), identity="removed"), study, folder)
    return keep_image(Volume.on_grid(steps, (1.0, 1.0, 1.0)), study, folder)


def values_of_map(image: Volume | Radiograph) -> NDArray[np.float32]:
    """The values of a map that :func:`keep_map` wrote, float32 in [-1, 1]."""
    steps: NDArray[Any] = image.voxels if isinstance(image, Volume) else image.pixels
    values: NDArray[np.float32] = (steps.astype(np.float32) / 65534 * 2 - 1).astype(np.float32)
    return values


def alike(volumes: Sequence[Volume], like: Volume) -> list[Volume]:
    """Volumes on one grid and in one range of grey values, so that neither tells where each comes from.

    Each is put on the grid of ``like``, the middle of its tissue on the grid's middle. Its grey values are counted from its
    lowest value (0) to its tissue's 99.5th percentile (1000, where it is cut), and what is darker than a fiftieth of
    that is 0: backgrounds differ between a scanner, a mask and a network.

    Parameters
    ----------
    volumes
        To be made alike; real and synthetic ones go the same way.
    like
        Whose shape and spacing all get.
    """
    return [_levelled(_on_grid(volume, like)) for volume in volumes]


def _on_grid(volume: Volume, like: Volume) -> Volume:
    shape, spacing = like.voxels.shape, like.spacing
    tissue = volume.voxels > _threshold(volume.voxels)
    centre = foreground_centre(tissue)
    first, second, third = shape
    placed = resample(volume, (first, second, third), spacing, centre, fill=float(volume.voxels.min()))
    return Volume.on_grid(placed.voxels, spacing, provenance=volume.provenance)


def _levelled(volume: Volume) -> Volume:
    low = float(volume.voxels.min())
    tissue = volume.voxels[volume.voxels > _threshold(volume.voxels)]
    high = float(np.percentile(tissue, _UPPER)) if tissue.size else low + 1.0
    share = np.clip((volume.voxels.astype(np.float32) - low) / max(high - low, 1e-9), 0, 1)
    steps = np.rint(np.where(share < _BACKGROUND, 0.0, share) * _STEPS).astype(np.int16)
    return replace(volume, voxels=steps)


def _threshold(voxels: NDArray[Any]) -> float:
    low, high = float(voxels.min()), float(np.percentile(voxels, _UPPER))
    return low + 2 * _BACKGROUND * (high - low)

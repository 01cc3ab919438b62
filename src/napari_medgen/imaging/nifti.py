"""NIfTI files: any orientation in, the file's own orientation out, with provenance in the header and beside it."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Extension
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_medgen.errors import ImageError
from napari_medgen.imaging.geometry import MILLIMETRES, Placement, Unit
from napari_medgen.imaging.nifti_opening import opened_nifti
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.orientation import CANONICAL, Affine, reorient
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.sidecar import KEY, merged, read_record
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.running.writing import json_bytes, write_all
from napari_medgen.validity import affine_fault, parse_json, single_precision, without_gaps

_LONGEST_NAME = 255
_COMMENT = 6  # NIfTI-1 extension code "comment": text that other programs pass over
_UNSAID = ("L", "A", "S")
_UNITS: dict[int, Unit] = {1: "m", 2: "mm", 3: "um"}
SUFFIXES = (".nii", ".nii.gz")
READABLE = (*SUFFIXES, ".hdr", ".hdr.gz", ".img", ".img.gz")


def stem(path: Path) -> str:
    """File name without its ending, as ``.nii`` or ``.nii.gz``, in whatever case."""
    return re.sub(r"(?i)\.(nii|hdr|img)(\.gz)?$", "", path.name)


def sidecar(path: Path) -> Path:
    """The JSON file that belongs to an image file (BIDS: same name, other suffix)."""
    return path.with_name(stem(path) + ".json")


def read_nifti(path: str | Path, *, volume: int = 0, gaps: float | None = None) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file, or a pair of header and image.

    Parameters
    ----------
    path
        ``.nii``, ``.nii.gz``, ``.hdr`` or ``.img``; whether it is compressed follows from its content.
    volume
        Which volume of a 4D file, counted from zero.
    gaps
        What voxels that are no finite number become; the lowest of the others by default, which is background. Of a mask
        it is zero.

    Returns
    -------
    Volume
        Integer voxels where the file holds unscaled integers, otherwise float32 with slope and intercept applied.

    Raises
    ------
    ImageError
        If the file is missing, damaged, not NIfTI, colour, not three- or four-dimensional, has no usable affine, or asks for
        more memory than the settings allow.
    """
    path = Path(path)
    with opened_image(path, "a NIfTI file", damaged="is damaged or incomplete: its voxels cannot be read"):
        try:
            with opened_nifti(path) as image:
                voxels, notes = _voxels(image, path.name, volume, gaps)
        except (ImageFileError, HeaderDataError):
            raise ImageError(f"{path.name} is not a NIfTI file, or its header is damaged.") from None
    placement, affine, doubt = _placement(image, path.name)
    found = Volume.of(voxels, affine, stem(path), None, (*notes, *((doubt,) if doubt else ())), placement)
    made = _header_record(image) or read_record(sidecar(path), voxels) or Provenance(software="")
    return replace(found, provenance=made)


def read_all_volumes(path: str | Path) -> list[Volume]:
    """All volumes of a NIfTI file, which is unpacked once.

    Raises
    ------
    ImageError
        As :func:`read_nifti`; also if all of them together ask for more memory than the settings allow.
    """
    path = Path(path)
    first = read_nifti(path)
    count = count_volumes(path)
    if count == 1:
        return [first]
    with opened_image(path, "a NIfTI file"), opened_nifti(path) as image:
        # Scaled whole numbers come in double precision.
        scaled = first.voxels.dtype.kind == "f" and image.get_data_dtype().kind in "iu"
        width = 8 if scaled else image.get_data_dtype().itemsize
        require_image_bytes(count * first.voxels.size * max(width, first.voxels.itemsize), path.name)
        whole = np.asarray(image.dataobj)
    whole = whole.reshape(*whole.shape[:3], -1)
    volumes = [first]
    for place in range(1, count):
        data, notes = _clean(whole[..., place], f"{path.name}, volume {place + 1},", None)
        turned, _ = reorient(data, _stored_affine(first), CANONICAL)
        volumes.append(replace(first, voxels=np.ascontiguousarray(turned), notes=notes))
    return volumes


def _stored_affine(volume: Volume) -> Affine:
    """Indices of the file's own axes to millimetres."""
    affine: Affine = volume.oriented(volume.source_codes)[1]
    return affine


def count_volumes(path: str | Path) -> int:
    """Number of volumes in a NIfTI file that can be read: one for a 3D file."""
    with opened_nifti(Path(path)) as image:
        return math.prod(image.shape[3:])


def _placement(image: Any, name: str) -> tuple[Placement, Affine, str]:
    """What the header says of place and size, the affine in millimetres, and a sentence where it contradicts itself.

    Raises
    ------
    ImageError
        If there is no usable affine.
    """
    header = image.header
    unit: Unit = _UNITS.get(int(header["xyzt_units"]) & 7, "unknown")
    codes, doubt = [int(header["qform_code"]), int(header["sform_code"])], ""
    affine = _in_millimetres(image.affine, unit)
    if min(codes) > 0:
        other = _quaternion_affine(header, unit)
        if affine is not None and affine_fault(affine) and other is not None:
            affine, codes[1] = other, 0
            doubt = "Its sform is no place in space; its qform is used."
        elif other is None:
            codes[0] = 0
            doubt = "Its qform is no place in space; its sform is used."
        elif affine is None or not _says(other, affine, image.shape[:3]):
            codes[0] = 0
            doubt = "Its qform and its sform say different places; the sform is used."
    if affine is None or not np.isfinite(affine).all():
        raise ImageError(f"{name} has no usable position in space: its affine is not finite.")
    return Placement(max(codes) > 0, unit, (codes[0], codes[1])), affine, doubt


def _in_millimetres(affine: Any, unit: Unit) -> Affine | None:
    if affine is None:
        return None
    scaled = np.array(affine, np.float64)
    scaled[:3] *= MILLIMETRES[unit]
    return scaled


def _quaternion_affine(header: Any, unit: Unit) -> Affine | None:
    try:
        found = _in_millimetres(header.get_qform(), unit)
    except (ValueError, HeaderDataError):
        return None
    return None if found is None or affine_fault(found) else found


def _voxels(image: Any, name: str, volume: int, gaps: float | None) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if image.get_data_dtype().fields is not None or (len(shape) == 5 and shape[3] == 1):
        raise ImageError(f"{name} is a colour or vector image; a volume of grey values is needed.")
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 3 and 1 in shape and sorted(shape)[1] == 1):
        raise ImageError(f"{name} has the shape {tuple(shape)}; a volume needs three axes.")
    proxy = image.dataobj
    scaled = any(value not in (None, 0, 1) and value == value for value in image.header.get_slope_inter()[:1])
    require_image_bytes(math.prod(shape[:3]) * max(image.get_data_dtype().itemsize, 4 if scaled else 1), name)
    if len(shape) == 4:
        if not 0 <= volume < shape[3]:
            raise ImageError(f"{name} has {shape[3]} volumes; there is no volume {volume}.")
        data = np.asarray(proxy[(slice(None), slice(None), slice(None), volume, *(0 for _ in image.shape[4:]))])
    else:
        data = np.asarray(proxy).reshape(shape)
    return _clean(data, name, gaps)


def _clean(data: np.ndarray[Any, Any], name: str, gaps: float | None) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Voxels of a type that is kept, measurements all of them, and what was changed, in sentences."""
    if np.iscomplexobj(data):
        raise ImageError(f"{name} holds complex numbers; a volume of grey values is needed.")
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    if np.issubdtype(data.dtype, np.floating):
        data, rounded = single_precision(data)
        try:
            data, gone = without_gaps(data, gaps)
        except ValueError:
            raise ImageError(f"{name} holds no finite voxel.") from None
        return data, tuple(note for note in (rounded, gone) if note)
    return data, ()


def _header_record(image: Any) -> Provenance | None:
    """What our record in the header says; None where there is none."""
    for extension in image.header.extensions:
        if extension.get_code() != _COMMENT:
            continue
        try:
            content = parse_json(extension.get_content())
            if isinstance(content, dict) and KEY in content:
                return Provenance.model_validate(content[KEY])
        except (ValueError, ValidationError):
            continue
    return None


def write_nifti(volume: Volume, path: str | Path) -> list[Path]:
    """Write a volume in its source's orientation, with its provenance in the header and in a JSON file beside it.

    Both files appear whole or not at all.

    Returns
    -------
    list of Path
        The image and its sidecar.

    Raises
    ------
    ImageError
        If the suffix is not a NIfTI one or the place cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ImageError(f"{path.name}: a NIfTI file ends in .nii or .nii.gz.")
    if volume.voxels.dtype in (np.int64, np.uint64) and volume.voxels.max() < 2**31 and volume.voxels.min() >= -(2**31):
        volume = replace(volume, voxels=volume.voxels.astype(np.int32))  # what every program reads
    # Where nobody knows how it lies, a reader takes the axes of nibabel's: so that they come back as they were.
    voxels, affine = volume.oriented(volume.source_codes if volume.placement.oriented else _UNSAID)
    voxels = np.ascontiguousarray(voxels)
    image = _image(voxels, affine, volume.placement)
    record_in(image, volume.provenance)
    whole = image.to_bytes()
    if path.name.lower().endswith(".gz"):
        whole = gzip.compress(whole, 1, mtime=0)
    # An image as it was read is its own source; its name takes a pass over all voxels, so that it is made when it is needed.
    source = volume.provenance.source or ("" if volume.provenance.synthetic else volume.origin_name)
    beside = sidecar(path)
    short = len(os.fsencode(beside.name)) <= _LONGEST_NAME
    notes = merged(beside, volume.provenance, source, voxels) if short else None
    files = {path: whole} | ({} if notes is None else {beside: json_bytes(notes)})
    return write_all(files, ImageError)


def record_in(image: Any, provenance: Provenance) -> None:
    """Write into the header of nibabel's image where it comes from."""
    content = {KEY: provenance.model_dump(exclude_none=True)}
    image.header["descrip"] = provenance.summary.encode()
    image.header.extensions.append(Nifti1Extension(_COMMENT, json.dumps(content).encode()))


def _image(voxels: NDArray[Any], affine: Affine, said: Placement) -> Any:
    """Nibabel's image; its header says no more of place and size than is known."""
    quaternion, matrix = (said.codes or (0, 2)) if said.oriented else (0, 0)
    kind = nib.Nifti1Image if max(voxels.shape) < 2**15 else nib.Nifti2Image
    if not max(quaternion, matrix):
        image = kind(voxels, None, dtype=voxels.dtype)
        image.header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    else:
        image = kind(voxels, affine, dtype=voxels.dtype)
        image.header.set_qform(affine, quaternion, strip_shears=True)
        if not matrix and not _says(image.header.get_qform(), affine, voxels.shape):
            matrix = quaternion  # a quaternion in single precision cannot say it
        image.header.set_sform(affine, matrix)
    image.header.set_xyzt_units("mm" if said.known_size else "unknown")
    return image


def _says(said: Affine, meant: Affine, shape: tuple[int, ...]) -> bool:
    """Whether two affines put the corners of a volume at the same places, to a hundredth of a voxel."""
    off = np.abs((said - meant)[:3]) @ [*shape, 1]
    return bool(off.max() < 0.01 * np.linalg.norm(meant[:3, :3], axis=0).min())

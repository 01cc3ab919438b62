"""NIfTI files: any orientation in, the file's own orientation out, with provenance in the header and beside it."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import os
import struct
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Extension
from nibabel.spatialimages import HeaderDataError
from pydantic import ValidationError

from napari_medgen import __version__
from napari_medgen.errors import ImageError
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.validity import parse_json, without_gaps

_HEADER_BYTES = 352
_LARGEST_NOTES = 2**24
_MOST_BEFORE_VOXELS = 2**26  # header, extensions and notes of scanners; the largest that were seen have some megabytes
_COMMENT = 6  # NIfTI-1 extension code "comment": text that other programs pass over
_KEY = "napari_medgen"
SUFFIXES = (".nii", ".nii.gz")


def stem(path: Path) -> str:
    """File name without ``.nii`` or ``.nii.gz``."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def sidecar(path: Path) -> Path:
    """The JSON file that belongs to an image file (BIDS: same name, other suffix)."""
    return path.with_name(stem(path) + ".json")


def read_nifti(path: str | Path, *, volume: int = 0, gaps: float | None = None) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file.

    Parameters
    ----------
    path
        ``.nii`` or ``.nii.gz``.
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
        # The kind is known from the header alone: nibabel would also try CIFTI, and take what it says of itself for granted.
        try:
            image: Any = _kind_of(path).from_filename(path)
            voxels, note = _voxels(image, path.name, volume, gaps)
        except (ImageFileError, HeaderDataError):
            raise ImageError(f"{path.name} is not a NIfTI file, or its header is damaged.") from None
    affine = image.affine
    if affine is None:
        raise ImageError(f"{path.name} has no usable position in space: its affine is not finite.")
    made = _read_provenance(image, path) or Provenance(software="")
    return Volume.of(voxels, affine, stem(path), made, notes=(note,) if note else ())


def _kind_of(path: Path) -> Any:
    """Nibabel's class for a file, from the size of its header.

    Raises
    ------
    ImageError
        If it is none, or says that the voxels begin far behind the header: all that lies between would be unpacked.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed != path.name.endswith(".gz"):  # nibabel goes by the name
        kind, ending = ("compressed", ".nii.gz") if packed else ("not compressed", ".nii")
        raise ImageError(f"{path.name} is {kind}, whatever its name says: rename it to end in {ending}.")
    with gzip.open(path) if packed else path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    sizes = {order: struct.unpack(f"{order}i", header[:4])[0] for order in "<>"} if len(header) == _HEADER_BYTES else {}
    order = next((order for order, size in sizes.items() if size in (348, 540)), None)
    if order is None:
        raise ImageError(f"{path.name} is not a NIfTI file, or its header is damaged.")
    second = sizes[order] == 540
    begin = struct.unpack(f"{order}q", header[168:176])[0] if second else struct.unpack(f"{order}f", header[108:112])[0]
    first = 544 if second else 352
    if 0 <= begin <= _MOST_BEFORE_VOXELS:
        with gzip.open(path) if packed else path.open("rb") as file:
            block = file.read(max(int(begin), first))
        if not _extensions_fit(block, first, order):
            begin = -1
    if not 0 <= begin <= _MOST_BEFORE_VOXELS:
        raise ImageError(f"{path.name} is damaged: its header says that the voxels begin at byte {begin:g}.")
    return nib.Nifti2Image if second else nib.Nifti1Image


def _extensions_fit(block: bytes, first: int, order: str) -> bool:
    """Whether the header's extensions end before the voxels begin; nibabel would read on to the end of the file.

    Parameters
    ----------
    block
        What lies before the voxels, all of it.
    first
        Where extensions begin.
    order
        Of bytes, for :mod:`struct`.
    """
    if len(block) < first or not block[first - 4]:
        return True
    place = first
    while place + 8 <= len(block):
        (size,) = struct.unpack(f"{order}i", block[place : place + 4])
        if size == 0:
            return True
        if size < 8 or place + size > len(block):
            return False
        place += size
    return place > first


def count_volumes(path: str | Path) -> int:
    """Number of volumes in a NIfTI file that can be read: one for a 3D file."""
    path = Path(path)
    shape = _kind_of(path).from_filename(path).shape
    return math.prod(shape[3:])


def _voxels(image: Any, name: str, volume: int, gaps: float | None) -> tuple[np.ndarray[Any, Any], str]:
    shape = image.shape
    if image.get_data_dtype().fields is not None or (len(shape) == 5 and shape[3] == 1):
        raise ImageError(f"{name} is a colour or vector image; a volume of grey values is needed.")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 3 and 1 in shape and sorted(shape)[1] == 1):
        raise ImageError(f"{name} has the shape {tuple(shape)}; a volume needs three axes.")
    proxy = image.dataobj
    scaled = any(value not in (None, 0, 1) and value == value for value in image.header.get_slope_inter()[:1])
    require_image_bytes(math.prod(shape[:3]) * max(image.get_data_dtype().itemsize, 4 if scaled else 1), name)
    if len(shape) == 4:
        if not 0 <= volume < shape[3]:
            raise ImageError(f"{name} has {shape[3]} volumes; there is no volume {volume}.")
        data = np.asarray(proxy[..., volume])
    else:
        data = np.asarray(proxy).reshape(shape)
    if np.iscomplexobj(data):
        raise ImageError(f"{name} holds complex numbers; a volume of grey values is needed.")
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    if np.issubdtype(data.dtype, np.floating):
        with np.errstate(over="ignore"):
            data = data.astype(np.float32)
        try:
            return without_gaps(data, gaps)
        except ValueError:
            raise ImageError(f"{name} holds no finite voxel.") from None
    return data, ""


def _read_provenance(image: Any, path: Path) -> Provenance | None:
    """What a record in the header or beside the file says; None where there is none."""
    texts = [extension.get_content() for extension in image.header.extensions if extension.get_code() == _COMMENT]
    beside = sidecar(path)
    with contextlib.suppress(OSError):  # notes that cannot be read are none
        if beside.is_file() and beside.stat().st_size <= _LARGEST_NOTES:
            texts.append(beside.read_bytes())
    for text in texts:
        try:
            content = parse_json(text)
            if isinstance(content, dict) and _KEY in content:
                return Provenance.model_validate(content[_KEY])
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
    if not path.name.endswith(SUFFIXES):
        raise ImageError(f"{path.name}: a NIfTI file ends in .nii or .nii.gz.")
    voxels, affine = volume.oriented(volume.source_codes)
    if voxels.dtype in (np.int64, np.uint64):
        voxels = voxels.astype(np.int32) if np.abs(voxels).max() < 2**31 else voxels.astype(np.float32)
    image = nib.Nifti1Image(np.ascontiguousarray(voxels), affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = volume.provenance.summary.encode()
    content = {_KEY: volume.provenance.model_dump(exclude_none=True)}
    image.header.extensions.append(Nifti1Extension(_COMMENT, json.dumps(content).encode()))
    # An image as it was read is its own source; its name takes a pass over all voxels, so that it is made when it is needed.
    source = volume.provenance.source or ("" if volume.provenance.synthetic else volume.origin_name)
    notes = {
        "Description": volume.provenance.summary,
        "GeneratedBy": [{"Name": "napari-medgen", "Version": __version__}],
        "Sources": [source] if source else [],
        "Synthetic": volume.provenance.synthetic,
        **content,
    }
    beside = sidecar(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
            whole = Path(folder) / path.name
            nib.save(image, whole)
            text = Path(folder) / beside.name
            text.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
            os.replace(whole, path)
            os.replace(text, beside)
    except OSError as error:
        raise ImageError(f"{path.name} cannot be written: {error.strerror or error}.") from None
    return [path, beside]

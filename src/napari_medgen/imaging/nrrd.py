"""NRRD files with three axes of grey values."""

from __future__ import annotations

import bz2
import io
import math
import re
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.geometry import MILLIMETRES, Placement, Unit
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.validity import numbers, without_gaps

# NRRD's named spaces as signs that turn its axes into RAS+.
_SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), "um"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "m"),
}
_GZIP, _BZIP2 = ("gzip", "gz"), ("bzip2", "bz2")
_NO_UNIT = {"", "none", "???"}
_MOST_HEADER = 2**20
_MOST_SKIPPED, _MOST_LINES = 2**26, 10_000
_CHUNK = 2**20


def read_nrrd(path: str | Path) -> Volume:
    """Read a 3D NRRD file; of one that names no patient space, left and right are unknown.

    Raises
    ------
    ImageError
        If the file is missing, damaged, not three-dimensional, larger than the settings allow, or has no usable axes.
    """
    path = Path(path)
    with opened_image(path, "an NRRD file", damaged="is damaged, or not an NRRD file"):
        voxels, header = _read(path)
    if voxels.ndim != 3 or not np.isrealobj(voxels):
        raise ImageError(f"{path.name} has the shape {voxels.shape}; a volume of grey values needs three axes.")
    note = ""
    if np.issubdtype(voxels.dtype, np.floating):
        try:
            voxels, note = without_gaps(voxels)
        except ValueError:
            raise ImageError(f"{path.name} holds no finite voxel.") from None
    name, made = path.name.rsplit(".", 1)[0], Provenance(software="")
    placement, affine, strange = _placement(header, path)
    return Volume.of(voxels, affine, name, made, tuple(text for text in (note, strange) if text), placement)


def _read(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    """Voxels, first axis fastest, and the header; nothing is unpacked beyond what the header says."""
    import nrrd
    from nrrd.reader import _determine_datatype

    with path.open("rb") as file:
        header: dict[str, Any] = nrrd.read_header(file)
        sizes = [int(size) for size in header["sizes"]]
        if min(sizes) < 1 or len(sizes) > 4:
            raise ImageError(f"{path.name} has the shape {tuple(sizes)}; a volume of grey values needs three axes.")
        wanted = math.prod(sizes) * _determine_datatype(header).itemsize
        require_image_bytes(wanted, path.name)
        skip = int(header.get("byteskip", header.get("byte skip", 0)))
        lines = int(header.get("lineskip", header.get("line skip", 0)))
        if not -1 <= skip <= _MOST_SKIPPED or not 0 <= lines <= _MOST_LINES:
            raise ImageError(f"{path.name} is damaged: it skips what cannot be there.")
        beside = header.get("datafile", header.get("data file"))
        if beside is not None:
            place, own = (path.parent / str(beside)).resolve(), path.parent.resolve()
            if not place.is_relative_to(own) or not place.is_file():
                raise ImageError(f"{path.name} keeps its voxels in another file, which does not lie beside it.")
            require_image_bytes(place.stat().st_size, place.name)
            header = {key: value for key, value in header.items() if key not in ("datafile", "data file")}
            with place.open("rb") as data:
                return _voxels(header, data, wanted + max(skip, 0)), header
        return _voxels(header, file, wanted + max(skip, 0)), header


def _voxels(header: dict[str, Any], file: IO[bytes], most: int) -> NDArray[Any]:
    import nrrd

    encoding = header["encoding"]
    if encoding not in (*_GZIP, *_BZIP2):
        return nrrd.read_data(header, file)  # type: ignore[no-any-return,unused-ignore]
    for _ in range(int(header.get("lineskip", header.get("line skip", 0)))):
        file.readline()
    unpacked = _unpacked(file, zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding in _GZIP else bz2.BZ2Decompressor(), most)
    raw = {key: value for key, value in header.items() if key not in ("lineskip", "line skip")} | {"encoding": "raw"}
    skip = int(header.get("byteskip", header.get("byte skip", 0)))
    raw |= {key: 0 for key in ("byteskip", "byte skip") if key in raw}
    return nrrd.read_data(raw, io.BytesIO(unpacked[max(skip, 0) :]))  # type: ignore[no-any-return,unused-ignore]


def _unpacked(file: IO[bytes], unpacker: Any, most: int) -> bytes:
    """At most ``most`` bytes of what a compressed file unpacks to."""
    made = bytearray()
    while len(made) < most and not unpacker.eof:
        packed = getattr(unpacker, "unconsumed_tail", b"") or file.read(_CHUNK)
        if not packed and getattr(unpacker, "needs_input", True):
            break
        made += unpacker.decompress(packed, most - len(made))
    return bytes(made)


def _said_units(path: Path) -> tuple[list[str], bool]:
    """Words of the units as the file's bytes say them, and whether they are of the space's axes, not of the array's.

    pynrrd drops what is not ASCII, so that a micrometre, spelt with the sign for micro, would be a metre.
    """
    with path.open("rb") as file:
        lines = file.read(_MOST_HEADER).split(b"\n\n", 1)[0].splitlines()
    for key, of_space in ((b"space units:", True), (b"units:", False)):
        for line in lines:
            if line.lower().startswith(key):
                for micro in (b"\xc2\xb5", b"\xce\xbc", b"\xb5"):
                    line = line.replace(micro, b"u")
                words = re.findall(rb'"([^"]*)"', line) or line[len(key) :].split()
                return [word.strip().lower().decode("ascii", "replace") for word in words], of_space
    return [], True


def _placement(header: dict[str, Any], path: Path) -> tuple[Placement, NDArray[np.float64], str]:
    """What the header says of place and size, indices to RAS+ millimetres, and a sentence where a unit is not known here."""
    name, space = path.name, str(header.get("space", "")).lower()
    signs = _SPACES.get(space)
    if signs is None and space.endswith("time"):
        raise ImageError(f"{name} has time as an axis; a volume of grey values needs three axes of space.")
    words, of_space = _said_units(path)
    units: list[Unit] = [_UNITS.get(word, "unknown") for word in words] if len(words) == 3 else ["unknown"]
    strange = sorted({word for word in words if word not in _UNITS and word not in _NO_UNIT})
    note = f"The file counts lengths in {' and '.join(strange)[:60]}, which is not known here." if strange else ""
    if "unknown" in units:
        units, of_space = ["unknown"], True
    oriented = signs is not None and header.get("space directions") is not None
    placement = Placement(oriented, units[0] if len(set(units)) == 1 else "mm")
    factors = np.array([MILLIMETRES[unit] for unit in units] * (3 // len(units)))
    affine = _affine(header, name)
    if of_space:
        affine[:3] *= factors[:, None]
    else:
        affine[:3, :3] *= factors
    affine[:3] *= np.array(signs or _SPACES["lps"])[:, None]
    return placement, affine, note


def _affine(header: dict[str, Any], name: str) -> NDArray[np.float64]:
    """Indices to places in the file's own space and unit.

    Raises
    ------
    ImageError
        If it does not say in three numbers each how its axes lie.
    """
    affine = np.eye(4)
    directions = header.get("space directions")
    if directions is not None:
        rows = [numbers(row, 3) for row in directions] if len(directions) == 3 else []
        if len(rows) != 3 or any(row is None for row in rows):
            raise ImageError(f"{name} does not say in three directions of three numbers where its axes point.")
        affine[:3, :3] = np.array(rows).T
    else:
        spacings = numbers(header.get("spacings", (1, 1, 1)), 3)
        if spacings is None:
            raise ImageError(f"{name} does not say in three numbers how far apart its voxels are.")
        affine[:3, :3] = np.diag(spacings)
    origin = numbers(header.get("space origin", (0, 0, 0)), 3)
    if origin is None:
        raise ImageError(f"{name} does not say in three numbers where it lies.")
    affine[:3, 3] = origin
    return affine

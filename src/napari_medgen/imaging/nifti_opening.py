"""Somebody else's NIfTI file or pair, opened by what it holds: nothing of it is believed before it is bounded."""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import nibabel as nib
from nibabel.fileholders import FileHolder

from napari_medgen.errors import ImageError

_HEADER_BYTES, _PAIR_BYTES = 352, 348
_MOST_IN_A_HEADER, _MOST_EXTENSIONS = 2**20, 10_000
_MOST_BEFORE_VOXELS = 2**26  # header, extensions and notes of scanners; the largest that were seen have some megabytes
# A quaternion that was rounded in single precision may be a little longer than one.
_QUATERNION_ROUNDING = -1e-4


@contextlib.contextmanager
def opened_nifti(path: Path) -> Iterator[Any]:
    """Nibabel's image of a file, or of a pair of files, whatever they are called; voxels can be read within.

    Nothing of it is mapped into memory: what is open does not depend on its file any more.
    """
    ending = path.name.lower()
    header, data = path, path
    if ending.endswith((".hdr", ".hdr.gz", ".img", ".img.gz")) and not is_single(path):
        header, data = (_partner(path, kind) for kind in (".hdr", ".img"))
    with contextlib.ExitStack() as files:
        kind = _kind_of(header, paired=header != data)
        holders = {"image": FileHolder(fileobj=files.enter_context(_unpacked(data)))}
        if header != data:
            # nibabel reads it to its end, which a compressed one may not have.
            block = files.enter_context(_unpacked(header)).read(_MOST_IN_A_HEADER + 1)
            if len(block) > _MOST_IN_A_HEADER:
                raise ImageError(f"{header.name} is damaged: no header is so long.")
            holders["header"] = FileHolder(fileobj=BytesIO(block))
        yield _image_of(kind, holders)


def _partner(path: Path, ending: str) -> Path:
    """The header or the image of a pair, by the name of either."""
    packed = ".gz" if path.name.lower().endswith(".gz") else ""
    name = path.name[: -len(".hdr" + packed)]
    wanted = name + ending + packed
    return next((file for file in path.parent.iterdir() if file.name.lower() == wanted.lower()), path.with_name(wanted))


def is_single(path: Path) -> bool:
    """Whether a file holds both header and voxels, whatever it is called."""
    try:
        with _unpacked(path) as file:
            header = file.read(_PAIR_BYTES)
    except (OSError, EOFError, zlib.error):
        return False
    return header[344:347] == b"n+1" or header[4:7] == b"n+2"


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _unpacked(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if _is_packed(path) else path.open("rb")


def _kind_of(path: Path, *, paired: bool = False) -> Any:
    """Nibabel's class for a file, from its header alone: nibabel would also try CIFTI, and believe what it says of itself.

    Raises
    ------
    ImageError
        If it is none, or says that the voxels begin far behind the header: all that lies between would be unpacked.
    """
    with _unpacked(path) as file:
        header = file.read(_HEADER_BYTES)
    enough = len(header) >= (_PAIR_BYTES if paired else _HEADER_BYTES)
    sizes = {order: struct.unpack(f"{order}i", header[:4])[0] for order in "<>"} if enough else {}
    order = next((order for order, size in sizes.items() if size in (348, 540)), None)
    if order is None:
        raise ImageError(f"{path.name} is not a NIfTI file, or its header is damaged.")
    second = sizes[order] == 540
    if paired:
        if not second and header[344:347] != b"ni1":
            raise ImageError(f"{path.name} is in the Analyze format, which does not say left from right; save it as NIfTI.")
        return nib.Nifti2Pair if second else nib.Nifti1Pair
    begin = struct.unpack(f"{order}q", header[168:176])[0] if second else struct.unpack(f"{order}f", header[108:112])[0]
    first = 544 if second else 352
    if first <= begin <= _MOST_BEFORE_VOXELS:
        with _unpacked(path) as file:
            block = file.read(max(int(begin), first))
        if not _extensions_fit(block, first, order):
            begin = -1
    if not first <= begin <= _MOST_BEFORE_VOXELS:
        raise ImageError(
            f"{path.name} is damaged, its voxels cannot be read: its header says that the voxels begin at byte {begin:g}."
        )
    return nib.Nifti2Image if second else nib.Nifti1Image


def _image_of(kind: Any, holders: dict[str, FileHolder]) -> Any:
    try:
        return kind.from_file_map(holders, mmap=False)
    except ValueError:  # of a quaternion that is longer than one, among others
        for holder in holders.values():
            holder.fileobj.seek(0)
        # Not at once: nibabel takes all that lies within the threshold for a half turn.
        header = type(kind.header_class.__name__, (kind.header_class,), {"quaternion_threshold": _QUATERNION_ROUNDING})
        return type(kind.__name__, (kind,), {"header_class": header}).from_file_map(holders, mmap=False)  # type: ignore[attr-defined]


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
    for _ in range(_MOST_EXTENSIONS):
        if place + 8 > len(block):
            return place > first
        (size,) = struct.unpack(f"{order}i", block[place : place + 4])
        if size == 0:
            return True
        if size < 8 or place + size > len(block):
            return False
        place += size
    return False

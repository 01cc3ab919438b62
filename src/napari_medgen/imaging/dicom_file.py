"""A DICOM file of somebody else: opened within limits, and its stored numbers, decoded where they are compressed."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from napari_medgen.errors import ImageError
from napari_medgen.imaging.decoding import DECODING, NoDecoderError
from napari_medgen.imaging.dicom_grey import has_odd_bits, of_words, quiet, words_of
from napari_medgen.imaging.opening import opened_image
from napari_medgen.running.limits import largest_image, require_image_bytes

_META_MOST = 2**20
_META_BEGIN = 132  # a preamble and "DICM"
_CHUNK = 2**20
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# A file without preamble begins with one of the first groups, little endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_FIRST_ELEMENTS = (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00", b"\x12\x00", b"\x16\x00", b"\x18\x00")


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def may_be_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, or as those did that were written without a preamble."""
    try:
        with path.open("rb") as file:
            begin = file.read(_META_BEGIN)
    except OSError:
        return False
    return begin[128:] == b"DICM" or (begin[:2] == _FIRST_GROUPS[1] and begin[2:4] in _FIRST_ELEMENTS)


def open_header(path: Path, tags: list[str] | None = None) -> Dataset:
    """The data set of a file without its pixels, or ``tags`` of it alone; what is no DICOM raises as pydicom does."""
    with path.open("rb") as file:
        begin = file.read(_META_MOST)
    source: Path | BytesIO = path
    if str(DeflatedExplicitVRLittleEndian).encode() in begin:
        content = path.read_bytes()
        _require_small_when_inflated(content, path.name)
        source = BytesIO(content)
    bare = begin[128:132] != b"DICM" and begin[:2] in _FIRST_GROUPS
    header: Dataset = quiet(pydicom.dcmread, source, stop_before_pixels=True, specific_tags=tags, force=bare)
    return header


def open_dataset(path: Path) -> Dataset:
    """The data set of a file that holds pixels.

    Raises
    ------
    ImageError
        If it is missing, damaged, larger than is allowed, no DICOM file, or holds no image.
    """
    with opened_image(path, "a DICOM file", foreign=(InvalidDicomError,)):
        content = path.read_bytes() if path.stat().st_size <= largest_image() else b""
        if not content:
            require_image_bytes(path.stat().st_size, path.name)
        _require_small_when_inflated(content, path.name)
        # From memory: a length in the file may say anything, and here it reaches no further than the file does.
        bare = content[:2] in _FIRST_GROUPS and content[128:132] != b"DICM"
        data: Dataset = quiet(pydicom.dcmread, BytesIO(content), force=bare)
        if bare and "PixelData" in data and "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # what files before the preamble were written in
        if not any(keyword in data for keyword in _PIXELS):
            raise ImageError(f"{path.name} is a DICOM file without an image.")
        return data


def _require_small_when_inflated(content: bytes, name: str) -> None:
    """Refuse a deflated data set (PS3.5 A.5) that unpacks to more than is allowed; pydicom unpacks all of it."""
    if str(DeflatedExplicitVRLittleEndian).encode() not in content[:_META_MOST]:
        return
    begin = _META_BEGIN + 12 + int.from_bytes(content[_META_BEGIN + 8 : _META_BEGIN + 12], "little")
    if begin >= len(content):
        raise ImageError(f"{name} is damaged or ends too early.")
    unpacker, made = zlib.decompressobj(-zlib.MAX_WBITS), 0
    packed = content[begin:]
    while packed and not unpacker.eof:
        made += len(unpacker.decompress(packed, _CHUNK))
        require_image_bytes(made, name)
        packed = unpacker.unconsumed_tail


def frame_count(data: Dataset, path: Path) -> int:
    """How many frames a file holds.

    Raises
    ------
    ImageError
        If it does not say so with a number.
    """
    try:
        return int(quiet(data.get, "NumberOfFrames", None) or 1)
    except (ValueError, TypeError, OverflowError):
        raise ImageError(f"{path.name} does not say how many frames it holds.") from None


def stored_values(data: Dataset, path: Path, frames: int = 1) -> NDArray[Any]:
    """The stored numbers of a file, decoded: (rows, columns) or (rows, columns, 3); of several frames, those before.

    Raises
    ------
    ImageError
        If they are damaged, not as many as the header says, more than is allowed, or compressed in a way for which no
        decoder is installed.
    """
    syntax = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
    if syntax is None:
        raise ImageError(f"{path.name} does not say how its pixels are stored.")
    try:
        compressed = bool(UID(str(syntax)).is_compressed)
    except ValueError:
        raise ImageError(f"{path.name} stores its pixels in a way that DICOM does not know.") from None
    with opened_image(path, "a DICOM file"):
        try:
            pixels = _decoded(data, path, compressed, frames)
        except NoDecoderError:
            hint = "pip install 'napari-medgen[dicom]'"
            raise ImageError(f"{path.name} is compressed as {syntax.name}, for which no decoder is here: {hint}.") from None
    one = pixels.shape[1:] if frames > 1 else pixels.shape
    of_frames = pixels.shape[:1] == (frames,) if frames > 1 else True
    if not of_frames or len(one) not in (2, 3) or 0 in one or (len(one) == 3 and one[2] not in (3, 4)):
        wanted = "one grey image is" if frames == 1 else f"{frames} grey images are"
        raise ImageError(f"{path.name} has pixels of the shape {pixels.shape}; {wanted} needed.")
    return pixels


def _decoded(data: Dataset, path: Path, compressed: bool, frames: int) -> NDArray[Any]:
    """Stored values, or their words where the header says that not the lowest bits of them count."""
    expected = frames * _promised_bytes(data, path, frames)
    unlike = {} if is_dicom(path) else {"force": True}
    syntax = data.file_meta.TransferSyntaxUID
    try:
        # What JPEG and its kin hold are numbers, not words of bits.
        odd = has_odd_bits(data) and (not compressed or syntax == RLELossless)
        if not odd:
            return (
                DECODING.decode(path, expected, **unlike)
                if compressed
                else cast(NDArray[Any], quiet(lambda: data.pixel_array))
            )
        words = DECODING.decode(path, expected, words=True, **unlike) if compressed else words_of(data)
        return of_words(words, data)
    except ImageError as error:
        raise error if path.name in str(error) else ImageError(f"{path.name} cannot be shown: {error}.") from None


def _promised_bytes(data: Dataset, path: Path, frames: int) -> int:
    """Bytes of a frame that the header promises, if the settings allow so many of them."""
    try:
        sides = [int(data[key].value) for key in ("Rows", "Columns")]
        samples, bits = int(data.get("SamplesPerPixel") or 1), int(data.get("BitsAllocated") or 16)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise ImageError(f"{path.name} does not say how many pixels it holds.") from None
    if min(sides) < 1 or not 1 <= samples <= 4 or not 1 <= bits <= 64:
        raise ImageError(f"{path.name} does not say how many pixels it holds.")
    promised = sides[0] * sides[1] * samples * -(-bits // 8)
    require_image_bytes(promised * frames, path.name)
    return promised

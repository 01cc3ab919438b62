"""DICOM radiographs and single slices in.

Nothing that may identify a patient is kept: a radiograph gets its name from what it shows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from napari_medgen.errors import ImageError
from napari_medgen.imaging.decoding import DECODING, NoDecoderError
from napari_medgen.imaging.dicom_grey import asks_for_sigmoid, grey_values, has_odd_bits, of_words, quiet, words_of
from napari_medgen.imaging.geometry import plausible, spoken
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Identity, Laterality, Radiograph, upright_pixels
from napari_medgen.imaging.secondary_capture import own_notes, write_secondary_capture
from napari_medgen.running.limits import largest_image, require_image_bytes
from napari_medgen.validity import numbers, single_precision, spacing, without_gaps

__all__ = ["is_dicom", "read_dicom", "write_secondary_capture"]

_META_MOST = 2**20
_META_BEGIN = 132  # a preamble and "DICM"
_CHUNK = 2**20
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# A file without preamble begins with one of the first groups, little endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_SPACINGS = {
    "PixelSpacing": "",
    "ImagerPixelSpacing": "Distances are at the detector, so what lies in front of it is a little smaller than it seems.",
    "NominalScannedPixelSpacing": "",
}
_SIDES: dict[str, Laterality] = {"L": "L", "R": "R", "B": "B"}


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dicom(path: str | Path) -> Radiograph:
    """Read a DICOM file that holds one grey image: CR, DX, MG, or a slice of CT or MR.

    The modality LUT is applied; the VOI LUT becomes the window, or is applied where it is a table. MONOCHROME1 is
    inverted, so that bone is bright.

    Raises
    ------
    ImageError
        If the file is missing, damaged, truncated, holds no image or several frames, describes its grey values with what
        is no number, or is compressed in a way for which no decoder is installed.
    """
    path = Path(path)
    data = _read(path)
    # pydicom converts a value when it is asked for: a malformed one raises whatever its conversion raises.
    odd = "holds a value that DICOM does not allow where it describes its grey values"
    with opened_image(path, "a DICOM file", damaged=odd):
        try:
            frames = _frames(data, path)
            if frames > 1:
                raise ImageError(f"{path.name} holds {frames} frames; save the one you want as a single image first.")
            pixels, notes = _pixels(data, path)
            return cast(Radiograph, quiet(_radiograph, data, pixels, notes))
        except ImageError as error:
            # An image is called by what it shows; a person looks for the file.
            raise error if path.name in str(error) else ImageError(f"{path.name}: {error}") from None


def _radiograph(data: Dataset, stored: NDArray[Any], notes: list[str]) -> Radiograph:
    """The image that stored values (rows, columns) or (rows, columns, 3) stand for."""
    pixels, shown, coloured, changed = grey_values(data, stored)
    steps, said = _spacing(data)
    aspect = 1.0 if steps else _aspect(data)
    pixels, turned, transposed = upright_pixels(pixels, _directions(data), slices="ImageOrientationPatient" in data)
    if transposed:
        steps, aspect = (steps[1], steps[0]) if steps else None, 1 / aspect
    extent = np.array(pixels.shape) * (steps or (0, 0))
    if steps and not plausible(extent):
        changed.append(f"It measures {spoken(extent)} mm, as no patient does: is its spacing right?")
    if aspect != 1:
        said = "Its pixels are not square, and how large they are is not known."
    laterality = _SIDES.get(_first(data, "ImageLaterality", "FrameLaterality", "Laterality").upper(), "")
    kept, said_so = own_notes(data)
    return Radiograph(
        np.ascontiguousarray(pixels),
        shown,
        spacing=steps,
        aspect=aspect,
        laterality=laterality or said_so.laterality,
        view=_first(data, "ViewPosition") or said_so.view,
        coloured=coloured,
        name=_name(data),
        notes=tuple(note for note in (*notes, *changed, turned, said) if note),
        provenance=kept or Provenance(software=""),
        identity=_identity(data),
        curve="sigmoid" if asks_for_sigmoid(data) else "linear",
        modality=_coded(data, "Modality"),
        body_part=_coded(data, "BodyPartExamined"),
    )


def _identity(data: Dataset) -> Identity:
    """Whether a name may stand in the pixels: the tags are not kept, but nobody looked at the image."""
    said = str(data.get("BurnedInAnnotation", "")).upper()
    if said == "YES":
        return "present"
    return "removed" if said == "NO" else "unknown"


def _directions(data: Dataset) -> tuple[str, str]:
    """Letters of where rows and columns run in the patient, as ``PatientOrientation`` or the place in space says."""
    said = data.get("PatientOrientation")
    if isinstance(said, Sequence) and not isinstance(said, str) and len(said) == 2:
        return str(said[0]).upper()[:1], str(said[1]).upper()[:1]
    cosines = numbers(tuple(data.get("ImageOrientationPatient") or ()), 6)
    if cosines is None:
        return "", ""
    # Of DICOM's axes, x grows to the left, y to the back and z to the head.
    letters = []
    for direction in (cosines[:3], cosines[3:]):
        axis = max(range(3), key=lambda place: abs(direction[place]))
        letters.append(("LPH" if direction[axis] > 0 else "RAF")[axis])
    return letters[0], letters[1]


def _aspect(data: Dataset) -> float:
    """Height of a pixel over its width, where only that is known."""
    ratio = data.get("PixelAspectRatio")
    found = spacing(tuple(ratio), 2) if isinstance(ratio, Sequence) and not isinstance(ratio, str) else None
    return found[0] / found[1] if found is not None and 0.05 < found[0] / found[1] < 20 else 1.0


def _read(path: Path) -> Dataset:
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


def _frames(data: Dataset, path: Path) -> int:
    try:
        return int(quiet(data.get, "NumberOfFrames", None) or 1)
    except (ValueError, TypeError, OverflowError):
        raise ImageError(f"{path.name} does not say how many frames it holds.") from None


def _pixels(data: Dataset, path: Path) -> tuple[NDArray[Any], list[str]]:
    """The decoded pixels, (rows, columns) or (rows, columns, 3)."""
    syntax = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
    if syntax is None:
        raise ImageError(f"{path.name} does not say how its pixels are stored.")
    notes = []
    if str(data.get("BurnedInAnnotation", "")).upper() == "YES":
        notes.append("Text is burned into this image; look whether it names a patient before you share it.")
    try:
        compressed = bool(UID(str(syntax)).is_compressed)
    except ValueError:
        raise ImageError(f"{path.name} stores its pixels in a way that DICOM does not know.") from None
    with opened_image(path, "a DICOM file"):
        try:
            pixels = _decoded(data, path, compressed)
        except NoDecoderError:
            hint = "pip install 'napari-medgen[dicom]'"
            raise ImageError(f"{path.name} is compressed as {syntax.name}, for which no decoder is here: {hint}.") from None
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ImageError(f"{path.name} has pixels of the shape {pixels.shape}; one grey image is needed.")
    if np.issubdtype(pixels.dtype, np.floating):
        try:
            pixels, rounded = single_precision(pixels)
            pixels, note = without_gaps(pixels)
        except ValueError:
            raise ImageError(f"{path.name} holds no finite grey value.") from None
        notes += [text for text in (rounded, note) if text]
    return pixels, notes


def _decoded(data: Dataset, path: Path, compressed: bool) -> NDArray[Any]:
    """Stored values, or their words where the header says that not the lowest bits of them count."""
    expected = _promised_bytes(data, path)
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


def _promised_bytes(data: Dataset, path: Path) -> int:
    """Bytes of pixels that the header promises, if the settings allow so many."""
    try:
        sides = [int(data[key].value) for key in ("Rows", "Columns")]
        samples, bits = int(data.get("SamplesPerPixel") or 1), int(data.get("BitsAllocated") or 16)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise ImageError(f"{path.name} does not say how many pixels it holds.") from None
    if min(sides) < 1 or not 1 <= samples <= 4 or not 1 <= bits <= 64:
        raise ImageError(f"{path.name} does not say how many pixels it holds.")
    promised = sides[0] * sides[1] * samples * -(-bits // 8)
    require_image_bytes(promised, path.name)
    return promised


def _spacing(data: Dataset) -> tuple[tuple[float, float] | None, str]:
    for keyword, note in _SPACINGS.items():
        try:
            found = spacing(tuple(data.get(keyword) or ()), 2)
        except (ValueError, TypeError):
            continue
        if found is not None:
            return (found[0], found[1]), note
    return None, ""


def _first(data: Dataset, *keywords: str) -> str:
    return next((str(data[key].value) for key in keywords if key in data and data[key].value), "")


def _coded(data: Dataset, keyword: str) -> str:
    """A coded tag in capitals, without anything that no code holds."""
    return "".join(c for c in _first(data, keyword).upper() if c.isalnum() or c in " -").strip()[:16]


def _name(data: Dataset) -> str:
    """What the image shows, from coded tags alone: "CR CHEST PA". File names and free texts may hold a patient's name."""
    parts = [_first(data, key) for key in ("Modality", "BodyPartExamined", "ViewPosition")]
    kept = ["".join(c for c in part if c.isalnum() or c in " -").strip()[:16] for part in parts]
    return " ".join(part for part in kept if part) or "DICOM image"

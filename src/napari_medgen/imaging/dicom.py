"""DICOM radiographs and single slices in, secondary captures out.

Nothing that may identify a patient is kept: a radiograph gets its name from what it shows, and a secondary capture is
written without the source's patient.
"""

from __future__ import annotations

import datetime
import json
import math
import warnings
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydantic import ValidationError
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from napari_medgen.errors import ImageError
from napari_medgen.imaging.decoding import DECODING, NoDecoderError
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Laterality, Radiograph
from napari_medgen.running.limits import largest_image, require_image_bytes
from napari_medgen.validity import spacing, window, without_gaps

_META_MOST = 2**20
_META_BEGIN = 132  # a preamble and "DICM"
_CHUNK = 2**20
_GROUP, _CREATOR, _NOTES = 0x0011, "NAPARI-MEDGEN", 0x01
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
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
            return cast(Radiograph, _quiet(_radiograph, data, pixels, notes))
        except ImageError as error:
            # An image is called by what it shows; a person looks for the file.
            raise error if path.name in str(error) else ImageError(f"{path.name}: {error}") from None


def _radiograph(data: Dataset, stored: NDArray[Any], notes: list[str]) -> Radiograph:
    """The image that stored values (rows, columns) or (rows, columns, 3) stand for."""
    coloured = stored.ndim == 3
    if coloured:
        pixels: NDArray[Any] = stored[..., :3].astype(np.float32) @ _LUMA
        outside = np.zeros(pixels.shape, bool)
        notes.append("The file holds a colour picture, which has been turned grey.")
    else:
        pixels, outside = _rescaled(stored, data), _padding(stored, data)
    pixels, shown = _window(pixels, outside, data, coloured, notes)
    inverted = data.get("PhotometricInterpretation") == "MONOCHROME1"
    if outside.any():
        others = pixels[~outside]
        pixels = np.where(outside, others.max() if inverted else others.min(), pixels)
    if inverted:
        pivot = pixels.max().astype(np.float64) + pixels.min()
        pixels = (pivot - pixels).astype(pixels.dtype)
        shown = (float(pivot - shown[1]), float(pivot - shown[0]))
    steps, note = _spacing(data)
    kept = _own_notes(data)
    laterality = _SIDES.get(_first(data, "ImageLaterality", "FrameLaterality", "Laterality").upper(), "")
    return Radiograph(
        np.ascontiguousarray(pixels),
        shown,
        spacing=steps,
        laterality=laterality,
        view=_first(data, "ViewPosition"),
        coloured=coloured,
        name=_name(data),
        notes=(*notes, *((note,) if note else ())),
        provenance=kept or Provenance(software=""),
    )


def _quiet(function: Any, *arguments: Any, **more: Any) -> Any:
    """Pydicom warns of values that break the standard in files that are perfectly readable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **more)


def _read(path: Path) -> Dataset:
    with opened_image(path, "a DICOM file", foreign=(InvalidDicomError,)):
        content = path.read_bytes() if path.stat().st_size <= largest_image() else b""
        if not content:
            require_image_bytes(path.stat().st_size, path.name)
        _require_small_when_inflated(content, path.name)
        # From memory: a length in the file may say anything, and here it reaches no further than the file does.
        data: Dataset = _quiet(pydicom.dcmread, BytesIO(content))
        if "PixelData" not in data:
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
        return int(_quiet(data.get, "NumberOfFrames", None) or 1)
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
    expected = _promised_bytes(data, path)
    with opened_image(path, "a DICOM file"):
        try:
            pixels = DECODING.decode(path, expected) if compressed else _quiet(lambda: data.pixel_array)
        except NoDecoderError:
            hint = "pip install 'napari-medgen[dicom]'"
            raise ImageError(f"{path.name} is compressed as {syntax.name}, for which no decoder is here: {hint}.") from None
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ImageError(f"{path.name} has pixels of the shape {pixels.shape}; one grey image is needed.")
    if np.issubdtype(pixels.dtype, np.floating):
        try:
            pixels, note = without_gaps(pixels.astype(np.float32))
        except ValueError:
            raise ImageError(f"{path.name} holds no finite grey value.") from None
        notes += [note] if note else []
    return pixels, notes


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


def _rescaled(stored: NDArray[Any], data: Dataset) -> NDArray[Any]:
    """Values after the modality LUT (PS3.3 C.11.1), whole numbers as long as they are such.

    A slope of one and an intercept of zero, which digital radiographs must have, change nothing; a VOI LUT can be looked up
    in whole numbers only.
    """
    if "ModalityLUTSequence" in data:
        return _whole(_quiet(apply_modality_lut, stored, data))
    slope, intercept = _decimal(data, "RescaleSlope", 1.0), _decimal(data, "RescaleIntercept", 0.0)
    if (slope, intercept) == (1.0, 0.0):
        return stored
    if slope == 1 and intercept.is_integer() and abs(intercept) < 2**30 and stored.dtype.itemsize <= 2:
        return stored.astype(np.int32) + np.int32(intercept)  # what a CT's numbers are: no detour over real ones
    return _whole(stored.astype(np.float64) * slope + intercept)


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Values as 32-bit integers where all are whole, else in single precision."""
    if np.issubdtype(values.dtype, np.integer):
        return values
    if np.array_equal(values, np.rint(values)) and np.abs(values).max() < 2**31:
        return values.astype(np.int32)
    return values.astype(np.float32)


def _padding(stored: NDArray[Any], data: Dataset) -> NDArray[np.bool_]:
    """Where a pixel is outside the image: stored values at the padding value or in its range (PS3.3 C.7.5.1.1.2)."""
    first = data.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    last = data.get("PixelPaddingRangeLimit")
    low, high = sorted((int(first), int(first if last is None else last)))
    padding = stored == low if low == high else (stored >= low) & (stored <= high)
    return np.zeros(stored.shape, bool) if padding.all() else padding


def _window(
    pixels: NDArray[Any], outside: NDArray[np.bool_], data: Dataset, coloured: bool, notes: list[str]
) -> tuple[NDArray[Any], tuple[float, float]]:
    """The window that the file names first; a table is applied; without either, the range of the pixels of the image."""
    if coloured:
        return pixels.astype(np.float32), (0.0, 255.0)
    if "VOILUTSequence" in data:
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        # What a table is looked up with is a whole number, whatever slope made it.
        looked_up = np.rint(pixels).astype(np.int32)
        return _quiet(apply_voi_lut, looked_up, data, prefer_lut=True), (0.0, float(2**bits - 1))
    inside = pixels[~outside] if outside.any() else pixels
    low, high = float(inside.min()), float(inside.max())
    whole = (low, high if high > low else low + 1)
    try:
        centre, width = _number(data, "WindowCenter"), _number(data, "WindowWidth")
    except (ValueError, TypeError):
        notes.append("The file's window is not a number, so that all its grey values are shown.")
        return pixels, whole
    if centre is None or width is None or width <= 0:
        return pixels, whole
    function = str(data.get("VOILUTFunction", "LINEAR"))
    # PS3.3 C.11.2.1; of a SIGMOID (C.11.2.1.3.1) the width is where it is steepest, which is what a linear window shows.
    linear = function == "LINEAR" and width > 1
    shown = (centre - width / 2, centre - 1 + width / 2) if linear else (centre - width / 2, centre + width / 2)
    if window(shown) is None:
        notes.append("The file's window is beyond any grey value, so that all its grey values are shown.")
        return pixels, whole
    return pixels, shown


def _decimal(data: Dataset, keyword: str, absent: float) -> float:
    value = _number(data, keyword)
    return absent if value is None else value


def _number(data: Dataset, keyword: str) -> float | None:
    """The first value of a tag; None where there is none. A value that is no finite number raises ValueError."""
    value = data.get(keyword)
    if value is None or value == "":
        return None
    first = value[0] if isinstance(value, Sequence | pydicom.multival.MultiValue) and not isinstance(value, str) else value
    number = float(first)
    if not math.isfinite(number):
        raise ValueError(f"{keyword} is {number}")
    return number


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


def _name(data: Dataset) -> str:
    """What the image shows, from coded tags alone: "CR CHEST PA". File names and free texts may hold a patient's name."""
    parts = [_first(data, key) for key in ("Modality", "BodyPartExamined", "ViewPosition")]
    kept = ["".join(c for c in part if c.isalnum() or c in " -").strip()[:16] for part in parts]
    return " ".join(part for part in kept if part) or "DICOM image"


def _own_notes(data: Dataset) -> Provenance | None:
    """The provenance that :func:`write_secondary_capture` left; None where it is not one of ours."""
    try:
        block = data.private_block(_GROUP, _CREATOR)
        return Provenance.model_validate_json(block[_NOTES].value)
    except (KeyError, ValidationError, ValueError):
        return None


def write_secondary_capture(radiograph: Radiograph, path: str | Path) -> Path:
    """Write a DICOM secondary capture: a derived image of no patient, marked where a model made it.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    path = Path(path).with_suffix(".dcm")
    pixels, (low, high) = radiograph.pixels, radiograph.window
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels, low, high = np.rint(radiograph.grey() * 65535).astype(np.uint16), 0.0, 65535.0
    made = radiograph.provenance
    now = datetime.datetime.now()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.PatientIdentityRemoved = "", "", "YES"
    data.Modality, data.ConversionType = "OT", "WSD"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.SeriesDescription = "SYNTHETIC, not for diagnosis" if made.synthetic else "Derived image, not for diagnosis"
    data.DerivationDescription = made.summary
    data.ContentDate, data.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.BurnedInAnnotation, data.Manufacturer = "NO", made.software or "napari-medgen"
    if radiograph.laterality in ("L", "R"):
        data.Laterality = radiograph.laterality
    if radiograph.spacing:
        data.PixelSpacing = [f"{step:.6g}" for step in radiograph.spacing]
    # DICOM's linear window of centre c and width w runs from c - w / 2 to c + w / 2 - 1.
    data.WindowWidth, data.WindowCenter = f"{high - low + 1:.6g}", f"{(low + high + 1) / 2:.6g}"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.private_block(_GROUP, _CREATOR, create=True).add_new(_NOTES, "LT", _notes_text(made))
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes() + b"\0" * (pixels.nbytes % 2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise ImageError(f"{path.name} cannot be written: {error.strerror or error}.") from None
    return path


def _notes_text(made: Provenance) -> str:
    """The provenance as JSON, plain ASCII since no character set is declared."""
    return json.dumps(made.model_dump(exclude_none=True))

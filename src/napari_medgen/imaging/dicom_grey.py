"""The grey values of a DICOM image: from the stored numbers to what they mean (PS3.3 C.7.6.3, C.11.1, C.11.2)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from napari_medgen.errors import ImageError
from napari_medgen.validity import range_of, single_precision, window

Window = tuple[float, float]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_COLOUR = "The file holds a colour picture, which has been turned grey."


def grey_values(data: Dataset, stored: NDArray[Any]) -> tuple[NDArray[Any], Window, bool, list[str]]:
    """Grey values, bright where little radiation came through.

    Parameters
    ----------
    data
        The data set.
    stored
        (rows, columns) or (rows, columns, 3 or 4), as :mod:`pydicom` decodes them.

    Returns
    -------
    tuple
        (rows, columns) values; the window that the file names, or the range of its values; whether it was a colour picture;
        and what was changed, in sentences.
    """
    notes: list[str] = []
    photometric = str(data.get("PhotometricInterpretation", ""))
    white = 255.0
    if photometric == "PALETTE COLOR" and stored.ndim == 2:
        stored, white = _through_palette(stored, data)
    elif stored.ndim == 3:
        white = float(2 ** int(data.get("BitsStored") or 8) - 1)
    if stored.ndim == 3 and (stored[..., :3] == stored[..., :1]).all():
        return np.ascontiguousarray(stored[..., 0]), (0.0, white), False, notes
    if stored.ndim == 3:
        notes.append(_COLOUR)
        pixels: NDArray[Any] = stored[..., :3].astype(np.float32) @ _LUMA
        return pixels, (0.0, white), True, notes
    if photometric == "PALETTE COLOR":
        return stored, (0.0, white), False, notes
    pixels, rounded = _rescaled(stored, data)
    outside = _padding(stored, data)
    notes += [rounded] if rounded else []
    pixels, shown = _window(pixels, outside, data, notes)
    inverted = photometric == "MONOCHROME1"
    if outside.any():
        others = pixels[~outside]
        pixels = np.where(outside, others.max() if inverted else others.min(), pixels)
    if inverted:
        pivot = pixels.max().astype(np.float64) + pixels.min()
        pixels = (pivot - pixels).astype(pixels.dtype)
        shown = (float(pivot - shown[1]), float(pivot - shown[0]))
    return pixels, shown, False, notes


def quiet(function: Any, *arguments: Any, **more: Any) -> Any:
    """Pydicom warns of values that break the standard in files that are perfectly readable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **more)


def has_odd_bits(data: Dataset) -> bool:
    """Whether the header says that the stored bits are not the lowest ones of a pixel.

    Raises
    ------
    ImageError
        If it says that they are where no bits are.
    """
    shift, allocated = _shift(data), int(data.get("BitsAllocated") or 16)
    if shift and not 0 < shift <= allocated - int(data.get("BitsStored") or 16):
        raise ImageError("its header says that grey values lie in bits that are not there")
    return shift != 0


def of_words(raw: NDArray[Any], data: Dataset) -> NDArray[Any]:
    """Stored values out of whole words, whose stored bits are not the lowest ones, as the header says.

    Some writers keep the values in the highest bits and say so (``HighBit``), others say so and keep them in the lowest.

    Raises
    ------
    ImageError
        If both ends hold something, so that nobody knows which bits count.
    """
    shift, bits, allocated = _shift(data), int(data.BitsStored), raw.dtype.itemsize * 8
    raw = raw.view(f"u{raw.dtype.itemsize}")
    overlaid = any(_is_embedded(data, group, shift) for group in range(0x6000, 0x6100, 2))
    low_empty, high_empty = overlaid or not (raw & ((1 << shift) - 1)).any(), not (raw >> (allocated - shift)).any()
    if not low_empty and not high_empty:
        raise ImageError("its header says that grey values lie in other bits than they do")
    values = (raw >> shift if low_empty else raw).astype(np.int64) & ((1 << bits) - 1)
    if int(data.get("PixelRepresentation") or 0):
        values -= (values >> (bits - 1)) << bits
        return values.astype(np.int16 if bits <= 16 else np.int32)
    return values.astype(np.uint16 if bits <= 16 else np.uint32)


def _is_embedded(data: Dataset, group: int, shift: int) -> bool:
    """Whether an overlay lies in the bits below the grey values (retired by the standard), and not beside the pixels."""
    position = data.get((group, 0x0102))
    return position is not None and (group, 0x3000) not in data and int(position.value or 0) < shift


def words_of(data: Dataset) -> NDArray[Any]:
    """Uncompressed pixels with all their bits, whichever of them the header says to be stored."""
    words = pydicom.Dataset()
    words.update(data)
    words.file_meta = data.file_meta
    allocated = int(data.BitsAllocated)
    for keyword, value in (("BitsStored", allocated), ("HighBit", allocated - 1), ("PixelRepresentation", 0)):
        if keyword in words:
            delattr(words, keyword)  # the element is the other data set's too
        setattr(words, keyword, value)
    found: NDArray[Any] = quiet(lambda: words.pixel_array)
    return found


def _shift(data: Dataset) -> int:
    high = data.get("HighBit")
    return 0 if high is None or high == "" else int(high) + 1 - int(data.get("BitsStored") or 16)


def _through_palette(stored: NDArray[Any], data: Dataset) -> tuple[NDArray[Any], float]:
    """What the indices of a palette stand for, and its white; grey where the palette is."""
    colours: NDArray[Any] = quiet(apply_color_lut, stored, data)[..., :3]
    # Entries of 8 bits may stand in words of 16.
    white = float(2 ** int(data.RedPaletteColorLookupTableDescriptor[2]) - 1)
    white = white if colours.max() <= white else float(np.iinfo(colours.dtype).max)
    if (colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all():
        return np.ascontiguousarray(colours[..., 0]), white
    return colours, white


def _rescaled(stored: NDArray[Any], data: Dataset) -> tuple[NDArray[Any], str]:
    """Values after the modality LUT (PS3.3 C.11.1), whole numbers as long as they are such, and what was rounded.

    A slope of one and an intercept of zero, which digital radiographs must have, change nothing; a VOI LUT can be looked up
    in whole numbers only.
    """
    if data.get("ModalityLUTSequence"):
        return _whole(quiet(apply_modality_lut, stored, data))
    slope, intercept = _decimal(data, "RescaleSlope", 1.0), _decimal(data, "RescaleIntercept", 0.0)
    if (slope, intercept) == (1.0, 0.0):
        return stored, ""
    if slope == 1 and intercept.is_integer() and abs(intercept) < 2**30 and stored.dtype.itemsize <= 2:
        return stored.astype(np.int32) + np.int32(intercept), ""  # what a CT's numbers are: no detour over real ones
    return _whole(stored.astype(np.float64) * slope + intercept)


def _whole(values: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Values as 32-bit integers where all are whole, else in single precision, and what was rounded."""
    if np.issubdtype(values.dtype, np.integer):
        return values, ""
    if np.array_equal(values, np.rint(values)) and np.abs(values).max() < 2**31:
        return values.astype(np.int32), ""
    return single_precision(values)


def _padding(stored: NDArray[Any], data: Dataset) -> NDArray[np.bool_]:
    """Where a pixel is outside the image: stored values at the padding value or in its range (PS3.3 C.7.5.1.1.2)."""
    kinds = {"f4": "Float", "f8": "DoubleFloat"}
    kind, number = kinds.get(stored.dtype.str[1:], ""), float if stored.dtype.kind == "f" else int
    first = data.get(f"{kind}PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    last = data.get(f"{kind}PixelPaddingRangeLimit")
    low, high = sorted((number(first), number(first if last is None else last)))
    padding = stored == low if low == high else (stored >= low) & (stored <= high)
    return np.zeros(stored.shape, bool) if padding.all() else padding


def _window(
    pixels: NDArray[Any], outside: NDArray[np.bool_], data: Dataset, notes: list[str]
) -> tuple[NDArray[Any], Window]:
    """The window that the file names first; a table is applied; without either, the range of the pixels of the image."""
    if data.get("VOILUTSequence"):
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        # What a table is looked up with is a whole number, whatever slope made it.
        looked_up = np.rint(pixels).astype(np.int32)
        return quiet(apply_voi_lut, looked_up, data, prefer_lut=True), (0.0, float(2**bits - 1))
    inside = pixels[~outside] if outside.any() else pixels
    low, high = float(inside.min()), float(inside.max())
    whole = range_of(low, high)
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


def asks_for_sigmoid(data: Dataset) -> bool:
    """Whether a screen should show the window of a file as a sigmoid, and no table goes before it."""
    function = str(data.get("VOILUTFunction", "LINEAR"))
    return function == "SIGMOID" and not data.get("VOILUTSequence") and bool(data.get("WindowWidth"))


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

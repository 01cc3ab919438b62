"""DICOM secondary captures: a derived image of nobody, marked where a model made it.

Nothing of the source's patient is written. Whether a name is burned into the pixels is another question: the file says that
identity is removed only where that is known.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.derived_dicom import SYNTHETIC, decimal, derived_dataset, plain_text, stored_steps
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Laterality, Radiograph
from napari_medgen.running.naming import with_ending
from napari_medgen.running.writing import write_whole
from napari_medgen.validity import parse_json

_GROUP, _CREATOR, _NOTES = 0x0011, "NAPARI-MEDGEN", 0x01


@dataclass(frozen=True)
class Said:
    """What a secondary capture of ours says that its kind of file has no place for."""

    laterality: Laterality = ""
    view: str = ""


def own_notes(data: Dataset) -> tuple[Provenance | None, Said]:
    """What :func:`write_secondary_capture` left; None, and nothing said, where it is not one of ours."""
    try:
        found = parse_json(data.private_block(_GROUP, _CREATOR)[_NOTES].value)
        side, view = found.get("laterality", ""), found.get("view", "")
        said = Said(side if side in ("L", "R", "B") else "", view if isinstance(view, str) else "")
        return Provenance.model_validate(found), said
    except (KeyError, ValidationError, ValueError, TypeError, AttributeError):
        return None, Said()


def keeps_exactly(pixels: NDArray[Any]) -> bool:
    """Whether :func:`write_secondary_capture` stores grey values as they are, and not in 65,536 steps."""
    return stored_steps(pixels)[1:] == (1.0, 0.0) and np.issubdtype(pixels.dtype, np.integer)


def write_secondary_capture(radiograph: Radiograph, path: str | Path) -> Path:
    """Write a DICOM secondary capture: a derived image of no patient, marked where a model made it.

    Whole numbers that fit 16 bits are stored as they are. Others are stored in 65,536 steps from the lowest to the highest,
    with a slope and an intercept that give them back.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    path = with_ending(Path(path), (".dcm",))
    return write_whole(path, _content(_capture(radiograph)), ImageError)


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a series.

    Attributes
    ----------
    image
        Of which size, side and origin are written, and its grey values.
    comment
        What it shows, in a few words.
    colours
        (rows, columns, 3) uint8 in the place of the grey values; None for those.
    """

    image: Radiograph
    comment: str = ""
    colours: NDArray[np.uint8] | None = None


def capture_series(pictures: Sequence[Picture], description: str) -> list[bytes]:
    """Secondary captures that are one series: the contents of their files, in order.

    Parameters
    ----------
    description
        Of the series; that it is synthetic, where it is, and not for diagnosis is said before it.
    """
    now = datetime.datetime.now()
    study, series = generate_uid(), generate_uid()
    grey = [picture.image.pixels for picture in pictures if picture.colours is None]
    # One slope for all, so that stored values of two pictures can be compared.
    limits = (float(min(one.min() for one in grey)), float(max(one.max() for one in grey))) if grey else None
    contents = []
    for number, picture in enumerate(pictures, 1):
        data = _capture(picture.image, picture.colours, now, limits)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.InstanceNumber = study, series, number
        data.SeriesDescription = plain_text(f"{data.SeriesDescription.split(',')[0]}, {description}, not for diagnosis")
        if picture.comment:
            data.ImageComments = plain_text(picture.comment, 1024)
        contents.append(_content(data))
    return contents


def _content(data: Dataset) -> bytes:
    content = BytesIO()
    data.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _capture(
    radiograph: Radiograph,
    colours: NDArray[np.uint8] | None = None,
    at: datetime.datetime | None = None,
    limits: tuple[float, float] | None = None,
) -> Dataset:
    data = _of_nobody(radiograph, at)
    if radiograph.spacing:
        data.PixelSpacing = [f"{step:.6g}" for step in radiograph.spacing]
    elif radiograph.aspect != 1:
        data.PixelAspectRatio = [round(radiograph.aspect * 1000), 1000]
    if colours is None:
        pixels = _add_grey(data, radiograph, limits)
    else:
        pixels = np.ascontiguousarray(colours)
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
        data.PixelRepresentation = 0
    data.Rows, data.Columns = pixels.shape[:2]
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.private_block(_GROUP, _CREATOR, create=True).add_new(_NOTES, "LT", _notes_text(radiograph))
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes() + b"\0" * (pixels.nbytes % 2)
    data["PixelData"].VR = "OB" if pixels.dtype == np.uint8 else "OW"
    return data


def _add_grey(data: Dataset, radiograph: Radiograph, limits: tuple[float, float] | None) -> NDArray[Any]:
    """Describe the grey values; what is stored of them."""
    pixels, slope, intercept = stored_steps(radiograph.pixels, limits)
    low, high = radiograph.window
    if (slope, intercept) != (1.0, 0.0):
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = decimal(slope), decimal(intercept), "US"
    # Of a linear window of centre c and width w (PS3.3 C.11.2.1.2), black is c - w / 2 and white c + w / 2 - 1.
    data.WindowWidth, data.WindowCenter = decimal(high - low + 1), decimal((low + high + 1) / 2)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    return pixels


def _of_nobody(radiograph: Radiograph, at: datetime.datetime | None = None) -> Dataset:
    """All attributes that a secondary capture must have (PS3.3 A.8.1) but its pixels; what nobody knows is empty."""
    data = derived_dataset(radiograph.provenance, SecondaryCaptureImageStorage, radiograph.identity, at)
    data.SeriesNumber, data.InstanceNumber = 1, 1
    data.Modality, data.ConversionType, data.ImageType = "OT", "WSD", ["DERIVED", "SECONDARY"]
    if radiograph.provenance.synthetic:
        data.ImageType = [*data.ImageType, "OTHER", SYNTHETIC]
    data.PatientOrientation = ""
    data.Laterality = radiograph.laterality if radiograph.laterality in ("L", "R") else ""
    return data


def _notes_text(radiograph: Radiograph) -> str:
    """The provenance as JSON, plain ASCII since no character set is declared."""
    said = {"laterality": radiograph.laterality, "view": radiograph.view}
    return json.dumps(radiograph.provenance.model_dump(exclude_none=True) | said)

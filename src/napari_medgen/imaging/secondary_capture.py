"""DICOM secondary captures: a derived image of nobody, marked where a model made it.

Nothing of the source's patient is written. Whether a name is burned into the pixels is another question: the file says that
identity is removed only where that is known.
"""

from __future__ import annotations

import datetime
import json
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.naming import with_ending
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.running.writing import write_whole

_GROUP, _CREATOR, _NOTES = 0x0011, "NAPARI-MEDGEN", 0x01
_LONG_STRING = 64  # characters that a value of the kind LO may have


def own_notes(data: Dataset) -> Provenance | None:
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
    path = with_ending(Path(path), (".dcm",))
    data = _of_nobody(radiograph)
    pixels, (low, high) = radiograph.pixels, radiograph.window
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels, low, high = np.rint(radiograph.grey() * 65535).astype(np.uint16), 0.0, 65535.0
    if radiograph.spacing:
        data.PixelSpacing = [f"{step:.6g}" for step in radiograph.spacing]
    elif radiograph.aspect != 1:
        data.PixelAspectRatio = [round(radiograph.aspect * 1000), 1000]
    # DICOM's linear window of centre c and width w runs from c - w / 2 to c + w / 2 - 1.
    data.WindowWidth, data.WindowCenter = f"{high - low + 1:.6g}", f"{(low + high + 1) / 2:.6g}"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.private_block(_GROUP, _CREATOR, create=True).add_new(_NOTES, "LT", _notes_text(radiograph.provenance))
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes() + b"\0" * (pixels.nbytes % 2)
    data["PixelData"].VR = "OB" if pixels.dtype == np.uint8 else "OW"
    content = BytesIO()
    data.save_as(content, enforce_file_format=True)
    return write_whole(path, content.getvalue(), ImageError)


def _of_nobody(radiograph: Radiograph) -> Dataset:
    """All attributes that a secondary capture must have (PS3.3 A.8.1) but its pixels; what nobody knows is empty."""
    made, now = radiograph.provenance, datetime.datetime.now()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    for empty in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID"):
        setattr(data, empty, "")
    data.AccessionNumber, data.SeriesNumber, data.InstanceNumber = "", 1, 1
    data.StudyDate = data.ContentDate = now.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = now.strftime("%H%M%S")
    data.Modality, data.ConversionType, data.ImageType = "OT", "WSD", ["DERIVED", "SECONDARY"]
    data.SeriesDescription = "SYNTHETIC, not for diagnosis" if made.synthetic else "Derived image, not for diagnosis"
    data.DerivationDescription = made.summary
    data.Manufacturer = (made.software or "napari-medgen").encode("ascii", "replace").decode()[:_LONG_STRING]
    data.PatientOrientation = ""
    data.Laterality = radiograph.laterality if radiograph.laterality in ("L", "R") else ""
    data.PatientIdentityRemoved = "YES" if radiograph.identity == "removed" else "NO"
    if data.PatientIdentityRemoved == "YES":
        data.DeidentificationMethod = "Made without a patient" if made.synthetic else "Only pixels and geometry were kept"
    if radiograph.identity != "unknown":
        data.BurnedInAnnotation = "YES" if radiograph.identity == "present" else "NO"
    return data


def _notes_text(made: Provenance) -> str:
    """The provenance as JSON, plain ASCII since no character set is declared."""
    return json.dumps(made.model_dump(exclude_none=True))

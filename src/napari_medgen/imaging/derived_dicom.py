"""What every DICOM object has that is written here: it is derived, of nobody, and says so wherever the standard has a field.

Nothing of a source's patient is written. A generative model's work is called synthetic in the kind of image, the series'
description, the derivation and the equipment (PS3.3 C.7.6.1, C.7.5.1, C.7.5.2).
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Identity

_LONG_STRING = 64  # characters that a value of the kind LO may have
SYNTHETIC = "SYNTHETIC"  # a value of ImageType, and a code
_SCHEME = "99MEDGEN"  # private, as the 99 says (PS3.3 8.2)


def derived_dataset(made: Provenance, kind: UID, identity: Identity, at: datetime.datetime | None = None) -> Dataset:
    """Attributes of patient, study, series and equipment (PS3.3 C.7.1 to C.7.5); what nobody knows is empty.

    Parameters
    ----------
    made
        Where the image comes from.
    kind
        UID of the storage class.
    identity
        Whether a name may stand in the pixels.
    at
        When; now by default. Files of one series have one time.
    """
    now = at or datetime.datetime.now()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    for empty in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID"):
        setattr(data, empty, "")
    data.AccessionNumber = ""
    data.StudyDate = data.ContentDate = now.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = now.strftime("%H%M%S")
    data.SeriesDescription = "SYNTHETIC, not for diagnosis" if made.synthetic else "Derived image, not for diagnosis"
    data.DerivationDescription = made.summary
    data.Manufacturer = plain_text(made.software or "napari-medgen")
    data.ContributingEquipmentSequence = Sequence([_equipment(made)])
    if made.synthetic:
        data.DerivationCodeSequence = Sequence([code(SYNTHETIC, _SCHEME, "Made by a generative model")])
    data.PatientIdentityRemoved = "YES" if identity == "removed" else "NO"
    if data.PatientIdentityRemoved == "YES":
        data.DeidentificationMethod = (
            "Made without a patient" if made.synthetic and not made.source else "Only pixels and geometry were kept"
        )
    if identity != "unknown":
        data.BurnedInAnnotation = "YES" if identity == "present" else "NO"
    return data


def _equipment(made: Provenance) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = Sequence([code("109102", "DCM", "Processing Equipment")])
    item.Manufacturer = "napari-medgen"
    item.SoftwareVersions = plain_text(made.software or "napari-medgen")
    if made.model:
        item.ManufacturerModelName = plain_text(made.model)
    what = "Made by a generative model, not acquired" if made.synthetic else "Derived from another image"
    item.ContributionDescription = what
    return item


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded entry (PS3.3 8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def plain_text(text: str, most: int = _LONG_STRING) -> str:
    """Plain ASCII, since no character set is declared, as long as the standard lets it be; one value, and of one line."""
    plain = "".join(" " if character == "\\" or not character.isprintable() else character for character in text)
    return " ".join(plain.encode("ascii", "replace").decode().split())[:most]


def stored_steps(pixels: NDArray[Any], limits: tuple[float, float] | None = None) -> tuple[NDArray[Any], float, float]:
    """Values of a type that DICOM stores, and slope and intercept that give the values back.

    Parameters
    ----------
    limits
        Smallest and largest value of several images that share slope and intercept.
    """
    low, high = limits or (float(pixels.min()), float(pixels.max()))
    if np.issubdtype(pixels.dtype, np.integer):
        if pixels.dtype in (np.uint8, np.uint16, np.int16):
            return pixels, 1.0, 0.0
        for kind in (np.uint16, np.int16):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                return pixels.astype(kind), 1.0, 0.0
    slope = float(decimal((high - low) / 65535)) if high > low else 1.0
    intercept = float(decimal(low))
    steps = np.rint((pixels.astype(np.float64) - intercept) / slope).clip(0, 65535)
    return steps.astype(np.uint16), slope, intercept


def decimal(value: float) -> str:
    """A number in the 16 characters of a decimal string (PS3.5 6.2), as exactly as they allow."""
    return next(text for digits in range(16, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)

"""A volume as a DICOM series of slices: derived, of nobody, in the place where it lies (PS3.3 A.3, A.4)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.derived_dicom import SYNTHETIC, decimal, derived_dataset, stored_steps
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import write_whole

Modality = Literal["MR", "CT"]
_GROUP, _CREATOR, _NOTES = 0x0011, "NAPARI-MEDGEN", 0x01
_RIGHT_ANGLE = 1e-3  # cosine between rows and columns
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def write_series(volume: Volume, folder: str | Path, modality: Modality = "MR") -> Steps[list[Path]]:
    """Write a file a slice, from the feet up, into a folder that is new or empty.

    Whole numbers that fit 16 bits are stored as they are; others in 65,536 steps with a slope and an intercept.

    Parameters
    ----------
    modality
        What it is of, or like: decides the storage class.

    Yields
    ------
    Progress
        A step a slice.

    Raises
    ------
    ImageError
        If the folder holds something, cannot be written, or the volume's rows and columns are not at right angles. What was
        written is gone then, as when it is given up.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ImageError(f"{folder.name} exists and is not an empty folder.")
    new, whole = not folder.exists(), False
    written: list[Path] = []
    try:
        for number, data in enumerate(_slices(volume, modality), 1):
            content = BytesIO()
            data.save_as(content, enforce_file_format=True)
            written.append(write_whole(folder / f"IM{number:05d}.dcm", content.getvalue(), ImageError))
            yield Progress(number, len(volume.voxels), "Writing slices")
        whole = True
    finally:
        if not whole:
            for path in written:
                path.unlink(missing_ok=True)
            if new and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return written


def _slices(volume: Volume, modality: Modality) -> Iterator[Dataset]:
    lps = _RAS_TO_LPS @ volume.affine[:3]
    steps = np.linalg.norm(lps[:, :3], axis=0)
    across, down, along = (lps[:, axis] / steps[axis] for axis in range(3))
    if abs(down @ along) <= _RIGHT_ANGLE:
        down = down - (down @ along) * along  # to the last digit, as others ask for
        down /= np.linalg.norm(down)
    else:
        raise ImageError(
            f"{volume.name} has rows and columns that are not at right angles, which DICOM cannot say: make it upright."
        )
    apart = abs(float(np.cross(along, down) @ across)) * steps[0]
    voxels, slope, intercept = stored_steps(volume.voxels)
    if voxels.dtype == np.uint8:
        voxels = voxels.astype(np.uint16)  # slices of MR and CT have sixteen bits
    now = datetime.datetime.now()
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    for number, pixels in enumerate(voxels):
        data = derived_dataset(volume.provenance, MRImageStorage if modality == "MR" else CTImageStorage, "removed", now)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.Modality, data.PositionReferenceIndicator, data.PatientPosition = modality, "", ""
        data.SeriesNumber, data.InstanceNumber, data.AcquisitionNumber, data.Laterality = 1, number + 1, "", ""
        data.ImageType = ["DERIVED", "SECONDARY", "OTHER" if modality == "MR" else "AXIAL"]
        if volume.provenance.synthetic:
            data.ImageType = [*data.ImageType, SYNTHETIC]
        data.ImagePositionPatient = [decimal(float(place)) for place in lps[:, 3] + number * lps[:, 0]]
        data.ImageOrientationPatient = [decimal(float(cosine)) for cosine in (*along, *down)]
        data.PixelSpacing = [decimal(float(steps[1])), decimal(float(steps[2]))]
        data.SliceThickness = decimal(apart)
        if modality == "MR":
            _add_mr(data, apart)
        else:
            data.KVP = ""
        if modality == "CT" or (slope, intercept) != (1.0, 0.0):
            data.RescaleSlope, data.RescaleIntercept = decimal(slope), decimal(intercept)
            data.RescaleType = "HU" if modality == "CT" and slope == 1 else "US"
        data.WindowWidth, data.WindowCenter = decimal(high - low + 1), decimal((low + high + 1) / 2)
        data.Rows, data.Columns = pixels.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.PixelRepresentation = int(pixels.dtype.kind == "i")
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        said = json.dumps(volume.provenance.model_dump(exclude_none=True))
        data.private_block(_GROUP, _CREATOR, create=True).add_new(_NOTES, "UT", said)
        data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
        data["PixelData"].VR = "OW"
        yield data


def _add_mr(data: Dataset, apart: float) -> None:
    """What an MR image must have (PS3.3 C.8.3.1); of what nobody scanned it is empty, or "research mode"."""
    data.ScanningSequence, data.SequenceVariant, data.ScanOptions, data.MRAcquisitionType = "RM", "NONE", "", "3D"
    data.EchoTime, data.EchoTrainLength, data.RepetitionTime = "", "", ""
    data.SpacingBetweenSlices = decimal(apart)

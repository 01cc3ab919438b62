"""DICOM series whose grey values say where in the patient they lie, so that a volume can be checked anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_medgen.imaging.volume import Volume

Vector = NDArray[np.float64]
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
SPACING, STEP, SHAPE = (1.5, 0.75), 2.5, (6, 7)  # between rows, between columns; between slices; rows, columns
FIRST = (-20.0, 15.0, -110.0)
SLOPES = np.array([3.0, -2.0, 5.0])  # grey values a millimetre, in LPS


def grey(places: Vector) -> Vector:
    """The scene at places (..., 3) in LPS millimetres."""
    return np.asarray(places @ SLOPES, float)


def plane(position: Sequence[float], directions: Any, shape: tuple[int, int] = SHAPE) -> Vector:
    """The scene in a plane (rows, columns)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    along_row, along_column = (np.asarray(direction) for direction in directions)
    places = np.asarray(position) + columns[..., None] * SPACING[1] * along_row + rows[..., None] * SPACING[0] * along_column
    return grey(places)


def positions(count: int, directions: Any = AXIAL, step: float = STEP, tilt: Vector | None = None) -> list[Vector]:
    """Where slices lie, one behind the other; ``tilt`` is how far each is beside the one before, in LPS."""
    normal = np.cross(*directions)
    aside = np.zeros(3) if tilt is None else tilt
    return [np.asarray(FIRST) + number * (step * normal + aside) for number in range(count)]


def write_slice(
    path: Path, position: Sequence[float], directions: Any = AXIAL, *, pixels: NDArray[Any] | None = None, **tags: object
) -> Path:
    """A file of one slice, its grey values those of the scene in 16 signed bits (or ``pixels``)."""
    if pixels is None:
        pixels = np.rint(plane(position, directions)).astype(np.int16)
    data = _dataset(pixels, CTImageStorage)
    data.ImagePositionPatient, data.ImageOrientationPatient = list(map(float, position)), [*directions[0], *directions[1]]
    data.PixelSpacing, data.SliceThickness = list(SPACING), 2.0
    for name, value in tags.items():
        setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path, places: Sequence[Sequence[float]], directions: Any = AXIAL, seed: int = 0, series: str = "", **tags: object
) -> str:
    """Files of a series under names and numbers in random order; returns its identifier."""
    series = series or generate_uid()
    rng = np.random.default_rng(seed)
    for name, number, position in zip(rng.permutation(len(places)), rng.permutation(len(places)), places, strict=True):
        path = folder / f"IM{int(name):04d}{seed}"
        write_slice(path, position, directions, SeriesInstanceUID=series, InstanceNumber=int(number) + 1, **tags)
    return series


def write_enhanced(path: Path, places: Sequence[Sequence[float]], directions: Any = AXIAL, **more: Any) -> Path:
    """One file of all slices, its frames in the order given; ``more`` are lists with a value for each frame."""
    pixels = np.stack([np.rint(plane(position, directions)).astype(np.int16) for position in places])
    data = _dataset(pixels, EnhancedCTImageStorage)
    data.NumberOfFrames = len(places)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING), 2.0
    orientation.ImageOrientationPatient = [*directions[0], *directions[1]]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([orientation])
    data.SharedFunctionalGroupsSequence = Items([shared])
    groups = []
    for number, position in enumerate(places):
        group, place, content, value = Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = list(map(float, position))
        content.InStackPositionNumber = number + 1
        if "TemporalPositionIndex" in more:
            content.TemporalPositionIndex = more["TemporalPositionIndex"][number]
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = more.get("rescale", [(1, 0)] * len(places))[
            number
        ] + ("HU",)
        group.PlanePositionSequence, group.FrameContentSequence = Items([place]), Items([content])
        group.PixelValueTransformationSequence = Items([value])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Items(groups)
    data.save_as(path, enforce_file_format=True)
    return path


def assert_in_place(volume: Volume, *, within: float = 0.51) -> None:
    """Every voxel has the scene's grey value where the affine says that it lies; ``within`` is the rounding of the files."""
    indices = np.indices(volume.voxels.shape).reshape(3, -1)
    ras = volume.affine[:3, :3] @ indices + volume.affine[:3, 3:]
    wanted = grey((np.diag([-1.0, -1.0, 1.0]) @ ras).T).reshape(volume.voxels.shape)
    assert np.abs(volume.voxels - wanted).max() <= within


def _dataset(pixels: NDArray[Any], kind: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.SeriesInstanceUID, data.Modality, data.SeriesNumber = generate_uid(), "CT", 3
    data.PatientName, data.SeriesDescription, data.BodyPartExamined = "Doe^Jane", "Abdomen 2.5 Doe", "ABDOMEN"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    return data

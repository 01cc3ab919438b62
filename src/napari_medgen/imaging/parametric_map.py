"""A map of numbers over a radiograph as a DICOM Parametric Map (PS3.3 A.75): the values themselves, in single precision.

The map has the rows and columns of its radiograph. Where a radiograph lies in the patient is not known, so the map has
a frame of reference of its own, in which the picture lies flat: places within it are right, and it is nowhere in a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ParametricMapStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.derived_dicom import SYNTHETIC, code, decimal, derived_dataset, plain_text
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph

_UNKNOWN_SPACING = 1.0  # where nobody knows it, and the standard wants a number; the description says so


@dataclass(frozen=True)
class Quantity:
    """What the numbers of a map are.

    Attributes
    ----------
    name
        In a few words.
    unit
        In words; UCUM has a code for a number without a unit alone, which is what is written.
    explanation
        A sentence.
    """

    name: str
    unit: str
    explanation: str


def parametric_map(values: NDArray[np.float32], image: Radiograph, made: Provenance, quantity: Quantity) -> bytes:
    """The content of a file.

    Parameters
    ----------
    values
        (rows, columns) of the image.
    image
        What the map lies over; of it the size, the spacing and nothing else is written.
    made
        Where the map comes from.

    Raises
    ------
    ImageError
        If the map has not the image's rows and columns, or holds values that are not finite.
    """
    if values.shape != image.shape or not np.isfinite(values).all():
        raise ImageError(f"A map of {image.name} has its rows and columns, and numbers everywhere.")
    data = derived_dataset(made, ParametricMapStorage, "removed")
    data.SeriesNumber, data.InstanceNumber, data.Modality = 1, 1, "OT"
    data.Laterality = image.laterality if image.laterality in ("L", "R") else ""
    kind = ["DERIVED", "PRIMARY", SYNTHETIC if made.synthetic else "OTHER", "NONE"]
    of_a_model = f"{SYNTHETIC}, " if made.synthetic else ""
    data.SeriesDescription = plain_text(f"{of_a_model}{quantity.name}, not for diagnosis")
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = generate_uid(), ""
    data.ManufacturerModelName, data.DeviceSerialNumber = plain_text(made.model or "napari-medgen"), "none"
    data.SoftwareVersions = plain_text(made.software or "napari-medgen")
    data.ImageType, data.BurnedInAnnotation, data.LossyImageCompression = kind, "NO", "00"
    data.RecognizableVisualFeatures = "NO"
    data.ContentLabel, data.ContentDescription, data.ContentCreatorName = "MAP", plain_text(quantity.name), ""
    data.AcquisitionContextSequence = Sequence([])
    data.PresentationLUTShape, data.ContentQualification = "IDENTITY", "RESEARCH"
    data.NumberOfFrames = 1
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.BitsAllocated = 1, "MONOCHROME2", 32
    _add_dimensions(data)
    data.SharedFunctionalGroupsSequence = Sequence([_shared(values, image, quantity, kind)])
    data.PerFrameFunctionalGroupsSequence = Sequence([_frame()])
    data.FloatPixelData = values.astype("<f4").tobytes()
    content = BytesIO()
    data.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _add_dimensions(data: Dataset) -> None:
    """A stack of one picture (PS3.3 C.7.6.17)."""
    organisation = generate_uid()
    item = Dataset()
    item.DimensionOrganizationUID = organisation
    data.DimensionOrganizationSequence = Sequence([item])
    index = Dataset()
    index.DimensionOrganizationUID = organisation
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00200032, 0x00209113  # position within plane position
    data.DimensionIndexSequence = Sequence([index])


def _shared(values: NDArray[np.float32], image: Radiograph, quantity: Quantity, kind: list[str]) -> Dataset:
    """What holds for every frame (PS3.3 A.75.4.1)."""
    group = Dataset()
    measures = Dataset()
    row, column = image.spacing or (image.aspect * _UNKNOWN_SPACING, _UNKNOWN_SPACING)
    measures.PixelSpacing, measures.SliceThickness = [decimal(row), decimal(column)], decimal(1.0)
    group.PixelMeasuresSequence = Sequence([measures])
    orientation = Dataset()
    orientation.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    group.PlaneOrientationSequence = Sequence([orientation])
    frame_type = Dataset()
    frame_type.FrameType = kind
    group.ParametricMapFrameTypeSequence = Sequence([frame_type])
    identity = Dataset()
    identity.RescaleIntercept, identity.RescaleSlope, identity.RescaleType = "0", "1", "US"
    group.PixelValueTransformationSequence = Sequence([identity])
    largest = min(float(np.abs(values).max()) or 1.0, 1e38)  # readers take the window for a number in single precision
    window = Dataset()
    window.WindowCenter, window.WindowWidth = decimal(0.0), decimal(2 * largest)
    window.VOILUTFunction = "LINEAR_EXACT"  # the numbers may be far below one
    group.FrameVOILUTSequence = Sequence([window])
    mapping = Dataset()
    mapping.DoubleFloatRealWorldValueFirstValueMapped = float(values.min())
    mapping.DoubleFloatRealWorldValueLastValueMapped = float(values.max())
    mapping.RealWorldValueIntercept, mapping.RealWorldValueSlope = 0.0, 1.0
    known = "" if image.spacing else " The distance of pixels is not known, and stands as 1 mm."
    mapping.LUTLabel, mapping.LUTExplanation = "MAP", plain_text(f"{quantity.name} in {quantity.unit}")
    mapping.MeasurementUnitsCodeSequence = Sequence([code("1", "UCUM", "no units")])
    definition = Dataset()
    definition.ValueType = "TEXT"
    definition.ConceptNameCodeSequence = Sequence([code("MAP", "99MEDGEN", plain_text(quantity.name))])
    definition.TextValue = (quantity.explanation + known).encode("ascii", "replace").decode()
    mapping.QuantityDefinitionSequence = Sequence([definition])
    group.RealWorldValueMappingSequence = Sequence([mapping])
    return group


def _frame() -> Dataset:
    group = Dataset()
    content = Dataset()
    content.DimensionIndexValues = [1]
    group.FrameContentSequence = Sequence([content])
    position = Dataset()
    position.ImagePositionPatient = ["0", "0", "0"]
    group.PlanePositionSequence = Sequence([position])
    return group

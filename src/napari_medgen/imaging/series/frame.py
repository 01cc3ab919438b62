"""One frame of a DICOM file: where it lies, and what tells it from others at the same place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Triple = tuple[float, float, float]
Rescale = tuple[float, float]

# What tells images at the same place apart, the likeliest first, and what a person calls it.
TELLING = {
    "StackID": "stack",
    "KVP": "tube voltage",
    "ConvolutionKernel": "kernel",
    "NominalPercentageOfCardiacPhase": "cardiac phase",
    "FrameReferenceTime": "reference time",
    "SequenceName": "sequence",
    "EffectiveEchoTime": "echo time",
    "EchoTime": "echo time",
    "EchoNumbers": "echo",
    "DiffusionBValue": "b-value",
    "TemporalPositionIndex": "time point",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger time",
    "NominalCardiacTriggerDelayTime": "trigger time",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "ImageType": "kind of image",
    "FrameType": "kind of image",
    "AcquisitionNumber": "acquisition",
    "DiffusionGradientOrientation": "gradient direction",
    "FrameReferenceDateTime": "time",
    "AcquisitionDateTime": "time",
    "AcquisitionTime": "time",
    "ContentTime": "time",
}


@dataclass(frozen=True)
class Frame:
    """One frame of a file.

    Attributes
    ----------
    path, index, count
        The file, the frame's number in it from 0, and how many it holds.
    uid, series
        Unique identifiers of the instance and of its series.
    number, description, modality, body_part
        What the series is called: its number, free text, and coded tags.
    instance
        Its number in the series; no order to rely on.
    rows, columns, samples
        Size, and numbers a pixel.
    position, directions
        Where its first pixel lies, and the unit vectors along which columns and rows grow, in DICOM's LPS millimetres.
    spacing
        Millimetres between rows and between columns.
    thickness, between
        Of the slice, and from slice to slice, in millimetres as the file says.
    rescale
        Slope and intercept of its grey values.
    telling
        What may tell it from others at the same place, by the keywords of :data:`TELLING`.
    person, reference
        A hash of whom and which study it is of, and the frame of reference in which its place counts.
    photometric
        What its numbers are: MONOCHROME2, MONOCHROME1, a palette, colours.
    segment
        Which segment it marks; empty where it is no segmentation.
    tile
        First row and column of its part of the stored frame, where many slices are tiled in one (Siemens' mosaics).
    """

    path: Path
    index: int
    count: int
    uid: str
    series: str
    number: int
    description: str
    modality: str
    body_part: str
    instance: int
    rows: int
    columns: int
    samples: int
    position: Triple | None
    directions: tuple[Triple, Triple] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    between: float | None
    rescale: Rescale
    telling: dict[str, str]
    person: str = ""
    reference: str = ""
    photometric: str = "MONOCHROME2"
    segment: str = ""
    tile: tuple[int, int] | None = None

    @property
    def placed(self) -> bool:
        """Whether it says where in the patient it lies."""
        return self.position is not None and self.directions is not None and self.spacing is not None

    @property
    def is_slice(self) -> bool:
        """Whether it can be a slice of a volume: grey, and in a place."""
        return self.placed and self.samples == 1 and self.photometric.startswith("MONOCHROME")

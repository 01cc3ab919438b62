"""What the header of a DICOM file says of each of its frames: where it lies, and what tells it from others.

Classic files hold one frame (PS3.3 C.7.6.2); enhanced ones hold many, each described in the functional groups (C.7.6.16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom_file import frame_count
from napari_medgen.imaging.dicom_grey import quiet
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.series.mosaic import tiles_of
from napari_medgen.validity import finite, numbers, spacing

Triple = tuple[float, float, float]
Rescale = tuple[float, float]

# What tells images at the same place apart, the likeliest first, and what a person calls it.
TELLING = {
    "StackID": "stack",
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
_ABOUT = (
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "BodyPartExamined",
    "InstanceNumber", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "PixelRepresentation",
    "PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "ImageType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "BurnedInAnnotation", "TransferSyntaxUID",
    "SpecificCharacterSet", "GridFrameOffsetVector",
)  # fmt: skip


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
    tile: tuple[int, int] | None = None

    @property
    def placed(self) -> bool:
        """Whether it says where in the patient it lies."""
        return self.position is not None and self.directions is not None and self.spacing is not None


def read_frames(path: Path) -> list[Frame]:
    """The frames of a file, by its header alone; none where it holds no image.

    Raises
    ------
    ImageError
        If it is no DICOM file, or damaged.
    """
    with opened_image(path, "a DICOM file", foreign=(InvalidDicomError,)):
        # Deferred values would be read from the file once more.
        header: Dataset = quiet(pydicom.dcmread, path, stop_before_pixels=True, specific_tags=[*_ABOUT, *TELLING])
        if "Rows" not in header or "Columns" not in header:
            return []
        found: list[Frame] = quiet(lambda: list(_frames(header, path)))
        if len(found) == 1 and found[0].placed and _is_mosaic(header):
            return quiet(lambda: tiles_of(found[0], pydicom.dcmread(path, stop_before_pixels=True)))  # type: ignore[no-any-return]
        return found


def _frames(header: Dataset, path: Path) -> Iterator[Frame]:
    count = frame_count(header, path)
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    if each and len(each) != count:
        raise ImageError(f"{path.name} describes {len(each)} frames and holds {count}.")
    for index in range(count):
        groups = [group for group in (each[index] if each else None, shared) if group is not None]
        yield _frame(header, path, index, count, groups)


def _frame(header: Dataset, path: Path, index: int, count: int, groups: list[Dataset]) -> Frame:
    def of(sequence: str, keyword: str) -> Any:
        """A value of a frame's own group, or of the shared one, or of the file."""
        for group in groups:
            found = _first(group.get(sequence))
            if found is not None and found.get(keyword) is not None:
                return found.get(keyword)
        return header.get(keyword)

    cosines = numbers(_list(of("PlaneOrientationSequence", "ImageOrientationPatient")), 6)
    place = _place(header, index, count, numbers(_list(of("PlanePositionSequence", "ImagePositionPatient")), 3), cosines)
    if count > 1 and not groups and "GridFrameOffsetVector" not in header:
        place = None  # frames of a film, or of projections: one place for all of them says nothing
    steps = spacing(_list(of("PixelMeasuresSequence", "PixelSpacing")), 2)
    slope = finite(of("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = finite(of("PixelValueTransformationSequence", "RescaleIntercept"))
    return Frame(
        path,
        index,
        count,
        str(header.get("SOPInstanceUID", "")) or str(path),
        str(header.get("SeriesInstanceUID", "")),
        _whole(header.get("SeriesNumber")),
        str(header.get("SeriesDescription", "") or "").strip(),
        _coded(header.get("Modality")),
        _coded(header.get("BodyPartExamined")),
        _whole(header.get("InstanceNumber")),
        _whole(header.Rows),
        _whole(header.Columns),
        _whole(header.get("SamplesPerPixel"), 1),
        (place[0], place[1], place[2]) if place else None,
        (cosines[:3], cosines[3:]) if cosines else None,  # type: ignore[arg-type]  # six numbers
        (steps[0], steps[1]) if steps else None,
        finite(of("PixelMeasuresSequence", "SliceThickness")),
        finite(of("PixelMeasuresSequence", "SpacingBetweenSlices")),
        (1.0 if slope in (None, 0.0) else slope, intercept or 0.0),
        _telling(header, groups),
    )


def _place(
    header: Dataset, index: int, count: int, place: tuple[float, ...] | None, cosines: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    """Where a frame lies; a dose's (PS3.3 C.8.8.3) lie by their distances from the first."""
    offsets = numbers(_list(header.get("GridFrameOffsetVector")), count) if count > 1 else None
    if offsets is None or place is None or cosines is None:
        return place
    normal = np.cross(cosines[:3], cosines[3:])
    return tuple(float(value) for value in np.add(place, (offsets[index] - offsets[0]) * normal))


def _telling(header: Dataset, groups: list[Dataset]) -> dict[str, str]:
    found = {}
    for keyword in TELLING:
        value = header.get(keyword)
        for group in groups:
            for element in group:
                inner = _first(element.value) if element.VR == "SQ" else None
                if inner is not None and inner.get(keyword) is not None:
                    value = inner.get(keyword)
                    break
            else:
                continue
            break
        words = " ".join(str(one).strip() for one in _list(value)) or str("" if value is None else value).strip()
        if words:
            found[keyword] = words
    return found


def _is_mosaic(header: Dataset) -> bool:
    return "MOSAIC" in (str(kind).upper() for kind in _list(header.get("ImageType")))


def _first(sequence: Any) -> Dataset | None:
    return sequence[0] if isinstance(sequence, Sequence) and len(sequence) and isinstance(sequence[0], Dataset) else None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _whole(value: Any, absent: int = 0) -> int:
    found = finite(value if not isinstance(value, Sequence) or isinstance(value, str) else None)
    return absent if found is None else int(found)


def _coded(value: Any) -> str:
    """A coded tag in capitals, without anything that no code holds."""
    return "".join(c for c in str(value or "").upper() if c.isalnum() or c in " -").strip()[:16]

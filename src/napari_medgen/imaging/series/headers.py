"""What the header of a DICOM file says of each of its frames: where it lies, and what tells it from others.

Classic files hold one frame (PS3.3 C.7.6.2); enhanced ones hold many, each described in the functional groups (C.7.6.16).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom_file import frame_count, open_header
from napari_medgen.imaging.dicom_grey import quiet
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.series.frame import TELLING, Frame
from napari_medgen.imaging.series.mosaic import tiles_of
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.validity import finite, numbers, spacing

_LARGEST_PLACE = 1e5  # millimetres
_UNIT = 1e-2  # how far directions may be from unit length and right angles: some are written to two digits
_ABOUT = (
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "BodyPartExamined",
    "InstanceNumber", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "PixelRepresentation",
    "PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "ImageType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "BurnedInAnnotation", "TransferSyntaxUID",
    "SpecificCharacterSet", "GridFrameOffsetVector", "PatientID", "PatientName", "StudyInstanceUID",
    "FrameOfReferenceUID",
)  # fmt: skip


def read_frames(path: Path) -> list[Frame]:
    """The frames of a file, by its header alone; none where it holds no image.

    Raises
    ------
    ImageError
        If it is no DICOM file, or damaged.
    """
    with opened_image(path, "a DICOM file", foreign=(InvalidDicomError,)):
        # Deferred values would be read from the file once more.
        header = open_header(path, [*_ABOUT, *TELLING])
        if "Rows" not in header or "Columns" not in header:
            return []
        found: list[Frame] = quiet(lambda: list(_frames(header, path)))
        if len(found) == 1 and found[0].placed and _is_mosaic(header):
            return quiet(lambda: tiles_of(found[0], open_header(path)))  # type: ignore[no-any-return]
        return found


def _frames(header: Dataset, path: Path) -> Iterator[Frame]:
    count = frame_count(header, path)
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    if each and len(each) != count:
        raise ImageError(f"{path.name} describes {len(each)} frames and holds {count}.")
    _require_so_many(header, path, count)
    if not each and "GridFrameOffsetVector" not in header:
        first = _frame(header, path, 0, count, [shared] if shared is not None else [])
        yield from (replace(first, index=index) for index in range(count))
        return
    for index in range(count):
        groups = [group for group in (each[index] if each else None, shared) if group is not None]
        yield _frame(header, path, index, count, groups)


def _require_so_many(header: Dataset, path: Path, count: int) -> None:
    """Refuse a number of frames that is none, that the settings do not allow, or that the file is too short for."""
    samples, bits = _whole(header.get("SamplesPerPixel"), 1), _whole(header.get("BitsAllocated"), 16)
    promised = count * _whole(header.Rows) * _whole(header.Columns) * max(samples, 1) * max(bits, 1) // 8
    if count < 1:
        raise ImageError(f"{path.name} does not say how many frames it holds.")
    require_image_bytes(promised, path.name)
    syntax = str(getattr(header, "file_meta", Dataset()).get("TransferSyntaxUID", ""))
    packed = syntax == DeflatedExplicitVRLittleEndian or (bool(syntax) and _is_compressed(syntax))
    if count > 1 and not packed and promised > path.stat().st_size:
        raise ImageError(f"{path.name} is damaged or ends too early.")


def _is_compressed(syntax: str) -> bool:
    try:
        return bool(UID(syntax).is_compressed)
    except ValueError:
        return True  # no syntax of the standard: whoever reads its pixels says so


def _frame(header: Dataset, path: Path, index: int, count: int, groups: list[Dataset]) -> Frame:
    def of(sequence: str, keyword: str) -> Any:
        """A value of a frame's own group, or of the shared one, or of the file."""
        for group in groups:
            found = _first(group.get(sequence))
            if found is not None and found.get(keyword) is not None:
                return found.get(keyword)
        return header.get(keyword)

    cosines = _directions(of("PlaneOrientationSequence", "ImageOrientationPatient"))
    place = _place(header, index, count, numbers(_list(of("PlanePositionSequence", "ImagePositionPatient")), 3), cosines)
    if count > 1 and not groups and "GridFrameOffsetVector" not in header:
        place = None  # frames of a film, or of projections: one place for all of them says nothing
    if place is not None and max(abs(value) for value in place) > _LARGEST_PLACE:
        place = None
    steps = spacing(_list(of("PixelMeasuresSequence", "PixelSpacing")), 2)
    slope = _rescale(of("PixelValueTransformationSequence", "RescaleSlope"), 1.0, path)
    intercept = _rescale(of("PixelValueTransformationSequence", "RescaleIntercept"), 0.0, path)
    return Frame(
        path,
        index,
        count,
        str(header.get("SOPInstanceUID", "")) or str(path),
        str(header.get("SeriesInstanceUID", "")),
        _whole(header.get("SeriesNumber")),
        str(header.get("SeriesDescription", "") or "").strip(),
        _coded(header.get("Modality")),
        _body_part(header),
        _whole(header.get("InstanceNumber")),
        _whole(header.Rows),
        _whole(header.Columns),
        _whole(header.get("SamplesPerPixel"), 1),
        (place[0], place[1], place[2]) if place else None,
        (cosines[:3], cosines[3:]) if cosines else None,  # type: ignore[arg-type]  # six numbers
        (steps[0], steps[1]) if steps else None,
        finite(of("PixelMeasuresSequence", "SliceThickness")),
        finite(of("PixelMeasuresSequence", "SpacingBetweenSlices")),
        (slope, intercept),
        _telling(header, groups),
        _person(header),
        str(header.get("FrameOfReferenceUID", "")),
        str(header.get("PhotometricInterpretation", "") or "MONOCHROME2"),
        _deep(groups, "ReferencedSegmentNumber"),
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
        value = _deep(groups, keyword) or header.get(keyword)
        words = " ".join(str(one).strip() for one in _list(value)) or str("" if value is None else value).strip()
        if words:
            found[keyword] = words
    return found


def _deep(groups: list[Dataset], keyword: str) -> str:
    """A value of a frame's groups, however deep it stands in their sequences; empty where there is none."""
    for group in groups:
        for element in group:
            inner = _first(element.value) if element.VR == "SQ" else None
            if inner is None:
                continue
            value = inner.get(keyword)
            if value is not None and value != "":
                return " ".join(str(one).strip() for one in _list(value)) or str(value).strip()
            if found := _deep([inner], keyword):
                return found
    return ""


def _directions(values: Any) -> tuple[float, ...] | None:
    """Unit vectors at right angles along which columns and rows grow, or None where they are none."""
    found = numbers(_list(values), 6)
    if found is None:
        return None
    row, column = np.asarray(found[:3]), np.asarray(found[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > _UNIT or abs(row @ column) > _UNIT:
        return None
    return (*map(float, row / lengths[0]), *map(float, column / lengths[1]))


def _rescale(value: Any, absent: float, path: Path) -> float:
    """The first number of a tag; a text that is none must not pass for no rescale at all."""
    if value is None or value == "":
        return absent
    found = finite(_list(value)[0] if _list(value) else value)
    if found is None or (absent and not found):
        raise ImageError(f"{path.name} holds a value that DICOM does not allow where it describes its grey values.")
    return found


def _person(header: Dataset) -> str:
    """Whom and which study it is of, as a hash: it tells apart and names nobody."""
    said = "|".join(str(header.get(key, "")) for key in ("PatientID", "PatientName", "StudyInstanceUID"))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _body_part(header: Dataset) -> str:
    """The coded body part; nothing where somebody wrote a name or a number there."""
    code = _coded(header.get("BodyPartExamined"))
    name = set(re.findall(r"[A-Z]+", str(header.get("PatientName", "")).upper()))
    return "" if any(c.isdigit() for c in code) or name & set(code.split()) else code


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

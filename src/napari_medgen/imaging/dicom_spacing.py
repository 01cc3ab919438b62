"""How large a pixel of a DICOM radiograph is, at the detector or in the patient (PS3.3 10.7 and C.8.11.2)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from napari_medgen.validity import finite, spacing

Steps = tuple[float, float]
_AT_DETECTOR = "Distances are at the detector, so what lies in front of it is a little smaller than it seems"
_BY = {"GEOMETRY": "the geometry of the exposure", "FIDUCIAL": "an object of known size in the picture"}
_LARGEST = 3.0  # magnification of any radiograph; what is beyond is a typing error


def pixel_spacing(data: Dataset) -> tuple[Steps | None, str]:
    """Distances of rows and of columns in millimetres, and what must be known of them.

    What lies in front of a detector is magnified. Where the file says by how much, distances are divided by it; where its
    pixels were calibrated, they are taken as they are.
    """
    own, imager = _spacing(data, "PixelSpacing"), _spacing(data, "ImagerPixelSpacing")
    if own is not None and imager is None:
        return own, ""
    if own is not None and imager is not None:
        how = str(data.get("PixelSpacingCalibrationType", "")).upper()
        if how in _BY:
            return own, f"Distances are in the patient, calibrated by {_BY[how]}."
        if max(abs(a / b - 1) for a, b in zip(own, imager, strict=True)) > 1e-3:
            return own, "Distances are in the patient, calibrated in a way that the file does not say."
    if imager is None:
        return _spacing(data, "NominalScannedPixelSpacing"), ""
    factor = _factor(_number(data, "EstimatedRadiographicMagnificationFactor"))
    if factor is not None:
        said = f"those at the detector divided by the magnification of {factor:.3g} that the file says"
        return (imager[0] / factor, imager[1] / factor), f"Distances are in the patient: {said}."
    about = _ratio(data)
    more = f": by about {about - 1:.0%}, as the distances of tube, patient and detector in the file say" if about else ""
    return imager, f"{_AT_DETECTOR}{more}."


def _ratio(data: Dataset) -> float | None:
    """Distance of tube and detector over that of tube and patient."""
    detector, patient = (_number(data, f"DistanceSourceTo{what}") for what in ("Detector", "Patient"))
    return _factor(detector / patient) if detector and patient else None


def _factor(found: float | None) -> float | None:
    return found if found is not None and 1 < found < _LARGEST else None


def _number(data: Dataset, keyword: str) -> float | None:
    """A number of a tag; None where it is missing or malformed."""
    try:
        return finite(data.get(keyword))
    except (ValueError, TypeError, OverflowError):
        return None


def _spacing(data: Dataset, keyword: str) -> Steps | None:
    try:
        found = spacing(tuple(data.get(keyword) or ()), 2)
    except (ValueError, TypeError):
        return None
    return (found[0], found[1]) if found is not None else None

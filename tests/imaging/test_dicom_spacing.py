"""How large a pixel of a radiograph is: at the detector, in the patient, calibrated or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from napari_medgen.imaging.dicom_spacing import pixel_spacing


def header(**tags: Any) -> Dataset:
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


IMAGER = {"ImagerPixelSpacing": ["0.2", "0.3"]}
LIKE_IT = {"PixelSpacing": ["0.2", "0.3"]}
OTHER = {"PixelSpacing": ["0.16", "0.24"]}


@pytest.mark.parametrize(
    ("tags", "steps", "words"),
    [
        ({}, None, ""),
        (OTHER, (0.16, 0.24), ""),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, (0.1, 0.1), ""),
        (IMAGER, (0.2, 0.3), "at the detector, so what lies in front of it is a little smaller than it seems."),
        (IMAGER | LIKE_IT, (0.2, 0.3), "at the detector"),
        (IMAGER | OTHER, (0.16, 0.24), "in a way that the file does not say"),
        (IMAGER | OTHER | {"PixelSpacingCalibrationType": "FIDUCIAL"}, (0.16, 0.24), "object of known size"),
        (IMAGER | LIKE_IT | {"PixelSpacingCalibrationType": "GEOMETRY"}, (0.2, 0.3), "calibrated by the geometry"),
        (IMAGER | {"EstimatedRadiographicMagnificationFactor": "1.25"}, (0.16, 0.24), "magnification of 1.25"),
        (IMAGER | LIKE_IT | {"EstimatedRadiographicMagnificationFactor": "1.25"}, (0.16, 0.24), "magnification of 1.25"),
        (IMAGER | {"EstimatedRadiographicMagnificationFactor": "0"}, (0.2, 0.3), "at the detector"),
        (IMAGER | {"EstimatedRadiographicMagnificationFactor": "125"}, (0.2, 0.3), "at the detector"),
        (
            IMAGER | {"DistanceSourceToDetector": "1100", "DistanceSourceToPatient": "1000"},
            (0.2, 0.3),
            "by about 10%",
        ),
        (IMAGER | {"DistanceSourceToDetector": "1100", "DistanceSourceToPatient": "0"}, (0.2, 0.3), "than it seems."),
    ],
)
def test_distances_and_what_must_be_known_of_them(
    tags: dict[str, Any], steps: tuple[float, float] | None, words: str
) -> None:
    found, said = pixel_spacing(header(**tags))
    assert found == (pytest.approx(steps) if steps else None)
    assert words in said
    assert bool(said) == bool(words)


def test_a_malformed_magnification_is_passed_over(tmp_path: Path) -> None:
    data = header(**IMAGER)
    tag = Tag("EstimatedRadiographicMagnificationFactor")
    data[tag] = RawDataElement(tag, "DS", 4, b"some", 0, False, True)
    with pydicom.config.disable_value_validation():
        found, said = pixel_spacing(data)
    assert found == (0.2, 0.3)
    assert "at the detector" in said

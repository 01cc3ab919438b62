"""Maps of numbers as DICOM Parametric Maps."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ParametricMapStorage

from napari_medgen.errors import ImageError
from napari_medgen.imaging.parametric_map import Quantity, parametric_map
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph

WHAT = Quantity("Saliency of KL 2", "logits for each unit of grey", "What the class depends on.")
VALUES = np.random.default_rng(0).normal(0, 2, (40, 50)).astype(np.float32)


def image(spacing: tuple[float, float] | None = (0.2, 0.3)) -> Radiograph:
    return Radiograph(np.zeros((40, 50), np.uint8), (0, 255), spacing, "R", name="Doe_Jane")


def written(tmp_path: Path, spacing: tuple[float, float] | None = (0.2, 0.3)) -> Path:
    path = tmp_path / "map.dcm"
    path.write_bytes(parametric_map(VALUES, image(spacing), Provenance(model="knee-kl"), WHAT))
    return path


def test_the_values_come_back_to_the_last_digit(tmp_path: Path) -> None:
    data = pydicom.dcmread(written(tmp_path))
    assert data.SOPClassUID == ParametricMapStorage
    np.testing.assert_array_equal(data.pixel_array, VALUES)
    shared = data.SharedFunctionalGroupsSequence[0]
    assert [float(step) for step in shared.PixelMeasuresSequence[0].PixelSpacing] == [0.2, 0.3]
    mapping = shared.RealWorldValueMappingSequence[0]
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert "logits" in mapping.LUTExplanation
    assert mapping.QuantityDefinitionSequence[0].TextValue == WHAT.explanation


def test_a_distance_that_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    shared = pydicom.dcmread(written(tmp_path, None)).SharedFunctionalGroupsSequence[0]
    assert "not known" in shared.RealWorldValueMappingSequence[0].QuantityDefinitionSequence[0].TextValue


def test_it_is_of_nobody(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = pydicom.dcmread(path)
    assert (data.PatientName, data.PatientID, data.PatientIdentityRemoved) == ("", "", "YES")
    assert b"Doe" not in path.read_bytes()
    assert "not for diagnosis" in data.SeriesDescription


def test_a_map_of_another_shape_or_with_gaps_is_refused() -> None:
    for values in (VALUES[:-1], np.full_like(VALUES, np.nan)):
        with pytest.raises(ImageError, match="numbers everywhere"):
            parametric_map(values, image(), Provenance(), WHAT)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of Debian's dicom3tools is not installed.")
@pytest.mark.parametrize("spacing", [(0.2, 0.3), None])
def test_dciodvfy_finds_no_error(tmp_path: Path, spacing: tuple[float, float] | None) -> None:
    done = subprocess.run(["dciodvfy", str(written(tmp_path, spacing))], capture_output=True, text=True, check=False)
    assert "ParametricMap" in done.stderr + done.stdout
    assert "Error" not in done.stderr + done.stdout


def test_of_a_synthetic_picture_it_says_so_where_the_standard_has_a_place() -> None:
    data = pydicom.dcmread(BytesIO(parametric_map(VALUES, image(), Provenance(synthetic=True), WHAT)))
    assert data.ImageType[2] == "SYNTHETIC"
    assert data.SeriesDescription.startswith("SYNTHETIC")
    assert "Made by a generative model" in str(data.DerivationCodeSequence)


def test_words_with_backslashes_and_lines_are_one_value(tmp_path: Path) -> None:
    odd = Quantity("of a\\b\nc", "x\\y", "z")
    data = pydicom.dcmread(BytesIO(parametric_map(VALUES * 1e37, image(), Provenance(model="m\\n\n"), odd)))
    assert "\\" not in data.SeriesDescription + data.ManufacturerModelName
    assert data.SeriesDescription.startswith("of a b c")

"""A map as files, DICOM among them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.export import export_map
from napari_medgen.saliency.maps import SaliencyMap
from napari_medgen.saliency.request import ExplainRequest
from saliency_support import load, write_classifier


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Radiograph, SaliencyMap]:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 48)).astype(np.uint8)
    image = Radiograph(pixels, (0, 255), (0.5, 0.4), "L", name="Doe_Jane")
    classifier = load(write_classifier(tmp_path_factory.mktemp("models") / "spots"))
    return image, classifier.look(image, explain=True).map(ExplainRequest())


def test_without_dicom_there_are_three_files(made: tuple[Radiograph, SaliencyMap], tmp_path: Path) -> None:
    assert [path.suffix for path in export_map(*made, tmp_path)] == [".png", ".npy", ".json"]


def test_the_map_and_its_overlay_are_written_as_dicom(made: tuple[Radiograph, SaliencyMap], tmp_path: Path) -> None:
    image, found = made
    *_, numbers, about, overlay, values = export_map(image, found, tmp_path, dicom=True)
    assert about.suffix == ".json"
    over, raw = pydicom.dcmread(overlay), pydicom.dcmread(values)
    assert over.pixel_array.shape == (60, 48, 3)
    assert [float(step) for step in over.PixelSpacing] == [0.5, 0.4]
    assert "Saliency of" in over.SeriesDescription
    assert "not for diagnosis" in over.SeriesDescription
    np.testing.assert_array_equal(raw.pixel_array, np.load(numbers))
    assert over.SOPInstanceUID != raw.SOPInstanceUID
    for path in (overlay, values):
        assert b"Doe" not in path.read_bytes()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of Debian's dicom3tools is not installed.")
def test_dciodvfy_finds_no_error(made: tuple[Radiograph, SaliencyMap], tmp_path: Path) -> None:
    for path in export_map(*made, tmp_path, dicom=True)[-2:]:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in done.stderr + done.stdout, path.name

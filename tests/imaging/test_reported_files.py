"""The small files of public bug reports (``../shared/reference/findings/reports``), and names from old discs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels.processing import apply_color_lut

from napari_medgen.imaging.files import read_radiograph, read_volume
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.orientation import CANONICAL_AXES
from napari_medgen.imaging.resample import upright
from napari_medgen.running.progress import drive


@pytest.fixture
def reports(real_data: Path) -> Path:
    return real_data.parent / "reference" / "findings" / "reports"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "said"),
    [("rotated_10", "rotated by 10.0°"), ("rotated_30", "rotated by 30.0°"), ("gantry_tilt_20", "tilted by 20.0°")],
)
def test_scans_that_lie_askew_are_named_and_can_be_made_upright(reports: Path, tmp_path: Path, name: str, said: str) -> None:
    path = reports / f"{name}.nii.gz"
    volume, image = read_volume(path), nib.load(path)
    assert any(said in remark for remark in volume.remarks), volume.remarks
    np.testing.assert_allclose(nib.load(write_nifti(volume, tmp_path / "a.nii")[0]).affine, image.affine, atol=1e-4)
    bright = np.argwhere(np.asarray(image.dataobj) >= np.asarray(image.dataobj).max())
    true = (image.affine @ [*bright.mean(0), 1])[:3]
    made = drive(upright(volume))
    assert not made.remarks
    weights = np.where(made.voxels > 0.8 * volume.voxels.max(), made.voxels, 0)
    if len(bright) == 1 or np.ptp(bright, axis=0).max() < 6:
        found = np.array([np.average(place, weights=weights.ravel()) for place in np.indices(weights.shape).reshape(3, -1)])
        np.testing.assert_allclose((made.affine @ [*found, 1])[:3], true, atol=1.0)
    assert np.allclose(np.abs(CANONICAL_AXES.T @ made.affine[:3, :3]), np.diag(made.spacing))


@pytest.mark.real_data
def test_an_upright_scan_has_no_remark(reports: Path) -> None:
    assert read_volume(reports / "upright.nii.gz").remarks == ()


@pytest.mark.real_data
def test_a_rounded_quaternion_of_a_real_file_opens(reports: Path) -> None:
    volume = read_volume(reports / "quatern_c_1_plus_1e-06.nii")
    assert volume.placement.oriented


@pytest.mark.real_data
def test_a_grey_palette_of_a_real_file_is_looked_up(reports: Path) -> None:
    data = pydicom.dcmread(reports / "grey_palette.dcm")
    expected = apply_color_lut(data.pixel_array, data)[..., 0]
    np.testing.assert_array_equal(read_radiograph(reports / "grey_palette.dcm").pixels, expected)


@pytest.mark.skipif(sys.platform != "linux", reason="File names are texts there.")
def test_a_name_from_an_old_disc_can_be_shown_and_written(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"M\xfcller.png")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    image = read_radiograph(path)
    assert image.name == "M?ller"
    image.name.encode()
    volume = tmp_path / os.fsdecode(b"M\xfcller.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), volume)
    assert read_volume(volume).name == "M?ller"

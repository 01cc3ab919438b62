"""Every file that pydicom and nibabel ship for their own tests: opened with the value its library gives, or one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.testing import data_path
from pydicom.pixels.processing import apply_modality_lut
from pydicom.uid import JPEGExtended12Bit

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph, read_volume

DICOM = Path(str(pydicom.__file__)).parent / "data" / "test_files"
DICOM_FILES = sorted(path for path in DICOM.rglob("*") if path.is_file() and path.suffix in (".dcm", ""))
NIBABEL_FILES = sorted(
    path for path in Path(data_path).iterdir() if path.is_file() and path.suffix not in (".py", ".m", ".rst")
)
# What each library's own files come to here; a smaller number would mean that something opens no longer.
OPENED_DICOM, OPENED_NIBABEL = 30, 7


def _expected(path: Path) -> np.ndarray | None:
    """Values after the modality LUT, where no other table, padding or colour stands between them and the image."""
    data = pydicom.dcmread(path)
    if data.get("PhotometricInterpretation") != "MONOCHROME2" or "VOILUTSequence" in data or "PixelPaddingValue" in data:
        return None
    if data.file_meta.TransferSyntaxUID == JPEGExtended12Bit:
        return None  # read by another decoder than pydicom knows
    return np.asarray(apply_modality_lut(data.pixel_array, data), np.float64)


def test_every_file_of_pydicom() -> None:
    opened, compared = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in DICOM_FILES:
            try:
                found = read_radiograph(path)
            except ImageError as error:
                assert path.name in str(error), error
                continue
            opened.append(path.name)
            assert np.isfinite(found.window).all()
            expected = _expected(path)
            if expected is not None:
                compared += 1
                np.testing.assert_allclose(found.pixels, expected, rtol=1e-6, atol=1e-4, err_msg=path.name)
    assert len(opened) >= OPENED_DICOM, opened
    assert compared >= OPENED_DICOM // 2


def test_every_file_of_nibabel() -> None:
    opened = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in NIBABEL_FILES:
            try:
                found = read_volume(path)
            except ImageError as error:
                assert path.stem in str(error), error  # of a pair, it may be the other file that is missing
                continue
            opened.append(path.name)
            image = nib.load(path)
            expected = np.asarray(image.dataobj)
            expected = expected if expected.ndim == 3 else expected.reshape((*expected.shape[:3], -1))[..., 0]
            back, affine = found.oriented(found.source_codes)
            np.testing.assert_allclose(affine, image.affine, atol=1e-4, err_msg=path.name)
            np.testing.assert_allclose(back, np.nan_to_num(expected, nan=np.nanmin(expected)), rtol=1e-6, err_msg=path.name)
    assert len(opened) >= OPENED_NIBABEL, opened


@pytest.mark.parametrize("files", [DICOM_FILES, NIBABEL_FILES])
def test_there_are_such_files(files: list[Path]) -> None:
    assert len(files) > 50

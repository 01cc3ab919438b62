"""``napari-medgen dicom``: what is there, one of it as NIfTI, and a volume as a series."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from napari_medgen import cli
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png
from series_support import positions, write_series, write_slice


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["napari-medgen", *map(str, words)])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_disc_is_listed_and_one_of_it_becomes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disc = tmp_path / "disc"
    write_series(disc / "a", positions(5), seed=1, SeriesNumber=2, SeriesDescription="AX T2 [/FS] [red]TSE")
    write_series(disc / "b", positions(4), seed=2, SeriesNumber=3)
    write_slice(disc / "c" / "x", positions(1)[0], SeriesNumber=9, ImagePositionPatient=None)
    status, out, _ = call(monkeypatch, capsys, "dicom", "info", disc)
    assert status == 0
    assert "AX T2 [/FS] [red]TSE" in out  # brackets are no colours
    assert "Pictures without a place" in out
    status, _, err = call(monkeypatch, capsys, "dicom", "convert", disc, "--out", tmp_path / "a.nii.gz")
    assert status == 1
    assert "2 volumes; say which" in err
    status, out, _ = call(monkeypatch, capsys, "dicom", "convert", disc, "--series", 1, "--out", tmp_path / "a.nii.gz")
    assert status == 0
    assert str(tmp_path / "a.nii.gz") in out
    assert sorted(nib.load(tmp_path / "a.nii.gz").shape) == [5, 6, 7]
    for number, says in ((3, "no volume"), (7, "there are 3")):
        status, _, err = call(monkeypatch, capsys, "dicom", "convert", disc, "--series", number, "--out", tmp_path / "b.nii")
        assert status == 1
        assert says in err


def test_a_volume_becomes_a_series_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.save(nib.Nifti1Image(voxels, np.diag([2.0, 3.0, 4.0, 1.0])), tmp_path / "a.nii")
    status, out, _ = call(
        monkeypatch, capsys, "dicom", "export", tmp_path / "a.nii", "--out", tmp_path / "series", "--modality", "ct"
    )
    assert status == 0
    assert "5 slices" in out
    call(monkeypatch, capsys, "dicom", "convert", tmp_path / "series", "--out", tmp_path / "b.nii")
    back = nib.as_closest_canonical(nib.load(tmp_path / "b.nii"))
    np.testing.assert_array_equal(np.asarray(back.dataobj), voxels)
    np.testing.assert_allclose(back.affine, np.diag([2.0, 3.0, 4.0, 1.0]), atol=1e-4)
    status, _, err = call(
        monkeypatch, capsys, "dicom", "export", tmp_path / "a.nii", "--out", tmp_path / "x", "--modality", "US"
    )
    assert status == 1
    assert "MR or CT" in err


def test_radiographs_become_a_series_of_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.full((120, 100), 40, np.uint8)
    made = Radiograph(pixels, (0, 255), (0.2, 0.2), "L", provenance=Provenance(synthetic=True, model="knees"))
    files = [write_png(replace(made, name=name), tmp_path / f"{name}.png") for name in ("a", "b")]
    status, out, _ = call(monkeypatch, capsys, "dicom", "export", *files, "--out", tmp_path / "plain")
    assert (status, "2 pictures" in out) == (0, True)
    slices = [pydicom.dcmread(path) for path in sorted((tmp_path / "plain").iterdir())]
    assert len({one.SeriesInstanceUID for one in slices}) == 1
    assert all(one.SeriesDescription.startswith("SYNTHETIC") for one in slices)
    np.testing.assert_array_equal(slices[0].pixel_array, pixels)
    call(monkeypatch, capsys, "dicom", "export", files[0], "--out", tmp_path / "marked", "--mark")
    marked = pydicom.dcmread(next((tmp_path / "marked").iterdir())).pixel_array
    assert (marked[-20:] > 200).any()
    status, _, err = call(monkeypatch, capsys, "dicom", "export", files[0], "--out", tmp_path / "plain")
    assert status == 1
    assert "not an empty folder" in err
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4)), tmp_path / "v.nii")
    status, _, err = call(monkeypatch, capsys, "dicom", "export", files[0], tmp_path / "v.nii", "--out", tmp_path / "z")
    assert status == 1
    assert "one volume, or radiographs alone" in err

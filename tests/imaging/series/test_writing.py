"""Volumes as DICOM series: the same place and values wherever they are opened; derived, of nobody, wherever one looks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.tag import Tag

from napari_medgen.errors import ImageError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.series.finding import dicom_files, find_series
from napari_medgen.imaging.series.reading import read_stack
from napari_medgen.imaging.series.writing import Modality, write_series
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive

OBLIQUE = np.array([[-0.4, 1.9, -1.4, 30.0], [0.1, -1.5, -1.9, -12.5], [3.2, 0.2, -0.1, 7.25], [0, 0, 0, 1]])


def volume(kind: type = np.int16, *, synthetic: bool = True, affine: np.ndarray | None = None) -> Volume:
    rng = np.random.default_rng(0)
    voxels = (rng.random((5, 7, 6)) * 2000 - (0 if kind == np.uint8 else 700)).astype(kind)
    if affine is None:
        axes = np.linalg.qr(OBLIQUE[:3, :3])[0] * np.sign(np.diag(np.linalg.qr(OBLIQUE[:3, :3])[1]))
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = axes * np.array([3.2, 2.4, 2.4]), OBLIQUE[:3, 3]
    made = Provenance(synthetic=synthetic, model="brain-t1", seed=3, operation="sample")
    return Volume.of(voxels, affine, provenance=made)


def back(folder: Path) -> Volume:
    (series,) = drive(find_series(dicom_files(folder))).series
    (stack,) = series.stacks
    return drive(read_stack(series, stack))


@pytest.mark.parametrize("modality", ["MR", "CT"])
@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.uint16, np.float32, np.int32])
def test_what_is_written_comes_back(kind: type, modality: Modality, tmp_path: Path) -> None:
    own = volume(kind)
    drive(write_series(own, tmp_path / "out", modality))
    read = back(tmp_path / "out")
    np.testing.assert_allclose(read.affine, own.affine, atol=1e-4)
    steps = np.ptp(own.voxels.astype(float)) / 65535 if kind is np.float32 else 0
    assert np.abs(read.voxels.astype(float) - own.voxels).max() <= steps
    assert read.provenance.synthetic
    assert read.provenance.seed == 3


@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_other_programs_see_the_same(modality: Modality, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    own = volume()
    files = drive(write_series(own, tmp_path / "out", modality))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "out")))
    image = reader.Execute()
    voxels = sitk.GetArrayFromImage(image)
    by_place = {tuple(np.round(place, 3)): value for place, value in _by_place(own.voxels, own.affine)}
    directions = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    theirs = np.eye(4)
    theirs[:3, :3], theirs[:3, 3] = directions[:, ::-1], image.GetOrigin()
    theirs = np.diag([-1.0, -1.0, 1.0, 1.0]) @ theirs
    assert len(files) == 5
    for place, value in _by_place(voxels, theirs):
        near = min(by_place, key=lambda known: float(np.abs(np.subtract(known, place)).max()))
        assert np.abs(np.subtract(near, place)).max() < 2e-3
        assert by_place[near] == value


def _by_place(voxels: np.ndarray, affine: np.ndarray) -> list[tuple[np.ndarray, float]]:
    corners = [tuple(index) for index in np.ndindex(voxels.shape) if sum(index) % 5 == 0]
    return [(affine[:3, :3] @ np.array(index) + affine[:3, 3], float(voxels[index])) for index in corners]


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="needs dcm2niix, a Debian package")
@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_dcm2niix_sees_the_same(modality: Modality, tmp_path: Path) -> None:
    own = volume(np.float32)
    drive(write_series(own, tmp_path / "out", modality))
    (tmp_path / "nifti").mkdir()
    command = ["dcm2niix", "-b", "n", "-z", "n", "-o", str(tmp_path / "nifti"), str(tmp_path / "out")]
    subprocess.run(command, capture_output=True, check=False, timeout=60)
    (made,) = (tmp_path / "nifti").glob("*.nii")
    theirs = nib.as_closest_canonical(nib.load(made))
    voxels, affine = own.oriented(("R", "A", "S"))
    np.testing.assert_allclose(theirs.affine, affine, atol=2e-4)
    np.testing.assert_allclose(theirs.get_fdata(), voxels, atol=0.05)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of Debian's dicom3tools is not installed.")
@pytest.mark.parametrize("modality", ["MR", "CT"])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_dciodvfy_finds_no_error(kind: type, modality: Modality, tmp_path: Path) -> None:
    for synthetic in (True, False):
        path = drive(write_series(volume(kind, synthetic=synthetic), tmp_path / f"{synthetic}", modality))[0]
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        assert not [line for line in lines if line.startswith("Error")], lines


def test_every_slice_says_that_a_model_made_it_and_of_whom_it_is(tmp_path: Path) -> None:
    for path in drive(write_series(volume(), tmp_path / "out")):
        data = pydicom.dcmread(path)
        assert list(data.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
        assert "SYNTHETIC" in data.SeriesDescription
        assert "SYNTHETIC" in data.DerivationDescription
        assert data.DerivationCodeSequence[0].CodeMeaning == "Made by a generative model"
        assert "not acquired" in data.ContributingEquipmentSequence[0].ContributionDescription
        assert data.ContributingEquipmentSequence[0].ManufacturerModelName == "brain-t1"
        assert data.PatientName == data.PatientID == data.PatientBirthDate == ""
        assert data.PatientIdentityRemoved == "YES"
        assert not [e for e in data.iterall() if e.tag in (Tag("InstitutionName"), Tag("OperatorsName"))]


def test_slices_share_series_study_and_frame_and_no_two_are_one(tmp_path: Path) -> None:
    data = [pydicom.dcmread(path) for path in drive(write_series(volume(), tmp_path / "out"))]
    for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert len({one.get(keyword) for one in data}) == 1
    assert len({one.SOPInstanceUID for one in data}) == 5
    again = pydicom.dcmread(drive(write_series(volume(), tmp_path / "again"))[0])
    assert again.SeriesInstanceUID != data[0].SeriesInstanceUID


def test_nothing_stays_of_a_series_that_was_given_up(tmp_path: Path) -> None:
    steps = write_series(volume(), tmp_path / "out")
    next(steps)
    next(steps)
    steps.close()
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ImageError, match="not an empty folder"):
        drive(write_series(volume(), tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_sheared_plane_is_refused_and_a_tilted_stack_is_not(tmp_path: Path) -> None:
    sheared = np.array([[0.0, 0, -2, 0], [0, -2, -0.5, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    with pytest.raises(ImageError, match="right angles"):
        drive(write_series(volume(affine=sheared), tmp_path / "sheared"))
    tilted = np.array([[0.0, 0, -2, 4], [-0.8, -2, 0, 5], [3, 0, 0, 6], [0, 0, 0, 1]])
    own = volume(affine=tilted)
    drive(write_series(own, tmp_path / "tilted"))
    np.testing.assert_allclose(back(tmp_path / "tilted").affine, own.affine, atol=1e-4)

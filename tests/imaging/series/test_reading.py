"""A folder of slices becomes the volume that was scanned, whatever order, direction and type it comes in."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.series import reading
from napari_medgen.imaging.series.finding import Found, dicom_files, find_series
from napari_medgen.imaging.series.reading import read_stack, thumbnails
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive
from series_support import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    SHAPE,
    SPACING,
    STEP,
    assert_in_place,
    plane,
    positions,
    write_enhanced,
    write_series,
    write_slice,
)

DICOMDIR_TESTS = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
MOSAIC = Path(nib.__file__).parent / "nicom" / "tests" / "data" / "siemens_dwi_0.dcm.gz"


def turned(directions: Any, degrees: tuple[float, float, float]) -> Any:
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        a, b = [i for i in range(3) if i != axis]
        part = np.eye(3)
        part[a, a] = part[b, b] = np.cos(angle)
        part[a, b], part[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ part
    return tuple(tuple(matrix @ np.asarray(direction)) for direction in directions)


def found(folder: Path) -> Found:
    return drive(find_series(dicom_files(folder)))


def only(folder: Path, *, even: bool = False) -> Volume:
    (series,) = found(folder).series
    (stack,) = series.stacks
    return drive(read_stack(series, stack, even=even))


@pytest.mark.parametrize(
    "directions",
    [
        AXIAL,
        CORONAL,
        SAGITTAL,
        ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
        ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
        turned(AXIAL, (12.0, -7.0, 20.0)),
        turned(SAGITTAL, (3.0, 25.0, -8.0)),
    ],
    ids=["axial", "coronal", "sagittal", "prone", "feet first", "by the side", "oblique", "oblique sagittal"],
)
def test_every_voxel_lies_where_it_was_scanned(directions: Any, tmp_path: Path) -> None:
    write_series(tmp_path, positions(5, directions), directions)
    volume = only(tmp_path)
    assert_in_place(volume)
    assert sorted(volume.voxels.shape) == sorted((5, *SHAPE))
    assert sorted(volume.spacing) == pytest.approx(sorted((STEP, *SPACING)))
    assert volume.voxels.dtype == np.int16
    assert volume.name == "CT ABDOMEN"  # the description may hold a name, and here it does


def test_a_tilted_gantry_is_a_sheared_grid_and_not_a_straight_one(tmp_path: Path) -> None:
    write_series(tmp_path, positions(6, tilt=np.array([0.0, 0.9, 0.0])))
    volume = only(tmp_path)
    assert_in_place(volume)
    assert any("tilted" in remark for remark in volume.remarks)


def test_enhanced_frames_lie_where_each_of_them_says(tmp_path: Path) -> None:
    places = positions(5, turned(AXIAL, (5.0, 0.0, 0.0)))
    order = np.random.default_rng(1).permutation(5)
    write_enhanced(tmp_path / "one.dcm", [places[i] for i in order], turned(AXIAL, (5.0, 0.0, 0.0)))
    assert_in_place(only(tmp_path))


def test_enhanced_frames_are_rescaled_each_by_its_own_slope(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "one.dcm", positions(3), rescale=[(1, 0), (2, 0), (1, -1000)])
    volume = only(tmp_path)
    whole = np.stack([np.rint(plane(place, AXIAL)) for place in positions(3)])
    np.testing.assert_array_equal(
        volume.voxels, whole * np.array([1, 2, 1])[:, None, None] + np.array([0, 0, -1000])[:, None, None]
    )


def test_hounsfield_units_of_unsigned_pixels_are_kept(tmp_path: Path) -> None:
    for number, place in enumerate(positions(4)):
        pixels = (np.rint(plane(place, AXIAL)) + 1024).astype(np.uint16)
        tags = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "SeriesInstanceUID": "1.2.3"}
        write_slice(tmp_path / f"{number}", place, pixels=pixels, **tags)
    volume = only(tmp_path)
    assert_in_place(volume)
    assert volume.voxels.dtype == np.int16


def test_slopes_that_differ_from_slice_to_slice_are_each_their_own(tmp_path: Path) -> None:
    for number, place in enumerate(positions(4)):
        slope = 0.5 + 0.25 * number
        pixels = np.rint(plane(place, AXIAL) / slope).astype(np.int16)
        write_slice(tmp_path / f"{number}", place, pixels=pixels, RescaleSlope=f"{slope}", SeriesInstanceUID="1.2.3")
    volume = only(tmp_path)
    assert volume.voxels.dtype == np.float32
    assert_in_place(volume, within=0.7)


def test_a_slice_that_is_missing_stays_black_and_is_told(tmp_path: Path) -> None:
    places = positions(8)
    write_series(tmp_path, [place for number, place in enumerate(places) if number not in (3, 4)])
    volume = only(tmp_path)
    assert volume.voxels.shape[0] == 8
    assert any("2 slices are missing and are left black" in remark for remark in volume.remarks)
    lowest = volume.voxels.min()
    assert (volume.voxels[3:5] == lowest).all()
    kept = Volume(volume.voxels[5:], _moved(volume.affine, 5))
    assert_in_place(kept)


def _moved(affine: np.ndarray, slices: int) -> np.ndarray:
    moved = affine.copy()
    moved[:3, 3] += slices * affine[:3, 0]
    return moved


def test_uneven_slices_are_refused_and_resampled_only_when_asked(tmp_path: Path) -> None:
    normal = np.array([0.0, 0.0, 1.0])
    write_series(tmp_path, [np.array([-20.0, 15.0, -110.0]) + z * normal for z in (0, 2, 3.1, 5, 8.3, 9)])
    with pytest.raises(ImageError, match=r"0\.70 to 3\.30 mm apart"):
        only(tmp_path)
    volume = only(tmp_path, even=True)
    assert_in_place(volume, within=0.6)  # the scene is linear, and so is what lies between slices
    assert volume.voxels.shape[0] == 6  # to the last slice
    assert any("resampled to even steps" in remark for remark in volume.remarks)


def test_slices_that_wander_sideways_are_refused(tmp_path: Path) -> None:
    places = positions(5)
    places[2] = places[2] + np.array([4.0, 0.0, 0.0])
    write_series(tmp_path, places)
    with pytest.raises(ImageError, match="straight line"):
        only(tmp_path)


def test_rounded_places_are_even(tmp_path: Path) -> None:
    """Scanners write a third of a millimetre as 0.33 or 0.34."""
    write_series(tmp_path, [np.round(place, 2) for place in positions(9, step=1 / 3)])
    assert only(tmp_path).spacing[0] == pytest.approx(1 / 3, abs=1e-3)


def test_a_single_slice_is_as_thick_as_it_says(tmp_path: Path) -> None:
    write_slice(tmp_path / "one", positions(1)[0])
    assert only(tmp_path).spacing[0] == 2.0
    write_slice(tmp_path / "one", positions(1)[0], SliceThickness=None)
    volume = only(tmp_path)
    assert volume.spacing[0] == 1.0
    assert any("how thick" in remark for remark in volume.remarks)


def test_a_file_that_goes_or_changes_while_it_is_read_is_one_sentence(tmp_path: Path) -> None:
    write_series(tmp_path, positions(4))
    (series,) = found(tmp_path).series
    victim = series.stacks[0].frames[2].path
    write_slice(victim, positions(1)[0], pixels=np.zeros((3, 3), np.int16))
    with pytest.raises(ImageError, match="not as large as its header says"):
        drive(read_stack(series, series.stacks[0]))
    victim.unlink()
    with pytest.raises(ImageError, match="does not exist"):
        drive(read_stack(series, series.stacks[0]))


def test_a_volume_larger_than_is_allowed_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_medgen.running import limits

    write_series(tmp_path, positions(4))
    (series,) = found(tmp_path).series
    monkeypatch.setattr(limits, "largest_image", lambda: 100)
    with pytest.raises(ImageError, match="memory"):
        next(read_stack(series, series.stacks[0]))


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_rle.dcm", "rtdose_expb.dcm"])
def test_the_planes_of_a_dose_lie_at_their_offsets_however_they_are_stored(name: str) -> None:
    path = DICOMDIR_TESTS.parent / name
    data = pydicom.dcmread(path)
    (series,) = drive(find_series([path])).series
    volume = drive(read_stack(series, series.stacks[0]))
    offsets = [float(offset) for offset in data.GridFrameOffsetVector]
    assert volume.spacing[0] == pytest.approx(np.diff(offsets)[0])
    assert volume.affine[2, 3] == pytest.approx(float(data.ImagePositionPatient[2]) + offsets[0])
    np.testing.assert_array_equal(volume.voxels, data.pixel_array[::1])


def test_what_lies_outside_of_a_ct_keeps_the_value_that_the_file_has(tmp_path: Path) -> None:
    for number, place in enumerate(positions(2)):
        pixels = np.full(SHAPE, -2000, np.int16)
        pixels[2:4] = 40
        write_slice(tmp_path / f"{number}", place, pixels=pixels, SeriesInstanceUID="1.2.3", PixelPaddingValue=-2000)
    assert sorted(np.unique(only(tmp_path).voxels)) == [-2000, 40]


def test_thumbnails_of_many_stacks_in_one_file_decode_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = positions(3)
    write_enhanced(tmp_path / "one.dcm", [*places, *places], TemporalPositionIndex=[1, 1, 1, 2, 2, 2])
    (series,) = found(tmp_path).series
    opened: list[Path] = []
    whole = reading.open_dataset
    monkeypatch.setattr(reading, "open_dataset", lambda path: opened.append(path) or whole(path))
    pictures = thumbnails([stack.frames for stack in series.stacks])
    assert len(opened) == 1
    for picture in pictures:
        assert picture is not None
        assert picture.shape == (72, 72)
        assert picture.max() == 255
    (tmp_path / "one.dcm").write_bytes(b"")
    assert thumbnails([stack.frames for stack in series.stacks]) == [None, None]


def test_the_tiles_of_a_mosaic_are_slices_where_dcm2niix_puts_them(tmp_path: Path) -> None:
    (tmp_path / "mosaic").write_bytes(gzip.decompress(MOSAIC.read_bytes()))
    volume = only(tmp_path)
    voxels, affine = volume.oriented(("R", "A", "S"))
    assert voxels.shape == (128, 128, 48)
    # dcm2niix v1.0.20220720, first column turned to the right.
    theirs = np.array([[1.79687, 0, 0, -113.2031], [0, 1.79686, -0.01571, -93.1715], [0, 0.00941, 2.99996, -79.9053]])
    np.testing.assert_allclose(affine[:3], theirs, atol=5e-4)


def test_a_mosaic_whose_private_header_was_removed_says_so(tmp_path: Path) -> None:
    data = pydicom.dcmread(pydicom.filebase.DicomBytesIO(gzip.decompress(MOSAIC.read_bytes())))
    data.remove_private_tags()
    data.save_as(tmp_path / "mosaic")
    with pytest.raises(ImageError, match="Siemens mosaic whose header no longer says"):
        found(tmp_path)


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="needs dcm2niix, a Debian package")
def test_shipped_series_are_what_dcm2niix_makes_of_them(tmp_path: Path) -> None:
    compared = 0
    for series in found(DICOMDIR_TESTS).series:
        for number, stack in enumerate(series.stacks):
            folder = tmp_path / f"{series.uid}-{number}"
            (folder / "out").mkdir(parents=True)
            for frame in stack.frames:
                shutil.copy(frame.path, folder / f"{frame.path.parent.name}-{frame.path.name}.dcm")
            command = ["dcm2niix", "-b", "n", "-z", "n", "-o", str(folder / "out"), str(folder)]
            subprocess.run(command, capture_output=True, check=False, timeout=60)
            made = list((folder / "out").glob("*.nii"))
            if len(made) != 1 or not stack.even:
                continue  # scouts in several directions; four slices of a head that lie 200 mm apart
            theirs = nib.as_closest_canonical(nib.load(made[0]))
            voxels, affine = drive(read_stack(series, stack)).oriented(("R", "A", "S"))
            np.testing.assert_allclose(affine, theirs.affine, atol=2e-4)
            np.testing.assert_array_equal(voxels, np.asarray(theirs.dataobj).reshape(voxels.shape))
            compared += 1
    assert compared >= 15

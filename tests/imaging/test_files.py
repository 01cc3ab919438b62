from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.imaging.files import read_radiograph, read_volume
from napari_medgen.models.checkpoints import read_checkpoint


def test_an_nrrd_lies_where_its_header_says(tmp_path: Path) -> None:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag((0.5, 1.0, 2.0)),
        "space origin": np.array([1.0, 2.0, 3.0]),
    }
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nrrd.write(str(tmp_path / "a.nrrd"), voxels, header)
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.source_codes == ("L", "P", "S")
    assert volume.spacing == (2.0, 1.0, 0.5)
    assert volume.origin == (3.0, 2.0, 1.0)
    np.testing.assert_array_equal(volume.voxels, voxels.transpose(2, 1, 0))


def test_a_damaged_nrrd_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.nrrd").write_bytes(b"NRRD0004\ntype: short\n")
    with pytest.raises(ImageError, match="damaged"):
        read_volume(tmp_path / "bad.nrrd")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a NIfTI"):
        read_volume(tmp_path / "a.txt")


@pytest.mark.real_data
def test_a_real_nrrd_opens(real_data: Path) -> None:
    volume = read_volume(real_data / "lesion-mri" / "brain1_image.nrrd")
    assert sorted(volume.voxels.shape) == [25, 256, 256]
    assert volume.voxels.max() > 0


@pytest.mark.parametrize("name", ["CT_small.dcm"])
def test_invalid_settings_are_not_blamed_on_the_image(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_IMAGE", "4GB")
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    for read, path in ((read_radiograph, Path(str(get_testdata_file(name)))), (read_volume, tmp_path / "a.nii")):
        with pytest.raises(MedGenError, match="settings file"):
            read(path)


def test_voxels_in_a_folder_below_are_beside(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.raw").write_bytes(bytes(8))
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: {}\n\n"
    for place in ("sub/x.raw", "./sub/x.raw"):
        (tmp_path / "a.nhdr").write_text(text.format(place))
        assert read_volume(tmp_path / "a.nhdr").voxels.shape == (2, 2, 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no pipes among files here.")
def test_pipes_are_not_read(tmp_path: Path) -> None:
    for name, read in (("a.nii", read_volume), ("a.dcm", read_radiograph), ("a.pt", read_checkpoint)):
        os.mkfifo(tmp_path / name)
        with pytest.raises(MedGenError, match="not an ordinary file"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.png", "a.dcm"])
def test_what_may_not_be_read_is_said_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(bytes(400))

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("io.open", closed)
    monkeypatch.setattr("builtins.open", closed)
    with pytest.raises(ImageError, match=f"^{name} cannot be read: this account may not open it.$"):
        (read_radiograph if name.endswith(("png", "dcm")) else read_volume)(tmp_path / name)


@pytest.mark.parametrize("lines", [-1, 10**9])
def test_an_nrrd_skips_no_more_than_there_can_be(lines: int, tmp_path: Path) -> None:
    text = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\nline skip: {lines}\n\n"
    (tmp_path / "a.nrrd").write_bytes(text.encode() + bytes(8))
    with pytest.raises(ImageError, match="skips what cannot be there"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("units", "factors"), [(["um"] * 3, [1e-3] * 3), (["m", "cm", "mm"], [1e3, 10, 1]), (None, [1] * 3)]
)
def test_units_of_an_nrrd_count(tmp_path: Path, units: list[str] | None, factors: list[float]) -> None:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag((2.0, 3.0, 4.0)),
        "space origin": np.array([5.0, 6, 7]),
    }
    if units:
        header["space units"] = units
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), header)
    volume = read_volume(tmp_path / "a.nrrd")
    _, affine = volume.oriented(("L", "P", "S"))
    np.testing.assert_allclose(np.diag(affine)[:3], np.array((-2, -3, 4)) * factors)
    np.testing.assert_allclose(affine[:3, 3], np.array((-5, -6, 7)) * factors)
    assert volume.placement.known_size == (units is not None)


def test_an_nrrd_without_a_space_says_nothing_of_sides(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), {"spacings": [1.0, 2.0, 3.0]})
    volume = read_volume(tmp_path / "a.nrrd")
    assert not volume.placement.oriented
    assert volume.spacing == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("micro", [b"\xc2\xb5m", b"\xce\xbcm", b"\xb5m"])
def test_a_micrometre_by_its_sign_is_no_metre(tmp_path: Path, micro: bytes) -> None:
    header = {"space": "left-posterior-superior", "space directions": np.diag((500.0,) * 3), "space units": ["XX"] * 3}
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), header)
    content = (tmp_path / "a.nrrd").read_bytes()
    assert b'"XX"' in content
    (tmp_path / "a.nrrd").write_bytes(content.replace(b'"XX"', b'"' + micro + b'"'))
    assert read_volume(tmp_path / "a.nrrd").spacing == pytest.approx((0.5, 0.5, 0.5))


def test_a_unit_that_is_not_known_is_named(tmp_path: Path) -> None:
    header = {"space": "left-posterior-superior", "space directions": np.diag((2.0,) * 3), "space units": ["in"] * 3}
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), header)
    volume = read_volume(tmp_path / "a.nrrd")
    assert any("counts lengths in in, which is not known" in note for note in volume.notes)
    assert not volume.placement.known_size


def test_units_of_the_arrays_axes_are_those_of_its_axes(tmp_path: Path) -> None:
    text = 'NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nspacings: 3000 2 1\nunits: "um" "mm" "mm"\n\n'
    (tmp_path / "a.nrrd").write_bytes(text.encode() + bytes(8))
    assert read_volume(tmp_path / "a.nrrd").spacing == pytest.approx((1, 2, 3))


def test_what_has_no_place_comes_back_as_it_was(tmp_path: Path) -> None:
    from napari_medgen.imaging.nifti import write_nifti

    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nrrd.write(str(tmp_path / "a.nrrd"), voxels, {"spacings": [1.0, 2.0, 3.0]})
    volume = read_volume(tmp_path / "a.nrrd")
    again = read_volume(write_nifti(volume, tmp_path / "a.nii")[0])
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert again.spacing == volume.spacing

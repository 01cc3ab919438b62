from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import nibabel as nib
import nibabel.testing
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_volume
from napari_medgen.imaging.nifti import count_volumes, read_nifti, sidecar, write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume

REAL = Path(nibabel.testing.data_path)
SYNTHETIC = Provenance(synthetic=True, operation="sample", model="brain-t1", seed=7, sampler="dpm++", steps=20)


def save(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return path


@settings(max_examples=40, deadline=None)
@given(
    voxels=hnp.arrays(np.int16, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5)),
    order=st.permutations([0, 1, 2]),
    signs=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    suffix=st.sampled_from((".nii", ".nii.gz")),
)
def test_what_is_written_is_what_was_read(
    tmp_path_factory: pytest.TempPathFactory, voxels: np.ndarray, order: list[int], signs: tuple[int, ...], suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("round-trip")
    affine = np.eye(4)
    affine[:3, :3] = (np.diag((1.5, 2.0, 0.75)) * signs)[:, order]
    affine[:3, 3] = (10, -20, 30)
    source = save(folder / f"in{suffix}", voxels, affine)
    out, _ = write_nifti(read_nifti(source), folder / f"out{suffix}")
    written = nib.load(out)
    np.testing.assert_array_equal(np.asarray(written.dataobj), voxels)
    np.testing.assert_allclose(written.affine, affine, atol=1e-5)
    assert written.header.get_xyzt_units()[0] == "mm"


def test_real_files_open_in_patient_orientation() -> None:
    volume = read_nifti(REAL / "anatomical.nii")
    image = nib.load(REAL / "anatomical.nii")
    assert volume.source_codes == nib.aff2axcodes(image.affine)
    expected = np.asarray(nib.as_closest_canonical(image).dataobj)  # RAS
    np.testing.assert_array_equal(volume.voxels, expected.transpose(2, 1, 0)[:, ::-1, ::-1])


def test_a_volume_of_a_4d_file_is_chosen() -> None:
    path = REAL / "example4d.nii.gz"
    assert count_volumes(path) == 2
    first, second = read_nifti(path), read_nifti(path, volume=1)
    assert first.voxels.shape == second.voxels.shape
    assert not np.array_equal(first.voxels, second.voxels)
    with pytest.raises(ImageError, match="has 2 volumes; there is no volume 2"):
        read_nifti(path, volume=2)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(2.0, -3.0)
    nib.save(image, tmp_path / "scaled.nii")
    volume = read_nifti(tmp_path / "scaled.nii")
    assert volume.voxels.dtype == np.float32
    assert volume.voxels.max() == nib.load(tmp_path / "scaled.nii").get_fdata().max()


def test_provenance_travels_in_the_header_and_beside_it(tmp_path: Path) -> None:
    volume = Volume.on_grid(np.zeros((2, 3, 4), np.float32), (1, 1, 1), "made", provenance=SYNTHETIC)
    path, beside = write_nifti(volume, tmp_path / "made.nii.gz")
    assert beside == sidecar(path)
    notes = json.loads(beside.read_text())
    assert notes["Synthetic"] is True
    assert notes["GeneratedBy"][0]["Name"] == "napari-medgen"
    assert b"SYNTHETIC" in nib.load(path).header["descrip"].item()
    beside.unlink()
    assert read_nifti(path).provenance == SYNTHETIC


def test_provenance_is_read_from_the_sidecar_where_the_header_lost_it(tmp_path: Path) -> None:
    volume = Volume.on_grid(np.zeros((2, 3, 4), np.float32), (1, 1, 1), provenance=SYNTHETIC)
    path, _ = write_nifti(volume, tmp_path / "made.nii.gz")
    save(path, np.zeros((2, 3, 4), np.float32))
    assert read_nifti(path).provenance.synthetic


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", fail)
    with pytest.raises(ImageError, match="No space left"):
        write_nifti(Volume.on_grid(np.zeros((2, 2, 2), np.float32), (1, 1, 1)), tmp_path / "a.nii")
    assert not list(tmp_path.iterdir())


def truncated(folder: Path) -> Path:
    whole = save(folder / "whole.nii.gz", np.random.default_rng(0).integers(0, 255, (20, 20, 20)).astype(np.uint8))
    path = folder / "truncated.nii.gz"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


def wrong_magic(folder: Path) -> Path:
    path = folder / "text.nii"
    path.write_bytes(b"this is not an image" * 40)
    return path


def nan_affine(folder: Path) -> Path:
    image = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4))
    image.header["srow_x"] = np.nan
    image.header["sform_code"] = 1
    path = folder / "nan.nii"
    with path.open("wb") as file:
        file.write(image.header.binaryblock + b"\0" * 4 + image.get_fdata().astype(np.uint8).tobytes())
    return path


def two_dimensional(folder: Path) -> Path:
    return save(folder / "flat.nii", np.ones((5, 5), np.uint8))


def colour(folder: Path) -> Path:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return save(folder / "colour.nii", np.zeros((3, 3, 3), kind))


def empty(folder: Path) -> Path:
    path = folder / "empty.nii.gz"
    path.write_bytes(gzip.compress(b""))
    return path


def zero_size(folder: Path) -> Path:
    header = nib.Nifti1Header()
    header.set_data_shape((3, 0, 3))
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    path = folder / "none.nii"
    path.write_bytes(header.binaryblock + b"\0" * 4)
    return path


def not_there(folder: Path) -> Path:
    return folder / "absent.nii"


def all_nan(folder: Path) -> Path:
    return save(folder / "nothing.nii", np.full((3, 3, 3), np.nan, np.float32))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (truncated, "damaged or incomplete"),
        (wrong_magic, "not a NIfTI file"),
        (nan_affine, "affine is not finite|cannot be read"),
        (two_dimensional, "needs three axes"),
        (colour, "colour"),
        (empty, "damaged|not a NIfTI"),
        (zero_size, "needs three axes"),
        (not_there, "does not exist"),
        (all_nan, "no finite voxel"),
    ],
)
def test_a_bad_file_gives_one_sentence(tmp_path: Path, make: object, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        read_nifti(make(tmp_path))  # type: ignore[operator]
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")


def test_a_wrong_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"ends in \.nii"):
        write_nifti(Volume.on_grid(np.zeros((2, 2, 2), np.float32), (1, 1, 1)), tmp_path / "a.png")


@pytest.mark.real_data
def test_a_real_head_has_the_letters_that_nibabel_says(real_data: Path) -> None:
    path = sorted((real_data / "brain-t1-mri" / "t1").glob("*.nii.gz"))[0]
    volume = read_nifti(path)
    assert volume.source_codes == nib.aff2axcodes(nib.load(path).affine) == ("P", "S", "R")
    # The crown is dark air above and neck below: Superior is where the first index grows to.
    planes = volume.voxels.mean(axis=(1, 2))
    assert planes[:10].mean() > planes[-5:].mean()


def test_gaps_around_a_standardised_head_are_background_and_not_grey(tmp_path: Path) -> None:
    voxels = np.full((6, 6, 6), np.nan, np.float32)
    voxels[1:5, 1:5, 1:5] = np.random.default_rng(0).normal(0, 1, (4, 4, 4))
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "z.nii")
    found = read_nifti(tmp_path / "z.nii").voxels
    assert found[0, 0, 0] == found.min() == np.nanmin(voxels)


def test_extensions_end_before_the_voxels_begin(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[348] = 1
    for begin, size in ((0.0, 64), (384.0, 2**30), (384.0, -4)):
        content[108:112] = struct.pack("<f", begin)
        content[352:352] = struct.pack("<ii", size, 6)
        (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(content) + bytes(10_000_000)))
        with pytest.raises(ImageError, match="voxels begin"):
            read_volume(tmp_path / "b.nii.gz")


def test_a_sidecar_that_cannot_be_read_costs_nothing(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**25)
    assert read_volume(tmp_path / "a.nii").voxels.shape == (3, 3, 3)


def test_a_name_that_says_otherwise_is_said_so(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / "b.nii.gz")
    with pytest.raises(ImageError, match=r"is not compressed, whatever its name says: rename it to end in \.nii\."):
        read_volume(tmp_path / "b.nii.gz")
    (tmp_path / "c.nii").write_bytes(gzip.compress((tmp_path / "b.nii.gz").read_bytes()))
    with pytest.raises(ImageError, match=r"is compressed, whatever its name says: rename it to end in \.nii\.gz"):
        read_volume(tmp_path / "c.nii")

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
    suffix=st.sampled_from((".nii", ".nii.gz", ".NII", ".NII.GZ")),
    unit=st.sampled_from(("mm", "unknown")),
    codes=st.sampled_from(((1, 1), (0, 2), (1, 0), (2, 4))),
)
def test_what_is_written_is_what_was_read(
    tmp_path_factory: pytest.TempPathFactory,
    voxels: np.ndarray,
    order: list[int],
    signs: tuple[int, ...],
    suffix: str,
    unit: str,
    codes: tuple[int, int],
) -> None:
    folder = tmp_path_factory.mktemp("round-trip")
    affine = np.eye(4)
    affine[:3, :3] = (np.diag((1.5, 2.0, 0.75)) * signs)[:, order]
    affine[:3, 3] = (10, -20, 30)
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units(unit)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    source = folder / "in.nii"
    nib.save(image, source)
    out, _ = write_nifti(read_nifti(source), folder / f"out{suffix}")
    written = nib.load(out)
    np.testing.assert_array_equal(np.asarray(written.dataobj), voxels)
    np.testing.assert_allclose(written.affine, affine, atol=1e-5)
    assert written.header.get_xyzt_units()[0] == unit
    assert (int(written.header["qform_code"]), int(written.header["sform_code"])) == codes


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

    monkeypatch.setattr("os.fsync", fail)
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


def test_whether_a_file_is_compressed_follows_from_its_content(tmp_path: Path) -> None:
    voxels = np.arange(27, dtype=np.int16).reshape(3, 3, 3)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(content)
    (tmp_path / "c.nii").write_bytes(gzip.compress(content))
    for name in ("b.nii.gz", "c.nii"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels, read_volume(tmp_path / "a.nii").voxels)


def test_notes_of_a_scanner_are_kept_and_believed_of_their_own_image_alone(tmp_path: Path) -> None:
    notes = {"Manufacturer": "Siemens", "RepetitionTime": 2.3, "napari": [1, {"a": None}]}
    real = save(tmp_path / "x.nii.gz", np.arange(27, dtype=np.float32).reshape(3, 3, 3))
    (tmp_path / "x.json").write_text(json.dumps(notes))
    made = Volume.on_grid(np.ones((3, 3, 3), np.float32), (1, 1, 1), "made", provenance=SYNTHETIC)
    write_nifti(made, tmp_path / "x.nii")
    kept = json.loads((tmp_path / "x.json").read_text())
    assert {key: kept[key] for key in notes} == notes
    assert kept["napari_medgen"]["synthetic"] is True
    assert not read_nifti(real).provenance.synthetic
    assert read_nifti(tmp_path / "x.nii").provenance == SYNTHETIC


@pytest.mark.parametrize("text", ["[1, 2]", "no JSON", ""])
def test_a_file_beside_it_that_is_none_of_ours_is_not_touched(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert write_nifti(Volume.on_grid(np.ones((3, 3, 3), np.float32), (1, 1, 1)), tmp_path / "x.nii") == [tmp_path / "x.nii"]
    assert (tmp_path / "x.json").read_text() == text


@pytest.mark.parametrize(("unit", "factor"), [("micron", 1e-3), ("meter", 1e3), ("mm", 1.0)])
def test_units_are_converted_and_said(tmp_path: Path, unit: str, factor: float) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag((2, 2, 2, 1)) / factor)
    image.header["srow_x"][3] = 10 / factor
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    volume = read_nifti(tmp_path / "a.nii")
    assert volume.spacing == pytest.approx((2, 2, 2))
    assert any("converted to millimetres" in remark for remark in volume.remarks) == (unit != "mm")
    out, _ = write_nifti(volume, tmp_path / "b.nii")
    written = nib.load(out)
    assert written.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(written.affine, np.vstack([nib.load(tmp_path / "a.nii").affine[:3] * factor, [0, 0, 0, 1]]))


def test_a_size_that_no_patient_has_is_asked_about(tmp_path: Path) -> None:
    for step in (1000.0, 0.001):
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag((step, step, step, 1)))
        image.header.set_xyzt_units("mm")
        nib.save(image, tmp_path / "a.nii")
        assert any(remark.endswith("is its unit of length right?") for remark in read_nifti(tmp_path / "a.nii").remarks)


def test_what_a_file_does_not_say_stays_unknown(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), None)
    image.header.set_zooms((1, 2, 3))
    nib.save(image, tmp_path / "a.nii")
    volume = read_nifti(tmp_path / "a.nii")
    assert not volume.placement.oriented
    assert not volume.placement.known_size
    assert len(volume.remarks) == 2
    out, _ = write_nifti(volume, tmp_path / "b.nii")
    written = nib.load(out)
    assert (int(written.header["qform_code"]), int(written.header["sform_code"])) == (0, 0)
    assert written.header.get_xyzt_units()[0] == "unknown"
    assert written.header.get_zooms() == (1, 2, 3)
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(image.dataobj))


def test_a_quaternion_that_was_rounded_opens(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
    image.set_qform(np.diag((-1, -1, 1, 1)), 1)
    image.set_sform(None, 0)
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[256:268] = struct.pack("<3f", 0, 0, 1 + 1e-6)
    (tmp_path / "a.nii").write_bytes(content)
    assert read_nifti(tmp_path / "a.nii").source_codes == ("L", "P", "S")


@pytest.mark.parametrize("shape", [(3, 4, 5, 1, 1), (3, 4, 5, 2, 1), (3, 4, 5, 1)])
def test_axes_of_length_one_say_nothing(tmp_path: Path, shape: tuple[int, ...]) -> None:
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii")
    last = max(shape[3:])
    assert count_volumes(tmp_path / "a.nii") == last
    found = read_nifti(tmp_path / "a.nii", volume=last - 1)
    expected = voxels.reshape(3, 4, 5, last)[..., last - 1]
    np.testing.assert_array_equal(found.oriented(found.source_codes)[0], expected)


@pytest.mark.parametrize("ending", [".hdr", ".img", ".HDR"])
@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
def test_pairs_of_header_and_image(tmp_path: Path, ending: str, kind: type) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.save(kind(voxels, np.eye(4)), tmp_path / "a.img")
    if ending.isupper():
        (tmp_path / "a.hdr").rename(tmp_path / "a.HDR")
    found = read_volume(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(found.oriented(found.source_codes)[0], voxels)
    assert found.name == "a"
    (tmp_path / "a.img").unlink()
    with pytest.raises(ImageError, match=r"a\.img does not exist"):
        read_volume(next(tmp_path.glob("a.*")))


def test_the_format_before_nifti_is_named(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.img")
    with pytest.raises(ImageError, match="Analyze format, which does not say left from right"):
        read_volume(tmp_path / "a.img")


def test_what_is_open_does_not_depend_on_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.ones((3, 3, 3), np.int16))
    volume = read_nifti(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert volume.voxels.min() == 1
    path.write_bytes(b"")
    assert volume.voxels.min() == 1


def test_places_that_contradict_each_other_are_not_both_claimed(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    scanner, atlas = np.diag((2.0, 2, 2, 1)), np.diag((2.0, 2, 2, 1))
    scanner[:3, 3], atlas[:3, 3] = (-10, 5, 7), (30, 45, 47)
    image.set_qform(scanner, 1)
    image.set_sform(atlas, 4)
    nib.save(image, tmp_path / "a.nii")
    volume = read_nifti(tmp_path / "a.nii")
    assert any("say different places" in note for note in volume.notes)
    written = nib.load(write_nifti(volume, tmp_path / "b.nii")[0])
    assert (int(written.header["qform_code"]), int(written.header["sform_code"])) == (0, 4)
    np.testing.assert_allclose(written.affine, atlas)


def test_a_matrix_of_zeros_gives_way_to_the_quaternion(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    image.set_qform(np.diag((2.0, 3, 4, 1)), 1)
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[280:328] = bytes(48)
    content[254:256] = struct.pack("<h", 1)
    (tmp_path / "a.nii").write_bytes(content)
    volume = read_nifti(tmp_path / "a.nii")
    assert sorted(volume.spacing) == [2, 3, 4]
    assert any("its qform is used" in note for note in volume.notes)


def test_voxels_do_not_begin_within_the_header(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.int16))
    content = bytearray(path.read_bytes())
    content[108:112] = struct.pack("<f", 0)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="begin at byte 0"):
        read_nifti(path)


def test_what_is_rounded_is_said(tmp_path: Path) -> None:
    values = (2.0**24 + 1 + np.arange(24)).reshape(2, 3, 4)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    assert any("rounded by up to 1" in note for note in read_nifti(tmp_path / "a.nii").notes)
    nib.save(nib.Nifti1Image(values - 2.0**24, np.eye(4)), tmp_path / "a.nii")
    assert not read_nifti(tmp_path / "a.nii").notes


def test_an_axis_that_is_too_long_for_the_first_version_is_written_in_the_second(tmp_path: Path) -> None:
    volume = Volume.on_grid(np.zeros((2, 3, 40_000), np.uint8), (1, 1, 1))
    assert read_nifti(write_nifti(volume, tmp_path / "a.nii")[0]).voxels.shape == (2, 3, 40_000)


@pytest.mark.parametrize("length", [250, 253, 254, 255])
def test_the_longest_names_can_be_written(tmp_path: Path, length: int) -> None:
    volume = Volume.on_grid(np.zeros((2, 3, 4), np.uint8), (1, 1, 1), provenance=SYNTHETIC)
    path = write_nifti(volume, tmp_path / ("x" * (length - 4) + ".nii"))[0]
    assert read_nifti(path).provenance == SYNTHETIC
    with pytest.raises(ImageError, match="cannot be written"):
        write_nifti(volume, tmp_path / ("x" * 252 + ".nii"))


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": 1e400}', '{"a": NaN}'])
def test_a_record_that_would_not_come_out_as_it_is_is_left(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    write_nifti(Volume.on_grid(np.ones((3, 3, 3), np.float32), (1, 1, 1)), tmp_path / "x.nii")
    assert (tmp_path / "x.json").read_text() == text


@pytest.mark.parametrize(("unit", "step"), [("micron", 15_000.0), ("meter", 5e-6)])
def test_places_that_agree_agree_in_any_unit(tmp_path: Path, unit: str, step: float) -> None:
    affine = np.diag((step, step, step, 1))
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    volume = read_nifti(tmp_path / "a.nii")
    assert not volume.notes
    assert volume.placement.codes == (1, 1)

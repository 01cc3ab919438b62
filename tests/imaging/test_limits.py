"""No file takes more memory than the settings allow, or reaches beyond itself; one sentence says what it asks for."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph, read_volume


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_IMAGE", "0.002")


def huge_nifti(path: Path) -> Path:
    """A header that promises 32,000 voxels along each axis, and next to nothing behind it."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((32_000, 32_000, 32_000))
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    path.write_bytes(gzip.compress(header.binaryblock + b"\0" * 4 + b"\0" * 1000))
    return path


def huge_nrrd(path: Path) -> Path:
    text = "NRRD0004\ntype: short\ndimension: 3\nsizes: 30000 30000 30000\nencoding: gzip\nendian: little\n\n"
    path.write_bytes(text.encode() + gzip.compress(b"\0" * 1000))
    return path


def huge_png(path: Path) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))
    return path


def huge_dicom(path: Path) -> Path:
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.Rows, data.Columns = 60_000, 60_000
    data.save_as(path)
    return path


def bomb_dicom(path: Path) -> Path:
    """A deflated data set of a few kB that unpacks to 50 MB."""
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.add_new((0x0009, 0x1010), "OB", b"\0" * 50_000_000)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)
    assert path.stat().st_size < 200_000
    return path


@pytest.mark.parametrize(
    ("name", "make", "read"),
    [
        ("a.nii.gz", huge_nifti, read_volume),
        ("a.nrrd", huge_nrrd, read_volume),
        ("a.png", huge_png, read_radiograph),
        ("a.dcm", huge_dicom, read_radiograph),
        ("b.dcm", bomb_dicom, read_radiograph),
    ],
)
def test_what_asks_for_more_than_is_allowed_is_refused_before_it_is_read(
    tmp_path: Path, name: str, make: Callable[[Path], Path], read: Callable[[Path], object]
) -> None:
    path = make(tmp_path / name)
    with pytest.raises(ImageError, match=rf"{name} asks for [\d,.]+ [GM]B of memory; 2\.0 MB are allowed \(largest_image"):
        read(path)


def test_a_bomb_behind_an_honest_header_is_unpacked_no_further_than_the_header_says(tmp_path: Path) -> None:
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 4\nencoding: gzip\n\n"
    (tmp_path / "a.nrrd").write_bytes(text.encode() + gzip.compress(bytes(range(64)) + b"\0" * 200_000_000))
    assert read_volume(tmp_path / "a.nrrd").voxels.shape == (4, 4, 4)


@pytest.mark.parametrize("begin", [1e9, float("nan"), -1.0])
def test_voxels_that_begin_far_behind_the_header_are_not_looked_for(tmp_path: Path, begin: float) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[108:112] = struct.pack("<f", begin)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ImageError, match="voxels begin at byte"):
        read_volume(tmp_path / "a.nii.gz")


def test_an_nrrd_header_reads_no_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(64))
    (tmp_path / "sub").mkdir()
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 4\nencoding: raw\ndata file: {}\n\n"
    for place in ("../secret.raw", str(tmp_path / "secret.raw"), "absent.raw"):
        (tmp_path / "sub" / "a.nhdr").write_text(text.format(place))
        with pytest.raises(ImageError, match="does not lie beside it"):
            read_volume(tmp_path / "sub" / "a.nhdr")
    (tmp_path / "a.nhdr").write_text(text.format("secret.raw"))
    assert read_volume(tmp_path / "a.nhdr").voxels.shape == (4, 4, 4)


@pytest.mark.parametrize(
    "line",
    [
        "space directions: (1,0,0) (0,1,0)",
        "space directions: (1,0) (0,1) (1,1)",
        "space directions: (nan,0,0) (0,1,0) (0,0,1)",
        "space directions: (1,0,0) (1,0,0) (0,0,1)",
        "space directions: none (0,1,0) (0,0,1)",
        "space origin: (0,0)",
        "spacings: 1 nan 1",
        "byte skip: -99",
        "line skip: 999999999999",
    ],
)
def test_nrrd_headers_that_make_no_space_are_a_sentence(tmp_path: Path, line: str) -> None:
    text = f"NRRD0004\ntype: uchar\ndimension: 3\nspace: lps\nsizes: 2 2 2\nencoding: raw\n{line}\n\n"
    (tmp_path / "a.nrrd").write_bytes(text.encode() + bytes(range(8)))
    with pytest.raises(ImageError, match=r"^a"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("space", ["0", "NaN", "Infinity", "1e300", '"wide"', "[1, 2, 3]", "[0.1]", "[0, 1]", "[NaN, 1]"])
def test_our_own_notes_are_believed_only_where_they_make_sense(tmp_path: Path, space: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text(
        "napari-medgen", f'{{"provenance": {{}}, "window": [0, 9], "spacing": {space}, "laterality": "", "view": ""}}'
    )
    Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).save(tmp_path / "a.png", pnginfo=notes)
    found = read_radiograph(tmp_path / "a.png")
    assert found.spacing is None
    assert np.isfinite(found.window).all()


@pytest.mark.parametrize("window", ["[1]", "[1, 2, 3]", '["a", "b"]', "[0, Infinity]", "[0, 1e300]", "[5, 5]", "[" * 5000])
def test_a_window_of_ours_that_shows_nothing_is_left(tmp_path: Path, window: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("napari-medgen", f'{{"provenance": {{}}, "window": {window}, "laterality": "", "view": ""}}')
    Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).save(tmp_path / "a.png", pnginfo=notes)
    assert read_radiograph(tmp_path / "a.png").window == (0.0, 255.0)


def test_voxels_that_are_no_numbers_are_counted_in_a_sentence(tmp_path: Path) -> None:
    voxels = np.ones((4, 4, 4), np.float32)
    voxels[0, 0, :3] = np.nan, np.inf, 3e38
    voxels[1] = 2
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii")
    found = read_volume(tmp_path / "a.nii")
    assert np.isfinite(found.voxels).all()
    assert found.notes == ("3 points are no finite numbers and are shown as background (4.7 % of the image).",)


def test_deeply_nested_notes_in_a_header_are_passed_over(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"[" * 50_000))
    nib.save(image, tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").voxels.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("WindowCenter", ["40", "nan"]),
        ("WindowWidth", "inf"),
        ("RescaleSlope", ["1", "2"]),
        ("RescaleIntercept", "abc"),
        ("PixelSpacing", ["0", "1"]),
        ("PixelSpacing", ["1e300", "1"]),
        ("PixelSpacing", ["1"]),
        ("NumberOfFrames", "1A"),
        ("Rows", None),
        ("WindowCenter", "1e38"),
    ],
)
def test_numbers_of_a_dicom_header_are_believed_only_where_they_make_sense(tmp_path: Path, tag: str, value: object) -> None:
    content = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    if value is None:
        del content[tag]
    else:
        content[tag] = pydicom.DataElement(pydicom.datadict.tag_for_keyword(tag), "LO", value)  # type: ignore[arg-type]
    content.save_as(tmp_path / "a.dcm")
    kind = pydicom.datadict.dictionary_VR(tag).encode()
    written = (tmp_path / "a.dcm").read_bytes()
    place = written.index(struct.pack("<HH", *divmod(pydicom.datadict.tag_for_keyword(tag), 65536))) if value else 0  # type: ignore[arg-type]
    if place:  # as a text it could be written; as a number it will be read
        (tmp_path / "a.dcm").write_bytes(written[: place + 4] + kind + written[place + 6 :])
    try:
        found = read_radiograph(tmp_path / "a.dcm")
    except ImageError as error:
        assert str(error).startswith("a.dcm")
        return
    assert np.isfinite(found.window).all()
    assert found.spacing is None or min(found.spacing) > 0
    json.dumps(found.spacing)


def test_nrrd_is_still_what_pynrrd_writes(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    for encoding in ("raw", "gzip", "bzip2", "ascii"):
        nrrd.write(str(tmp_path / "a.nrrd"), voxels, {"encoding": encoding, "spacings": [1, 2, 3]})
        found = read_volume(tmp_path / "a.nrrd")
        assert sorted(found.voxels.ravel()) == list(range(24))
        assert sorted(found.spacing) == [1, 2, 3]


def test_many_small_extensions_are_no_header(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    many = struct.pack("<ii", 16, 6) + bytes(8)
    content[348:352], content[108:112] = b"\1\0\0\0", struct.pack("<f", 352 + 16 * 200_000)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(content[:352]) + many * 200_000 + bytes(content[352:])))
    with pytest.raises(ImageError, match="voxels begin"):
        read_volume(tmp_path / "a.nii.gz")


def test_the_header_of_a_pair_ends(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.img")
    content = (tmp_path / "a.hdr").read_bytes()
    (tmp_path / "a.hdr").write_bytes(gzip.compress(content + bytes(50_000_000)))
    with pytest.raises(ImageError, match="no header is so long"):
        read_volume(tmp_path / "a.hdr")

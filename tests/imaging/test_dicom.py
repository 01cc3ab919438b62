"""DICOM: pydicom's own files, windows, inversion, privacy, damage, and secondary captures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless, SecondaryCaptureImageStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom import read_dicom, write_secondary_capture
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png


def packaged(name: str) -> Path:
    """A file inside the pydicom package; nothing is downloaded."""
    found = get_testdata_file(name, download=False)
    if found is None:
        pytest.skip(f"this version of pydicom does not ship {name}")
    return Path(found)


def write(path: Path, pixels: np.ndarray, **tags: object) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


RAMP = np.arange(16, dtype=np.uint16).reshape(4, 4) * 100


def test_a_ct_slice_is_in_hounsfield_units() -> None:
    image = read_radiograph(packaged("CT_small.dcm"))
    assert image.shape == (128, 128)
    assert image.spacing == pytest.approx((0.661468, 0.661468))
    assert -1100 < image.pixels.min() < 0 < image.pixels.max()


@pytest.mark.parametrize("name", ["MR_small.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm"])
def test_plain_and_compressed_files_open(name: str) -> None:
    image = read_radiograph(packaged(name))
    assert image.grey().std() > 0.02


def test_the_window_is_dicoms_linear_one(tmp_path: Path) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", RAMP, WindowCenter=["800", "100"], WindowWidth=["401", "50"]))
    assert image.window == (599.5, 999.5)


def test_monochrome1_is_inverted_so_that_bone_is_bright(tmp_path: Path) -> None:
    plain = read_dicom(write(tmp_path / "a.dcm", RAMP, WindowCenter=800, WindowWidth=401))
    inverted = read_dicom(
        write(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1", WindowCenter=800, WindowWidth=401)
    )
    assert inverted.grey() == pytest.approx(1 - plain.grey(), abs=1e-6)


def test_side_and_view_are_read(tmp_path: Path) -> None:
    image = read_dicom(
        write(tmp_path / "a.dcm", RAMP, Laterality="R", ViewPosition="PA", Modality="DX", BodyPartExamined="KNEE")
    )
    assert (image.laterality, image.view, image.name) == ("R", "PA", "DX KNEE PA")


def test_nothing_that_identifies_a_patient_is_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path / "Doe_Jane_1950.dcm",
        RAMP,
        PatientName="Doe^Jane",
        PatientID="4711",
        PatientBirthDate="19500101",
        SeriesDescription="Jane Doe knee",
        Modality="CR",
    )
    image = read_dicom(path)
    again = read_dicom(write_secondary_capture(image, tmp_path / "out.dcm"))
    for found in (image, again):
        said = f"{found.name} {found.notes} {found.provenance.model_dump_json()}"
        assert not any(word in said for word in ("Doe", "Jane", "4711", "1950"))
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert (written.PatientName, written.PatientID) == ("", "")


def test_text_in_the_picture_is_warned_of(tmp_path: Path) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", RAMP, BurnedInAnnotation="YES"))
    assert "burned into" in image.notes[0]


def test_padding_does_not_set_the_window(tmp_path: Path) -> None:
    padded = RAMP.copy() + 500
    padded[0, 0] = 0
    image = read_dicom(write(tmp_path / "a.dcm", padded, PixelPaddingValue=0))
    assert image.window == (600, 2000)


def voi_table(values: list[int], first: int = 0, bits: int = 8) -> Sequence:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [len(values), first, bits], values
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    return Sequence([table])


STEPS = np.arange(4, dtype=np.uint16).reshape(2, 2)
TABLE = [0, 255, 128, 64]


@pytest.mark.parametrize("tags", [{}, {"RescaleSlope": 1, "RescaleIntercept": 0}], ids=["no slope", "slope one"])
def test_a_voi_table_is_applied_whether_a_slope_of_one_is_said_or_not(tmp_path: Path, tags: dict[str, int]) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", STEPS, VOILUTSequence=voi_table(TABLE), **tags))
    assert image.grey().ravel() == pytest.approx(np.array(TABLE) / 255)


@pytest.mark.parametrize(("slope", "intercept", "first"), [(2, -10, -10), (0.5, 0, 0), (1, 100, 100)])
def test_a_voi_table_is_looked_up_with_rescaled_values(tmp_path: Path, slope: float, intercept: float, first: int) -> None:
    stored = (np.arange(4) / min(slope, 1)).astype(np.uint16).reshape(2, 2)
    values = np.zeros(8, int)
    for index, place in enumerate(np.rint(stored.ravel().astype(float) * slope + intercept).astype(int) - first):
        values[place] = TABLE[index]
    table = voi_table([int(v) for v in values], first)
    table[0]["LUTDescriptor"].VR = "SS"
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept, "VOILUTSequence": table}
    image = read_dicom(write(tmp_path / "a.dcm", stored, **tags))
    assert image.grey().ravel() == pytest.approx(np.array(TABLE) / 255)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags", [{}, {"RescaleSlope": 1, "RescaleIntercept": 0}, {"RescaleSlope": 2, "RescaleIntercept": -5}]
)
def test_padding_is_dark_and_does_not_squeeze_the_image(tmp_path: Path, photometric: str, tags: dict[str, int]) -> None:
    inside = np.arange(1000, 1012, dtype=np.uint16)
    pixels = np.r_[inside, [0, 0, 1, 60000]].astype(np.uint16).reshape(4, 4)
    padding = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 1, "PhotometricInterpretation": photometric}
    pixels[-1, -1] = 1005
    image = read_dicom(write(tmp_path / "a.dcm", pixels, **padding, **tags)).grey().ravel()
    assert image[12:15] == pytest.approx(0)
    assert sorted(image[:12]) == pytest.approx(np.linspace(0, 1, 12))


def test_padding_of_signed_values_is_found_among_the_stored_ones(tmp_path: Path) -> None:
    pixels = np.array([[-2000, -2000, 0], [40, 80, 100]], np.int16)
    tags = {"PixelPaddingValue": -2000, "RescaleSlope": 1, "RescaleIntercept": -1024}
    image = read_dicom(write(tmp_path / "a.dcm", pixels, **tags))
    assert image.window == (-1024, -924)
    assert image.pixels.min() == -1024


def test_rescaled_whole_numbers_stay_whole(tmp_path: Path) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", RAMP, RescaleSlope=1, RescaleIntercept=-1024))
    assert np.issubdtype(image.pixels.dtype, np.integer)
    assert image.pixels.ravel().tolist() == [value - 1024 for value in range(0, 1600, 100)]


@pytest.mark.parametrize(
    ("keyword", "value", "opens"),
    [
        ("WindowCenter", "forty", True),
        ("WindowWidth", "1e999", True),
        ("PixelSpacing", "a\\b", True),
        ("RescaleSlope", "one", False),
        ("NumberOfFrames", "many", False),
    ],
)
def test_a_malformed_number_is_a_sentence_or_passed_over(tmp_path: Path, keyword: str, value: str, opens: bool) -> None:
    extra = {"WindowCenter": 800, "WindowWidth": 400} if keyword.startswith("Window") else {}
    path = write(tmp_path / "a.dcm", RAMP, **extra)
    data = pydicom.dcmread(path)
    data[keyword] = RawDataElement(
        Tag(keyword), {"NumberOfFrames": "IS"}.get(keyword, "DS"), len(value), value.encode(), 0, False, True
    )
    data.save_as(path)
    if not opens:
        with pytest.raises(ImageError, match=r"a\.dcm (holds a value|does not say)"):
            read_dicom(path)
        return
    image = read_dicom(path)
    assert image.spacing is None
    assert image.window == (0, 1500)
    assert bool(image.notes) == keyword.startswith("Window")


def test_a_secondary_capture_comes_back_marked(tmp_path: Path) -> None:
    made = Provenance(synthetic=True, model="knee-progression", source="CR KNEE")
    image = Radiograph(RAMP, (100, 1200), (0.2, 0.2), "L", provenance=made)
    path = write_secondary_capture(image, tmp_path / "deep" / "a.dcm")
    again = read_dicom(path)
    assert np.array_equal(again.pixels, RAMP)
    assert again.window == pytest.approx((100, 1200))
    assert (again.spacing, again.laterality, again.provenance) == ((0.2, 0.2), "L", made)
    data = pydicom.dcmread(path)
    assert list(data.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    assert "SYNTHETIC" in data.SeriesDescription
    assert data.SOPClassUID == SecondaryCaptureImageStorage


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((3, 4, 4), np.uint8)
    path = write(tmp_path / "a.dcm", frames[0], NumberOfFrames=3, PixelData=frames.tobytes())
    with pytest.raises(ImageError, match="holds 3 frames"):
        read_dicom(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.dcm", np.zeros((64, 64), np.uint16))
    half = tmp_path / "half.dcm"
    half.write_bytes(whole.read_bytes()[:-4000])
    with pytest.raises(ImageError, match="damaged or ends too early"):
        read_dicom(half)


def test_a_missing_decoder_is_named(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    path = write(tmp_path / "a.dcm", RAMP)
    data = pydicom.dcmread(path)
    # MPEG-4 is a transfer syntax for which no decoder of images exists.
    data.file_meta.TransferSyntaxUID = pydicom.uid.UID("1.2.840.10008.1.2.4.102")
    data.PixelData = encapsulate([b"\0" * 10])
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    with pytest.raises(ImageError, match="no decoder is here"):
        read_dicom(path)
    assert JPEGLSLossless.is_compressed


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no dicom" * 40)
    with pytest.raises(ImageError, match="not a DICOM file"):
        read_dicom(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match="does not exist"):
        read_dicom(tmp_path / "b.dcm")
    with pytest.raises(ImageError, match="without an image"):
        read_dicom(packaged("rtplan.dcm"))


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "name"), [("RG1_J2KI.dcm", "CR CHEST PA"), ("RG3_J2KR.dcm", "CR")])
def test_real_computed_radiographs_open_bright_on_dark(real_data: Path, file: str, name: str) -> None:
    image = read_radiograph(real_data / "dicom" / file)
    assert image.name.startswith(name)
    assert min(image.shape) > 1000
    assert 0.05 < image.grey().mean() < 0.95


STORED = np.arange(48, dtype=np.uint16).reshape(6, 8) * 80


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kept", ["highest", "lowest"])
def test_values_in_other_bits_than_the_lowest(tmp_path: Path, kept: str, signed: bool) -> None:
    values = STORED.astype(np.int32) + np.arange(8) - (1900 if signed else 0)
    stored = (values << 4 if kept == "highest" else values & 0xFFF).astype(np.uint16)
    path = write(tmp_path / "a.dcm", stored, BitsAllocated=16, BitsStored=12, HighBit=15, PixelRepresentation=int(signed))
    np.testing.assert_array_equal(read_dicom(path).pixels, values)


def test_values_in_bits_that_nobody_can_tell_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="other bits than they do"):
        read_dicom(write(tmp_path / "a.dcm", STORED * 16 + 1, BitsStored=12, HighBit=15))
    with pytest.raises(ImageError, match="bits that are not there"):
        read_dicom(write(tmp_path / "a.dcm", STORED, BitsStored=12, HighBit=17))


@pytest.mark.parametrize("bits", [8, 16])
def test_indices_of_a_grey_palette_are_looked_up(tmp_path: Path, bits: int) -> None:
    table = (np.random.default_rng(0).permutation(256) * (257 if bits == 16 else 1)).astype(f"u{bits // 8}")
    indices = np.arange(48, dtype=np.uint8).reshape(6, 8)
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    image = read_dicom(write(tmp_path / "a.dcm", indices, **tags))
    np.testing.assert_array_equal(image.pixels, table[indices])
    assert (image.coloured, image.window) == (False, (0.0, 2.0**bits - 1))


@pytest.mark.parametrize(
    ("said", "turn"),
    [
        (["L", "F"], lambda p: p),
        (["R", "F"], lambda p: p[:, ::-1]),
        (["L", "H"], lambda p: p[::-1]),
        (["R", "H"], lambda p: p[::-1, ::-1]),
        (["LA", "FP"], lambda p: p),
        (["F", "L"], lambda p: p.T),
        (["F", "R"], lambda p: p.T[:, ::-1]),
        (["A", "F"], lambda p: p),
        (["P", "F"], lambda p: p),
        (["A", "H"], lambda p: p[::-1]),
        (["R", "P"], lambda p: p[:, ::-1]),
        (["L", "A"], lambda p: p[::-1]),
    ],
)
def test_an_image_is_shown_the_right_way_round_and_it_is_said(tmp_path: Path, said: list[str], turn: Any) -> None:
    path = write(tmp_path / "a.dcm", STORED, PatientOrientation=said, PixelSpacing=["0.2", "0.1"])
    image, expected = read_dicom(path), turn(STORED)
    np.testing.assert_array_equal(image.pixels, expected)
    changed = expected.shape != STORED.shape or (expected != STORED).any()
    assert any("patient's right on the left" in note for note in image.notes) == changed
    assert image.spacing == ((0.1, 0.2) if expected.shape != STORED.shape else (0.2, 0.1))


def test_a_slice_that_runs_to_the_right_is_mirrored(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", STORED, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(read_dicom(path).pixels, STORED[:, ::-1])


def test_pixels_that_are_not_square_without_a_size(tmp_path: Path) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", STORED, PixelAspectRatio=[2, 1]))
    assert (image.spacing, image.aspect) == (None, 2.0)
    assert any("not square" in note for note in image.notes)
    again = read_dicom(write_secondary_capture(image, tmp_path / "b.dcm"))
    assert again.aspect == 2.0


def test_colours_of_sixteen_bits_keep_their_white(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 3), 65535, np.uint16)
    path = write(tmp_path / "a.dcm", pixels, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    assert read_dicom(path).grey() == pytest.approx(1)


@pytest.mark.parametrize(
    ("said", "removed", "burned"), [("YES", "NO", "YES"), ("NO", "YES", "NO"), (None, "NO", None), ("", "NO", None)]
)
def test_an_identity_is_said_to_be_removed_only_where_it_is(
    tmp_path: Path, said: str | None, removed: str, burned: str | None
) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", STORED, **({} if said is None else {"BurnedInAnnotation": said})))
    written = pydicom.dcmread(write_secondary_capture(image, tmp_path / "b.dcm"))
    assert written.PatientIdentityRemoved == removed
    assert written.get("BurnedInAnnotation") == burned
    again = read_dicom(tmp_path / "b.dcm")
    assert again.identity == image.identity
    assert read_radiograph(write_png(image, tmp_path / "b.png")).identity == image.identity


def test_a_picture_of_unknown_origin_is_not_said_to_be_anonymous(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "a.png")
    written = pydicom.dcmread(write_secondary_capture(read_radiograph(tmp_path / "a.png"), tmp_path / "b.dcm"))
    assert written.PatientIdentityRemoved == "NO"
    made = Radiograph(np.zeros((4, 5), np.uint8), (0, 255), provenance=Provenance(synthetic=True))
    assert pydicom.dcmread(write_secondary_capture(made, tmp_path / "c.dcm")).PatientIdentityRemoved == "YES"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of Debian's dicom3tools is not installed.")
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("side", ["", "L", "B"])
@pytest.mark.parametrize("synthetic", [False, True])
def test_dciodvfy_finds_no_error(tmp_path: Path, kind: type, side: Any, synthetic: bool) -> None:
    image = Radiograph(
        (np.random.default_rng(0).random((30, 41)) * 200).astype(kind), (0, 200), spacing=(0.143, 0.2), laterality=side,
        provenance=Provenance(synthetic=synthetic, model="brain-t1", seed=3), identity="present",
    )  # fmt: skip
    path = write_secondary_capture(image, tmp_path / "a.dcm")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    assert not [line for line in lines if line.startswith("Error")], lines


def test_the_name_that_was_asked_for_is_the_name(tmp_path: Path) -> None:
    image = Radiograph(np.zeros((4, 5), np.uint8), (0, 255))
    assert write_secondary_capture(image, tmp_path / "KNEE.DCM").name == "KNEE.DCM"
    assert write_secondary_capture(image, tmp_path / "knee.v2").name == "knee.v2.dcm"
    (tmp_path / "KNEE.png").write_bytes(b"kept")
    assert write_png(image, tmp_path / "KNEE.PNG").name == "KNEE.PNG"
    assert (tmp_path / "KNEE.png").read_bytes() == b"kept"


@pytest.mark.parametrize("shape", ["grey", "colour"])
@pytest.mark.parametrize("packed", [False, True])
def test_values_in_the_highest_bits_of_other_images(tmp_path: Path, shape: str, packed: bool) -> None:
    values = STORED + np.arange(8, dtype=np.uint16)
    stored = (np.stack([values] * 3, -1) if shape == "colour" else values) << 4
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0} if shape == "colour" else {}
    path = write(tmp_path / "a.dcm", stored.astype(np.uint16), BitsStored=12, HighBit=15, **tags)
    if packed:
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        data.save_as(path)
    image = read_dicom(path)
    np.testing.assert_array_equal(image.pixels, values)
    assert not image.coloured


@pytest.mark.parametrize("said", [["P", "L"], ["A", "R"]])
def test_a_mammogram_from_above_is_left_as_it_hangs(tmp_path: Path, said: list[str]) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", STORED, PatientOrientation=said))
    np.testing.assert_array_equal(image.pixels, STORED)
    assert not image.notes


def test_entries_of_eight_bits_in_words_of_sixteen(tmp_path: Path) -> None:
    indices = np.arange(48, dtype=np.uint8).reshape(6, 8)
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
        tags[f"{colour}PaletteColorLookupTableData"] = np.arange(256, dtype=np.uint16).tobytes()
    assert read_dicom(write(tmp_path / "a.dcm", indices, **tags)).window == (0.0, 255.0)


def test_a_prediction_of_an_image_with_a_name_is_not_said_to_be_anonymous(tmp_path: Path) -> None:
    made = Provenance(synthetic=True, operation="extrapolate", source="radiograph 1234")
    for identity, removed in (("present", "NO"), ("unknown", "NO"), ("removed", "YES")):
        image = Radiograph(np.zeros((4, 5), np.uint8), (0, 255), provenance=made, identity=identity)  # type: ignore[arg-type]
        assert pydicom.dcmread(write_secondary_capture(image, tmp_path / "b.dcm")).PatientIdentityRemoved == removed


def test_what_is_rounded_is_said(tmp_path: Path) -> None:
    values = (2**24 + 1 + np.arange(48, dtype=np.uint32)).reshape(6, 8)
    image = read_dicom(write(tmp_path / "a.dcm", values, RescaleSlope="0.5", RescaleIntercept="0"))
    assert any("rounded by up to" in note for note in image.notes)
    exact = read_dicom(write(tmp_path / "b.dcm", values, RescaleSlope="2", RescaleIntercept="0"))
    np.testing.assert_array_equal(exact.pixels, values.astype(np.int64) * 2)


def test_a_file_from_before_the_preamble_opens(tmp_path: Path) -> None:
    content = write(tmp_path / "a.dcm", STORED).read_bytes()
    (tmp_path / "b.dcm").write_bytes(content[132:])
    np.testing.assert_array_equal(read_dicom(tmp_path / "b.dcm").pixels, STORED)


def test_grey_values_of_single_precision(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", STORED.astype(np.uint32))
    data = pydicom.dcmread(path)
    del data.PixelData
    data.FloatPixelData = (STORED / 7).astype(np.float32).tobytes()
    data.save_as(path)
    np.testing.assert_array_equal(read_dicom(path).pixels, (STORED / 7).astype(np.float32))


def test_overlays_in_and_beside_the_pixels(tmp_path: Path) -> None:
    values = STORED + np.arange(8, dtype=np.uint16)
    path = write(tmp_path / "a.dcm", (values << 4) | 1, BitsStored=12, HighBit=15)
    data = pydicom.dcmread(path)
    data.add_new(0x60020102, "US", 0)
    data.save_as(path)
    np.testing.assert_array_equal(read_dicom(path).pixels, values)
    path = write(tmp_path / "b.dcm", values, BitsStored=12, HighBit=15)
    data = pydicom.dcmread(path)
    data.add_new(0x60000102, "US", 0)
    data.add_new(0x60003000, "OW", bytes(6))
    data.save_as(path)
    np.testing.assert_array_equal(read_dicom(path).pixels, values)


def test_a_compressed_file_from_before_the_preamble_opens(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", STORED)
    data = pydicom.dcmread(path)
    data.compress(RLELossless)
    data.save_as(path)
    (tmp_path / "b.dcm").write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_dicom(tmp_path / "b.dcm").pixels, STORED)


def test_large_numbers_that_are_close_open(tmp_path: Path) -> None:
    values = (2**24 + 2**20 + np.zeros((6, 8))).astype(np.uint32)
    image = read_dicom(write(tmp_path / "a.dcm", values))
    assert np.float32(image.window[0]) < np.float32(image.window[1])


def test_padding_of_real_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", STORED.astype(np.uint32))
    data = pydicom.dcmread(path)
    del data.PixelData
    values = (STORED / 7).astype(np.float32)
    values[0, 0] = -1e9
    data.FloatPixelData, data.FloatPixelPaddingValue = values.tobytes(), -1e9
    data.save_as(path)
    assert read_dicom(path).window[0] > -1

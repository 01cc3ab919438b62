"""DICOM: pydicom's own files, windows, inversion, privacy, damage, and secondary captures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, SecondaryCaptureImageStorage, generate_uid

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom import read_dicom, write_secondary_capture
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph


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


def test_spacing_at_the_detector_is_noted(tmp_path: Path) -> None:
    image = read_dicom(write(tmp_path / "a.dcm", RAMP, ImagerPixelSpacing=["0.2", "0.3"]))
    assert image.spacing == (0.2, 0.3)
    assert "at the detector" in image.notes[0]


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
    assert list(data.ImageType) == ["DERIVED", "SECONDARY"]
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

"""The window opens what the engine can: by content and not by ending, folders, pairs and stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.testing import data_path
from PIL import Image
from pydicom.data import get_testdata_file

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph

CT = Path(str(get_testdata_file("CT_small.dcm")))
HEAD = Path(data_path) / "anatomical.nii"
PLUGIN = "napari-medgen"
NAMES = [
    "IM000001",
    "I10",
    "1.2.840.113619.2.5",
    "CT.1.2.840.113619.2.55.3",
    "patient_scan_00001_series_3",
    "image.001",
    "e1234s5i7.MRDCM.7",
    "9.1.2",
    "3f2a-uuid-long-name-1234567890",
    "slice.IMA",
    "SLICE.DCM",
    "x.dicom",
]


def test_a_dicom_file_opens_whatever_it_is_called(make_napari_viewer: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    for name in NAMES:
        (tmp_path / name).write_bytes(CT.read_bytes())
        (layer,) = viewer.open(str(tmp_path / name), plugin=PLUGIN)
        assert layer.data.shape == (128, 128), name
        assert str(layer.units[0]) in ("mm", "millimeter"), name


def test_a_volume_opens_whatever_it_is_called(make_napari_viewer: Any, tmp_path: Path) -> None:
    image, viewer = nib.load(HEAD), make_napari_viewer()
    nib.save(nib.Nifti1Pair(np.asarray(image.dataobj), image.affine), tmp_path / "pair.img")
    for name in ("HEAD.NII", "head", "pair.hdr"):
        if "pair" not in name:
            (tmp_path / name).write_bytes(HEAD.read_bytes())
        (layer,) = viewer.open(str(tmp_path / name), plugin=PLUGIN)
        assert layer.axis_labels == ("S", "P", "L"), name


def test_a_header_whose_voxels_lie_beside_it_opens(make_napari_viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(range(8)))
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: a.raw\n\n"
    (tmp_path / "a.nhdr").write_text(text)
    (layer,) = make_napari_viewer().open(str(tmp_path / "a.nhdr"), plugin=PLUGIN)
    assert sorted(layer.data.ravel()) == list(range(8))


def test_a_folder_opens_with_all_that_can_be_read(make_napari_viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "IM1").write_bytes(CT.read_bytes())
    (tmp_path / "head.nii").write_bytes(HEAD.read_bytes())
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    (tmp_path / "._IM1").write_bytes(CT.read_bytes())
    (tmp_path / "notes.txt").write_text("nothing")
    viewer = make_napari_viewer()
    layers = viewer.open(str(tmp_path), plugin=PLUGIN)
    assert sorted(layer.ndim for layer in layers) == [2, 3]


def test_a_folder_without_images_is_a_sentence(make_napari_viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty holds no NIfTI, NRRD, DICOM, PNG or JPEG file"):
        make_napari_viewer().open(str(tmp_path / "empty"), plugin=PLUGIN)


def test_files_that_are_opened_as_a_stack_are_one_layer(make_napari_viewer: Any, tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(np.full((4, 5), number * 50, np.uint8)).save(paths[-1])
    viewer = make_napari_viewer()
    (layer,) = viewer.open(paths, stack=True, plugin=PLUGIN)
    assert layer.data.shape == (3, 4, 5)
    assert layer.axis_labels == ("image", "row", "column")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(paths[1])
    with pytest.raises(ImageError, match=r"0\.png and 1\.png have different sizes"):
        viewer.open(paths, stack=True, plugin=PLUGIN)


def test_volumes_that_are_opened_as_a_stack_are_one_layer(make_napari_viewer: Any, tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        paths.append(str(tmp_path / f"{number}.nii"))
        nib.save(nib.Nifti1Image(np.full((4, 5, 6), number, np.int16), np.diag((2, 2, 2, 1))), paths[-1])
    (layer,) = make_napari_viewer().open(paths, stack=True, plugin=PLUGIN)
    assert layer.data.shape == (2, 6, 5, 4)
    assert layer.axis_labels == ("image", "S", "P", "L")


def test_an_ending_decides_nothing(make_napari_viewer: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    for name in ("scan.nii", "scan.nii.gz", "scan.img", "scan.png"):
        (tmp_path / name).write_bytes(CT.read_bytes())
        (layer,) = viewer.open(str(tmp_path / name), plugin=PLUGIN)
        assert layer.data.shape == (128, 128), name
    for name in ("head.png", "head.dcm", "head.img"):
        (tmp_path / name).write_bytes(HEAD.read_bytes())
        (layer,) = viewer.open(str(tmp_path / name), plugin=PLUGIN)
        assert layer.ndim == 3, name


def test_a_decoder_that_is_installed_is_not_advised(tmp_path: Path) -> None:
    from napari_medgen.viewer.plugin.readers import read_radiographs

    path = get_testdata_file("JPGExtended.dcm", download=False)
    data = pydicom.dcmread(str(path))
    data.PixelData = data.PixelData[:200]
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError) as caught:
        read_radiographs(str(tmp_path / "a.dcm"))
    assert str(caught.value) == "a.dcm is damaged or ends too early."


def test_jpeg_of_twelve_bits_opens(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    path = Path(str(get_testdata_file("JPEG-lossy.dcm", download=False)))
    image = read_radiograph(path)
    # Two pixels that pydicom's own tests of this file name.
    assert (image.pixels[420, 140], image.pixels[230, 120]) == (244, 95)


def test_nothing_is_said_of_sides_that_a_file_does_not_tell(make_napari_viewer: Any, tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), None), tmp_path / "a.nii")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(tmp_path / "a.nii"), plugin=PLUGIN)
    assert viewer.canvas.overlays["medgen_left"].text == "?"
    assert {str(unit) for unit in layer.units} == {"dimensionless"}
    assert layer.axis_labels == ("S?", "P?", "L?")
    viewer.open(str(HEAD), plugin=PLUGIN)
    layer.visible = False
    assert viewer.canvas.overlays["medgen_left"].text == "R"


def test_a_rotated_scan_is_made_upright_on_request(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    from napari_medgen.imaging.orientation import CANONICAL_AXES
    from napari_medgen.viewer.plugin.commands import make_upright

    turn = np.deg2rad(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation * (1, 1.5, 2), (40, -20, 100)
    voxels = np.zeros((20, 22, 24), np.float32)
    voxels[4:7, 15:18, 18:21] = 1000
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "a.nii")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(tmp_path / "a.nii"), plugin=PLUGIN)
    viewer.layers.selection.active = layer
    make_upright(viewer)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    made = viewer.layers[1]
    places = np.argwhere(made.data > 500)
    centre = CANONICAL_AXES @ np.asarray(made.data_to_world(places.mean(0)))
    np.testing.assert_allclose(centre, (affine @ [5, 16, 19, 1])[:3], atol=0.5)
    assert not layer.visible


def test_a_size_that_no_patient_has_is_asked_about_and_the_answer_is_kept(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path
) -> None:
    from qtpy.QtWidgets import QMessageBox

    from napari_medgen.viewer.plugin.writers import write_volume

    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag((1000.0, 1000, 1000, 1)))
    image.header["srow_x"][3] = 5000
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "a.nii")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(tmp_path / "a.nii"), plugin=PLUGIN)
    box = viewer.window._qt_window.findChild(QMessageBox, "size_question")
    assert box is not None
    assert not box.isModal()
    assert "6,000 x 5,000 x 4,000 mm" in box.text()
    labels = {button.text().replace("&", ""): button for button in box.buttons()}
    assert set(labels) == {"Millimetres, as shown", "Micrometres"}
    labels["Micrometres"].click()
    assert tuple(layer.scale) == pytest.approx((1, 1, 1))
    data, meta, _ = layer.as_layer_data_tuple()
    saved = nib.load(write_volume(str(tmp_path / "b.nii"), data, meta)[0])
    expected = nib.load(tmp_path / "a.nii").affine.copy()
    expected[:3] /= 1000
    np.testing.assert_allclose(saved.affine, expected, atol=1e-5)


def test_the_angle_of_a_scan_that_lies_askew_stays_on_screen(make_napari_viewer: Any, tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(0.35), -np.sin(0.35)], [0, np.sin(0.35), np.cos(0.35)]]
    nib.save(nib.Nifti1Image(np.zeros((20, 20, 20), np.int16), affine), tmp_path / "a.nii")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(tmp_path / "a.nii"), plugin=PLUGIN)
    said = viewer.canvas.overlays["medgen_askew"]
    assert (said.visible, said.text) == (True, "rotated by 20.1° against the patient's axes")
    layer.visible = False
    assert not said.visible


def test_what_is_drawn_over_a_scan_is_saved_where_it_was_drawn(make_napari_viewer: Any, tmp_path: Path) -> None:
    turn = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    for codes, affine in (((0, 2), np.eye(4)), ((1, 1), np.eye(4)), ((0, 0), None)):
        if affine is not None:
            affine[:3, :3], affine[:3, 3] = turn * (2, 2.5, 3), (10, 20, 30)
        image = nib.Nifti1Image(np.zeros((10, 12, 14), np.int16), affine)
        image.header.set_xyzt_units("mm")
        if affine is not None:
            image.set_qform(affine, codes[0])
            image.set_sform(affine, codes[1])
        nib.save(image, tmp_path / "scan.nii")
        viewer = make_napari_viewer()
        (scan,) = viewer.open(str(tmp_path / "scan.nii"), plugin=PLUGIN)
        viewer._new_labels()
        drawn = viewer.layers[-1]
        place = tuple(int(n) for n in np.array(scan.data.shape) // 3)
        drawn.data[place] = 1
        drawn.save(str(tmp_path / "drawn.nii"), plugin=PLUGIN)
        mask, source = nib.load(tmp_path / "drawn.nii"), nib.load(tmp_path / "scan.nii")
        assert mask.shape == source.shape
        np.testing.assert_allclose(mask.affine, source.affine, atol=1e-4)
        assert (int(mask.header["qform_code"]), int(mask.header["sform_code"])) == codes
        (again,) = viewer.open(str(tmp_path / "drawn.nii"), plugin=PLUGIN)
        assert again.data[place] == 1


def test_a_stack_is_as_synthetic_and_as_sure_as_its_worst_file(make_napari_viewer: Any, tmp_path: Path) -> None:
    from napari_medgen.imaging.provenance import Provenance
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.imaging.raster import write_png
    from napari_medgen.viewer.layers.owner import is_synthetic

    grey = np.zeros((4, 5), np.uint8)
    real = write_png(Radiograph(grey, (0, 255), spacing=(0.1, 0.1), laterality="R"), tmp_path / "a.png")
    made = Radiograph(grey, (0, 255), spacing=(0.1, 0.1), laterality="L", provenance=Provenance(synthetic=True))
    other = write_png(made, tmp_path / "b.png")
    viewer = make_napari_viewer()
    (layer,) = viewer.open([str(real), str(other)], stack=True, plugin=PLUGIN)
    assert is_synthetic(layer)
    assert viewer.canvas.overlays["medgen_synthetic"].visible
    assert layer.metadata["napari_medgen_radiograph"].get("laterality", "") == ""
    write_png(Radiograph(grey, (0, 255), spacing=(0.2, 0.2)), tmp_path / "c.png")
    with pytest.raises(ImageError, match="lie in different places"):
        viewer.open([str(real), str(tmp_path / "c.png")], stack=True, plugin=PLUGIN)


def test_letters_are_not_believed_of_what_was_turned(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(HEAD), plugin=PLUGIN)
    left = viewer.canvas.overlays["medgen_left"]
    assert left.text == "R"
    layer.scale = (*layer.scale[:2], -layer.scale[2])
    assert left.text == "?"
    layer.scale = np.abs(layer.scale)
    assert left.text == "R"
    layer.rotate = (180, 0, 0)
    assert left.text == "?"


@pytest.mark.parametrize(("unit", "factor"), [("micrometer", 1e-3), ("centimeter", 10.0)])
def test_other_units_of_length_are_converted_when_saved(
    make_napari_viewer: Any, tmp_path: Path, unit: str, factor: float
) -> None:
    viewer = make_napari_viewer()
    volume = viewer.add_image(np.zeros((4, 5, 6), np.int16), scale=(2, 3, 4), units=(unit,) * 3)
    volume.save(str(tmp_path / "a.nii"), plugin=PLUGIN)
    assert sorted(nib.load(tmp_path / "a.nii").header.get_zooms()) == pytest.approx([2 * factor, 3 * factor, 4 * factor])
    flat = viewer.add_image(np.zeros((4, 5), np.uint8), scale=(2, 3), units=(unit,) * 2)
    flat.save(str(tmp_path / "a.dcm"), plugin=PLUGIN)
    assert read_radiograph(tmp_path / "a.dcm").spacing == pytest.approx((2 * factor, 3 * factor))
    flat.rotate = 30
    with pytest.raises(ImageError, match="was turned in the window"):
        flat.save(str(tmp_path / "b.dcm"), plugin=PLUGIN)


def test_a_file_of_many_volumes_is_unpacked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from napari_medgen.imaging import nifti
    from napari_medgen.imaging.nifti import read_all_volumes, read_nifti

    voxels = np.random.default_rng(0).normal(size=(6, 7, 8, 9)).astype(np.float32)
    voxels[2, 2, 2, 5] = np.nan
    affine = np.diag((-2.0, 3, 4, 1))
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "a.nii.gz")
    expected = [read_nifti(tmp_path / "a.nii.gz", volume=place) for place in range(9)]
    opened = []
    real = nifti.opened_nifti
    monkeypatch.setattr(nifti, "opened_nifti", lambda path: opened.append(path) or real(path))
    found = read_all_volumes(tmp_path / "a.nii.gz")
    assert len(opened) <= 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.voxels, other.voxels)
        np.testing.assert_array_equal(one.affine, other.affine)
        assert one.notes == other.notes


def test_the_map_of_one_slice_of_a_rotated_scan_lies_where_the_slice_does(make_napari_viewer: Any, tmp_path: Path) -> None:
    from napari_medgen.viewer.layers.place import slice_place
    from napari_medgen.viewer.layers.plane import Plane
    from napari_medgen.viewer.layers.volumes import volume_of

    affine = np.eye(4)
    turn = np.deg2rad(30)
    affine[:3, :3] = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]) * (2, 2.5, 3)
    affine[:3, 3] = 10, 20, 30
    image = nib.Nifti1Image(np.zeros((20, 22, 24), np.int16), affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "a.nii")
    viewer = make_napari_viewer()
    (scan,) = viewer.open(str(tmp_path / "a.nii"), plugin=PLUGIN)
    viewer.dims.set_current_step(0, 3)
    plane = Plane.shown(viewer, scan)
    where = plane.placement()
    place = slice_place(scan, plane.index, where["scale"], where["translate"])
    volume = volume_of(np.zeros(plane.shape, np.float32), {"name": "map", "metadata": place, **where})
    whole = volume_of(*scan.as_layer_data_tuple()[:2])
    for corner in ((0, 0, 0), (0, 5, 7)):
        true = whole.affine @ [corner[0] + plane.index[0], *corner[1:], 1]
        np.testing.assert_allclose(volume.affine @ [*corner, 1], true, atol=1e-6)
    assert volume.remarks

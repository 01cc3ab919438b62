from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.testing import data_path
from npe2 import PluginManifest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.nifti import read_nifti, write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.owner import FUTURE, KEY, SALIENCY, SIDE, UNIT
from napari_medgen.viewer.plugin.readers import get_reader, read_layers
from napari_medgen.viewer.plugin.sample_data import real_volume
from napari_medgen.viewer.plugin.writers import write_radiograph, write_volume

REAL = Path(data_path)


def test_the_manifest_is_valid_and_every_command_exists() -> None:
    manifest = PluginManifest.from_distribution("napari-medgen")
    manifest.validate_imports()
    assert {widget.display_name for widget in manifest.contributions.widgets} == {
        "Sample volumes",
        "Overlay saliency",
        "Extrapolate radiograph",
        "Measure",
        "Reading room",
        "Reader study",
        "Jobs",
    }


def test_only_known_suffixes_are_read() -> None:
    assert get_reader("a.nii.gz") is read_layers
    assert get_reader(["a.nii", "b.nrrd"]) is read_layers
    assert get_reader("a.png") is None
    assert get_reader(["a.nii", "b.png"]) is None


def test_a_file_opens_with_millimetres_and_is_written_back_as_it_was(tmp_path: Path) -> None:
    ((data, options, kind),) = read_layers(str(REAL / "anatomical.nii"))
    assert (kind, options["axis_labels"], options["units"]) == ("image", ("S", "P", "L"), ("mm",) * 3)
    written = write_volume(str(tmp_path / "out.nii.gz"), data, options)
    assert [Path(path).name for path in written] == ["out.nii.gz", "out.json"]
    before, after = nib.load(REAL / "anatomical.nii"), nib.load(written[0])
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj))
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-4)


def test_a_4d_file_opens_with_a_slider_for_its_volumes() -> None:
    ((data, options, _),) = read_layers(str(REAL / "example4d.nii.gz"))
    assert data.shape[0] == 2
    assert options["axis_labels"] == ("volume", "S", "P", "L")
    np.testing.assert_array_equal(data[1], read_nifti(REAL / "example4d.nii.gz", volume=1).voxels)
    with pytest.raises(ImageError, match="three axes"):
        write_volume("out.nii", data, options)


def test_a_synthetic_file_is_marked_again_when_it_is_opened(make_napari_viewer: object, tmp_path: Path) -> None:
    made = Volume.on_grid(np.ones((8, 8, 8), np.float32), (1, 1, 1), provenance=Provenance(synthetic=True))
    path, _ = write_nifti(made, tmp_path / "made.nii.gz")
    viewer = make_napari_viewer()  # type: ignore[operator]
    viewer.open(path, plugin="napari-medgen")
    assert viewer.canvas.overlays["medgen_synthetic"].visible
    viewer.layers.clear()
    viewer.open(REAL / "anatomical.nii", plugin="napari-medgen")
    assert not viewer.canvas.overlays["medgen_synthetic"].visible
    assert viewer.canvas.overlays["medgen_left"].text == "R"


def test_the_real_sample_is_real() -> None:
    ((data, options, _),) = real_volume()
    assert data.ndim == 3
    assert not options["metadata"]["napari_medgen"]["synthetic"]


def test_predicted_frames_are_saved_as_a_series_of_pictures(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((3, 40, 50)).astype(np.float32)
    made = Provenance(synthetic=True, model="knees", operation="predicted")
    meta = {
        "name": "MUELLER^HANS\\x",
        "scale": (12.0, 0.5, 0.5),
        "translate": (0.0, 3.0, 4.0),
        "units": ("month", "mm", "mm"),
        "contrast_limits": (0.0, 1.0),
        "metadata": {KEY: made.model_dump(exclude_none=True), FUTURE: "predicted", SIDE: "L"},
    }
    paths = write_radiograph(str(tmp_path / "knee.dcm"), frames, meta)
    assert [Path(path).name for path in paths] == ["IM00001.dcm", "IM00002.dcm", "IM00003.dcm"]
    assert Path(paths[0]).parent == tmp_path / "knee"
    again = read_radiograph(Path(paths[2]))
    np.testing.assert_allclose(again.pixels, frames[2], atol=2e-5)
    assert (again.laterality, again.spacing, again.provenance.synthetic) == ("L", (0.5, 0.5), True)
    assert not any(b"MUELLER" in Path(path).read_bytes() for path in paths)
    assert len({str(pydicom.dcmread(path).RescaleSlope) for path in paths}) == 1  # stored values can be compared
    with pytest.raises(ImageError, match="not an empty folder"):
        write_radiograph(str(tmp_path / "knee.dcm"), frames, meta)
    with pytest.raises(ImageError, match="were turned"):
        write_radiograph(str(tmp_path / "other.dcm"), frames, meta | {"rotate": np.eye(3)[::-1]})


def test_a_saliency_map_is_saved_as_its_numbers(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 1, (40, 50)).astype(np.float32)
    meta = {
        "name": "map",
        "scale": (0.5, 0.5),
        "units": ("mm", "mm"),
        "contrast_limits": (-1.0, 1.0),
        "metadata": {KEY: Provenance(model="knees").model_dump(exclude_none=True), SALIENCY: {}, UNIT: "influence on KL 2"},
    }
    (path,) = write_radiograph(str(tmp_path / "map.dcm"), values, meta)
    data = pydicom.dcmread(path)
    np.testing.assert_array_equal(data.pixel_array, values)
    assert data.SOPClassUID.name == "Parametric Map Storage"

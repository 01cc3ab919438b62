from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.testing import data_path
from npe2 import PluginManifest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.nifti import read_nifti, write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.plugin.readers import get_reader, read_layers
from napari_medgen.viewer.plugin.sample_data import real_volume
from napari_medgen.viewer.plugin.writers import write_volume

REAL = Path(data_path)


def test_the_manifest_is_valid_and_every_command_exists() -> None:
    manifest = PluginManifest.from_distribution("napari-medgen")
    manifest.validate_imports()
    assert {widget.display_name for widget in manifest.contributions.widgets} == {
        "Sample volumes",
        "Overlay saliency",
        "Extrapolate radiograph",
        "Reading room",
        "Reader study",
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

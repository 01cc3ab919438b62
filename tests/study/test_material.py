"""Images of a study: what stays of them, and that real and synthetic ones are alike but for the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medgen.imaging.files import read_image, read_volume
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.study.material import alike, keep_image, keep_map, values_of_map
from study_support import a_volume


def test_a_volume_keeps_its_voxels_and_its_place_and_nothing_else(tmp_path: Path) -> None:
    volume = a_volume(1, synthetic=True)
    volume.affine[0, 3] = 17.5
    path = tmp_path / keep_image(volume, tmp_path)
    again = read_volume(path)
    assert np.array_equal(again.voxels, volume.voxels)
    assert np.allclose(again.affine, volume.affine)
    assert not again.provenance.synthetic
    content = path.read_bytes()
    for secret in (b"a-model", b"patient", b"synthetic", b"medgen"):
        assert secret not in content


def test_the_mark_stays_where_the_study_does_not_hide_it(tmp_path: Path) -> None:
    volume = a_volume(1, synthetic=True)
    said = read_volume(tmp_path / keep_image(volume, tmp_path, mark=False)).provenance
    assert said.synthetic
    assert not said.model
    pixels = np.arange(40, dtype=np.uint8).reshape(5, 8)
    radiograph = Radiograph(pixels, (0.0, 39.0), provenance=Provenance(synthetic=True, model="a-model"))
    marked = read_image(tmp_path / keep_image(radiograph, tmp_path, mark=False)).provenance
    assert marked.synthetic
    assert not marked.model
    assert not read_image(tmp_path / keep_image(radiograph, tmp_path)).provenance.synthetic


def test_a_radiograph_keeps_pixels_size_window_and_side(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 4000, (30, 20)).astype(np.uint16)
    radiograph = Radiograph(pixels, (100.0, 3000.0), spacing=(0.2, 0.3), laterality="L", name="MILLER", notes=("x",))
    again = read_image(tmp_path / keep_image(radiograph, tmp_path))
    assert isinstance(again, Radiograph)
    assert np.array_equal(again.pixels, pixels)
    assert (again.window, again.spacing, again.laterality) == ((100.0, 3000.0), (0.2, 0.3), "L")
    assert b"MILLER" not in (tmp_path / keep_image(radiograph, tmp_path)).read_bytes()


def test_files_of_one_shape_are_equally_large_and_old(tmp_path: Path) -> None:
    flat = replace(a_volume(1), voxels=np.zeros((8, 10, 12), np.int16))
    one, other = (tmp_path / keep_image(volume, tmp_path) for volume in (flat, a_volume(2, synthetic=True)))
    assert one.stat().st_size == other.stat().st_size
    assert one.stat().st_mtime == other.stat().st_mtime
    black = Radiograph(np.zeros((30, 20), np.uint16), (0.0, 1.0))
    noisy = Radiograph(np.random.default_rng(0).integers(0, 2**16, (30, 20)).astype(np.uint16), (0.0, 1.0))
    sizes = {(tmp_path / keep_image(image, tmp_path)).stat().st_size for image in (black, noisy)}
    assert len(sizes) == 1


def test_a_map_comes_back_with_its_zero(tmp_path: Path) -> None:
    values = np.array([[-1.0, -0.25, 0.0], [0.5, 1.0, 3.0]], np.float32)
    again = values_of_map(read_image(tmp_path / keep_map(values, tmp_path)))
    assert np.allclose(again, np.clip(values, -1, 1), atol=1e-4)
    assert again[0, 2] == 0
    volume = np.zeros((3, 4, 5), np.float32)
    volume[1, 2, 3] = -0.5
    assert np.allclose(values_of_map(read_image(tmp_path / keep_map(volume, tmp_path))), volume, atol=1e-4)


def test_real_and_synthetic_are_on_one_grid_and_in_one_range() -> None:
    first = a_volume(1, (16, 18, 20))
    scanner = a_volume(2, (30, 28, 26))
    bright = replace(scanner, voxels=(scanner.voxels * 7 + 3000).astype(np.int16))
    network = replace(first, voxels=(first.voxels / 450 - 1).astype(np.float32))
    made = alike([bright, network], first)
    assert {volume.voxels.shape for volume in made} == {(16, 18, 20)}
    assert len({tuple(volume.affine.ravel()) for volume in made}) == 1
    assert {(int(volume.voxels.min()), int(volume.voxels.max())) for volume in made} == {(0, 1000)}
    assert {volume.voxels.dtype for volume in made} == {np.dtype(np.int16)}
    assert not any(((volume.voxels > 0) & (volume.voxels < 20)).any() for volume in made)


@pytest.mark.parametrize("value", [0, 7])
def test_an_empty_volume_is_no_error(value: int) -> None:
    empty = replace(a_volume(1), voxels=np.full((8, 10, 12), value, np.int16))
    (made,) = alike([empty], a_volume(2))
    assert int(made.voxels.max()) == 0

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.imaging.resample import foreground_centre, resample
from napari_medgen.imaging.volume import Volume


def ramp(shape: tuple[int, int, int] = (12, 14, 16)) -> Volume:
    voxels = np.indices(shape).sum(0).astype(np.float32)
    return Volume.on_grid(voxels, (1.0, 2.0, 3.0))


def test_the_same_grid_changes_nothing() -> None:
    volume = ramp()
    same = resample(volume, (12, 14, 16), volume.spacing)
    np.testing.assert_allclose(same.voxels, volume.voxels, atol=1e-4)
    np.testing.assert_allclose(same.affine, volume.affine, atol=1e-9)


@pytest.mark.parametrize("shape", [(12, 14, 16), (6, 20, 10), (40, 4, 2)])
def test_where_voxels_fall_on_voxels_they_are_cut_and_not_interpolated(shape: tuple[int, int, int]) -> None:
    voxels = np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32)
    volume = Volume.on_grid(voxels, (1.0, 2.0, 3.0))
    cut = resample(volume, shape, volume.spacing, fill=-9.0)
    moved = resample(volume, shape, (1.0, 2.0, 3.0 * (1 - 1e-5)), fill=-9.0)  # goes the long way
    away = np.abs(cut.voxels - moved.voxels)
    assert np.quantile(away, 0.95) < 1e-3
    np.testing.assert_allclose(cut.affine, moved.affine, atol=1e-3)
    assert set(np.unique(cut.voxels)) <= {*np.unique(voxels), np.float32(-9)}
    none = resample(volume, (2, 2, 2), volume.spacing, centre=(100.5, 100.5, 100.5), fill=-9.0)
    assert (none.voxels == -9).all()


def test_a_point_keeps_its_grey_value_and_its_place() -> None:
    volume = ramp()
    finer = resample(volume, (9, 9, 9), (0.5, 1.0, 1.5), centre=(5, 6, 7))
    np.testing.assert_allclose(finer.affine @ [4, 4, 4, 1], volume.affine @ [5, 6, 7, 1])
    assert finer.voxels[4, 4, 4] == pytest.approx(volume.voxels[5, 6, 7], abs=1e-3)
    assert finer.spacing == pytest.approx((0.5, 1.0, 1.5))


def test_beyond_the_volume_is_fill_and_nothing_overshoots() -> None:
    volume = ramp()
    larger = resample(volume, (30, 30, 30), (1, 2, 3), fill=-1)
    assert larger.voxels.min() == -1
    assert larger.voxels.max() <= volume.voxels.max()


def test_labels_stay_labels() -> None:
    volume = Volume.on_grid(np.random.default_rng(0).integers(0, 5, (8, 8, 8)).astype(np.int16), (1, 1, 1))
    coarser = resample(volume, (4, 4, 4), (2, 2, 2), nearest=True)
    assert coarser.voxels.dtype == np.int16
    assert set(np.unique(coarser.voxels)) <= set(range(5))


def test_the_foreground_s_centre() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[2:5, 3:4, 6:9] = True
    assert foreground_centre(mask) == (3, 3, 7)
    assert foreground_centre(np.zeros((3, 5, 7), bool)) == (1, 2, 3)

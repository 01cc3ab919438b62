from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.volume import Volume


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5, 3), (0, 4, 5)])
def test_only_three_axes_with_voxels_make_a_volume(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="three axes"):
        Volume.of(np.zeros(shape, np.float32), np.eye(4))


def test_other_types_become_float32_and_booleans_bytes() -> None:
    assert Volume.of(np.zeros((2, 2, 2)), np.eye(4)).voxels.dtype == np.float32
    assert Volume.of(np.zeros((2, 2, 2), bool), np.eye(4)).voxels.dtype == np.uint8
    with pytest.raises(ImageError, match="float64"):
        Volume(np.zeros((2, 2, 2)), Volume.on_grid(np.zeros((2, 2, 2), np.float32), (1, 1, 1)).affine)


def test_axes_that_are_not_canonical_are_refused() -> None:
    with pytest.raises(ImageError, match="RAS"):
        Volume(np.zeros((2, 2, 2), np.float32), np.eye(4))


def test_a_grid_without_a_patient_is_centred() -> None:
    volume = Volume.on_grid(np.zeros((3, 5, 7), np.float32), (2, 3, 4))
    np.testing.assert_allclose(volume.affine @ [1, 2, 3, 1], [0, 0, 0, 1])
    assert volume.spacing == (2, 3, 4)
    assert volume.origin == (-2, -6, -12)
    assert volume.obliquity == pytest.approx(0)

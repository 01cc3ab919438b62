from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.distribution import kernel_distance
from napari_medgen.volumes.evaluation.features import volume_features


def test_volumes_of_one_kind_are_nearer_than_of_two(rng: np.random.Generator) -> None:
    def features(blur: int) -> np.ndarray:
        rows = []
        for _ in range(2):
            noise = rng.standard_normal((16, 16, 16))
            for axis in range(3):
                noise = sum(np.roll(noise, k, axis) for k in range(blur)) / blur
            rows.append(volume_features(np.clip(noise, -1, 1).astype(np.float32)))
        return np.stack(rows)

    rough, same, smooth = features(1), features(1), features(4)
    assert rough.shape == (2, 1920)
    assert kernel_distance(rough, smooth) > 10 * abs(kernel_distance(rough, same))


def test_features_are_the_same_for_everybody() -> None:
    volume = np.zeros((64, 64, 64), np.float32)
    volume[20:40] = 1
    np.testing.assert_array_equal(volume_features(volume), volume_features(volume))


def test_one_volume_is_no_set() -> None:
    with pytest.raises(ValueError, match="two members"):
        kernel_distance(np.zeros((1, 4)), np.zeros((3, 4)))

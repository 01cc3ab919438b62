"""Random changes to training volumes: on the grid's own places nothing changes, and a GPU reads what a CPU reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_medgen.volumes.training import augment as module
from napari_medgen.volumes.training.augment import augment, read_spline, spline_coefficients
from napari_medgen.volumes.training.recipe import DataRecipe

SHAPE = (16, 20, 12)


def recipe(**values: Any) -> DataRecipe:
    return DataRecipe(shape=SHAPE, spacing=(1.0, 2.0, 3.0), **values)


def ball() -> np.ndarray:
    places = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in SHAPE], indexing="ij"))
    return np.where((places**2).sum(0) < 16, 0.5, -1.0).astype(np.float32)


def test_without_changes_a_volume_is_itself() -> None:
    volume = ball()
    same = augment(volume, recipe(), np.random.default_rng(0))
    np.testing.assert_allclose(same.numpy(), volume, atol=2e-5)


def test_a_mirror_is_exact_and_happens_half_of_the_time() -> None:
    volume = ball()
    volume[3, 4, 2] = 1.0
    made = [augment(volume, recipe(flip="L"), np.random.default_rng(seed)).numpy() for seed in range(40)]
    mirrored = sum(np.allclose(one, volume[:, :, ::-1], atol=1e-4) for one in made)
    assert all(np.allclose(one, volume, atol=1e-4) or np.allclose(one, volume[:, :, ::-1], atol=1e-4) for one in made)
    assert 10 < mirrored < 30


@pytest.mark.parametrize("mirror", [False, True])
def test_places_are_read_alike_on_every_device(mirror: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a GPU, driven here by a device that says it is none of a CPU."""
    rng = np.random.default_rng(1)
    coefficients = torch.from_numpy(rng.normal(size=(7, 9, 8)).astype(np.float32))
    places = torch.from_numpy(rng.uniform(-4, 12, (3, 5, 6, 7)).astype(np.float32))
    by_scipy = read_spline(coefficients, places, mirror=mirror)
    monkeypatch.setattr(module, "_reads_by_scipy", lambda device: False)
    torch.testing.assert_close(read_spline(coefficients, places, mirror=mirror), by_scipy, atol=1e-5, rtol=0)


def test_a_spline_goes_through_its_voxels() -> None:
    volume = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    grid = torch.stack(torch.meshgrid(*[torch.arange(float(n)) for n in SHAPE], indexing="ij"))
    read = read_spline(spline_coefficients(volume), grid, mirror=True)
    np.testing.assert_allclose(read.numpy(), volume, atol=1e-4)


def test_what_is_moved_in_lies_outside_and_is_background_or_mirrored() -> None:
    volume = np.full(SHAPE, 0.5, np.float32)
    moves: dict[str, Any] = {"shift": 8.0}
    black = augment(volume, recipe(**moves), np.random.default_rng(3))
    full = augment(volume, recipe(border="mirror", **moves), np.random.default_rng(3))
    assert float(black.min()) == -1
    assert float(full.min()) == pytest.approx(0.5, abs=1e-3)


def test_displacements_are_millimetres_whatever_the_voxels() -> None:
    """A plate across an axis of three-millimetre voxels moves by a third of the voxels that one of one millimetre does."""
    moved = {}
    for axis in (0, 2):
        volume = np.full(SHAPE, -1.0, np.float32)
        volume[(slice(None),) * axis + (slice(SHAPE[axis] // 2, None),)] = 1.0
        made = [
            augment(volume, recipe(elastic=1.5, border="mirror"), np.random.default_rng(seed)).numpy() for seed in range(30)
        ]
        middles = [((one + 1) / 2).sum(axis=axis) for one in made]
        moved[axis] = float(np.std(middles))
    assert moved[0] / moved[2] == pytest.approx(3, rel=0.3)


def test_grey_values_stay_within_their_range_and_background_stays_black() -> None:
    volume = ball()
    for seed in range(8):
        made = augment(volume, recipe(contrast=0.3, bias=0.3), np.random.default_rng(seed)).numpy()
        assert made.min() >= -1
        assert made.max() <= 1
        np.testing.assert_allclose(made[volume < -0.99], -1, atol=0.05)
        assert abs(float(made[volume > 0].mean()) - 0.5) < 0.6

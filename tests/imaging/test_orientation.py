from __future__ import annotations

import itertools

import numpy as np
import pytest
from nibabel import orientations

from napari_medgen.imaging.orientation import (
    CANONICAL,
    axis_codes,
    obliquity,
    opposite_letters,
    reorient,
    side_letters,
    spoken_place,
)
from napari_medgen.imaging.volume import Volume

ALL_48 = [
    tuple(pair[sign] for pair, sign in zip(order, signs, strict=True))
    for order in itertools.permutations(("RL", "AP", "SI"))
    for signs in itertools.product((0, 1), repeat=3)
]


def affine_of(codes: tuple[str, ...], spacing: tuple[float, ...] = (1.0, 2.0, 3.0)) -> np.ndarray:
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for column, (code, step) in enumerate(zip(codes, spacing, strict=True)):
        row = next(i for i, pair in enumerate(("RL", "AP", "SI")) if code in pair)
        affine[row, column] = step if code in "RAS" else -step
    affine[:3, 3] = (5, -7, 11)
    return affine


def test_there_are_48_orientations() -> None:
    assert len(set(ALL_48)) == 48


@pytest.mark.parametrize("codes", ALL_48, ids="".join)
def test_every_orientation_comes_and_goes_unchanged(codes: tuple[str, str, str], rng: np.random.Generator) -> None:
    voxels, affine = rng.integers(0, 99, (3, 4, 5)), affine_of(codes)
    volume = Volume.of(voxels, affine)
    assert axis_codes(volume.affine) == CANONICAL
    assert volume.source_codes == codes
    back, placed = volume.oriented(volume.source_codes)
    np.testing.assert_array_equal(back, voxels)
    np.testing.assert_allclose(placed, affine, atol=1e-12)


@pytest.mark.parametrize("codes", ALL_48, ids="".join)
def test_a_voxel_keeps_its_place_in_space(codes: tuple[str, str, str]) -> None:
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[1, 2, 4] = 1
    affine = affine_of(codes)
    turned, placed = reorient(voxels, affine, CANONICAL)
    (where,) = np.argwhere(turned)
    np.testing.assert_allclose(placed @ [*where, 1], affine @ [1, 2, 4, 1])


def test_codes_agree_with_nibabel() -> None:
    for codes in ALL_48:
        assert axis_codes(affine_of(codes)) == orientations.aff2axcodes(affine_of(codes)) == codes


def test_the_rotation_of_an_oblique_scan_is_kept() -> None:
    angle = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag((1, 2, 3))
    volume = Volume.of(np.zeros((2, 3, 4), np.uint8), affine)
    assert obliquity(volume.affine) == pytest.approx(20)
    assert volume.spacing == pytest.approx((3, 2, 1))
    np.testing.assert_allclose(volume.oriented(volume.source_codes)[1], affine, atol=1e-12)


@pytest.mark.parametrize("bad", [np.full((4, 4), np.nan), np.zeros((4, 4)), np.eye(3)])
def test_an_affine_that_spans_nothing_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="affine"):
        axis_codes(bad)


def test_a_direction_askew_has_two_letters_and_nearly_straight_has_one() -> None:
    assert side_letters(np.array([0.0, 0.0, 1.0])) == "S"
    assert side_letters(np.array([-0.2, 1.0, 0.0])) == "A"  # 11 degrees off
    assert side_letters(np.array([0.5, 1.0, 0.0])) == "AR"
    assert opposite_letters("AR") == "PL"


def test_a_place_is_spoken_with_the_sides_that_it_lies_on() -> None:
    assert spoken_place(np.array([-12.34, 4.0, -0.1])) == "L 12.3  A 4.0  I 0.1 mm"

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medgen.imaging.compare import Grid, checkerboard, difference, grey, on_grid, swipe


def test_a_picture_on_its_own_grid_is_itself(rng: np.random.Generator) -> None:
    picture = rng.random((5, 7)).astype(np.float32)
    grid = Grid((5, 7), (1.0, 2.0), (0.5, 0.7))
    np.testing.assert_array_equal(on_grid(picture, grid, grid), picture)


def test_another_grid_sees_what_lies_at_its_places(rng: np.random.Generator) -> None:
    picture = rng.random((20, 30))
    own, other = Grid((20, 30), (-3.0, 4.0), (1.5, 0.8)), Grid((13, 17), (-2.2, 5.3), (1.9, 1.1))
    seen = on_grid(picture, own, other)
    rows, columns = ((other.places(axis) - own.first[axis]) / own.step[axis] for axis in (0, 1))
    expected = ndimage.map_coordinates(picture, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest")
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_beyond_the_picture_is_nothing() -> None:
    seen = on_grid(np.ones((4, 4)), Grid((4, 4), (0, 0), (1, 1)), Grid((8, 8), (-2, -2), (1, 1)))
    assert np.isfinite(seen).sum() == 16
    np.testing.assert_array_equal(np.isfinite(seen[2:6, 2:6]), True)


def test_a_picture_of_one_pixel_has_no_neighbour_to_look_for() -> None:
    seen = on_grid(np.full((1, 1), 3.0), Grid((1, 1), (0, 0), (1, 1)), Grid((3, 3), (-1, -1), (1, 1)))
    assert seen[1, 1] == 3
    assert np.isnan(seen[0, 0])


@pytest.mark.parametrize(("at", "count"), [(0.0, 0), (0.25, 2), (1.0, 8)])
def test_a_swipe_shows_the_first_left_of_its_line(at: float, count: int) -> None:
    mixed = swipe(np.zeros((4, 8), np.float32), np.ones((4, 8), np.float32), at)
    assert (mixed == 0).all(axis=0).sum() == count
    assert not mixed[:, :count].any()


def test_squares_of_a_checkerboard_come_in_turns() -> None:
    mixed = checkerboard(np.zeros((16, 16), np.float32), np.ones((16, 16), np.float32), squares=4)
    assert mixed[0, 0] == 0
    assert mixed[0, 4] == 1
    assert mixed[4, 4] == 0
    assert mixed.mean() == 0.5


def test_a_difference_is_the_second_less_the_first_and_nothing_where_one_is_missing() -> None:
    change = difference(np.array([[1, 5]], np.uint8), np.array([[3.0, np.nan]]))
    assert change[0, 0] == 2
    assert np.isnan(change[0, 1])


def test_grey_is_black_to_white() -> None:
    np.testing.assert_allclose(grey(np.array([-5, 0, 5, 10, 20]), (0, 10)), [0, 0, 0.5, 1, 1])

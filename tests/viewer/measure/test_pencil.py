"""From taps to points: clicked, dragged, closed and given up."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.viewer.measure.pencil import Pencil


def at(*place: float) -> np.ndarray:
    return np.array(place)


def test_a_length_is_clicked_end_after_end() -> None:
    pencil = Pencil("length")
    assert not pencil.press(at(0, 0), 1)
    assert not pencil.release(at(0, 0), 1)
    pencil.move(at(3, 3))
    np.testing.assert_array_equal(pencil.sketch, [[0, 0], [3, 3]])
    assert pencil.begun
    assert pencil.press(at(10, 0), 1)
    assert not pencil.begun
    np.testing.assert_array_equal(pencil.result((0, 1)), [[0, 0], [10, 0]])


def test_a_length_is_dragged_from_end_to_end() -> None:
    pencil = Pencil("length")
    pencil.press(at(0, 0), 1)
    pencil.move(at(5, 5))
    assert pencil.release(at(9, 9), 1)
    np.testing.assert_array_equal(pencil.result((0, 1)), [[0, 0], [9, 9]])


@pytest.mark.parametrize(("kind", "count"), [("angle", 3), ("hip-knee-ankle angle", 3), ("Cobb angle", 4)])
def test_angles_have_their_number_of_points(kind: str, count: int) -> None:
    pencil = Pencil(kind)
    whole = [pencil.press(at(10.0 * step, step), 1) for step in range(count)]
    assert whole == [False] * (count - 1) + [True]


def test_the_lines_of_a_cobb_angle_are_dragged_one_after_the_other() -> None:
    pencil = Pencil("Cobb angle")
    pencil.press(at(0, 0), 1)
    assert not pencil.release(at(0, 20), 1)
    pencil.press(at(30, 0), 1)
    assert pencil.release(at(40, 20), 1)
    assert len(pencil.result((0, 1))) == 4


def test_two_quick_clicks_are_one_point() -> None:
    pencil = Pencil("angle")
    pencil.press(at(0, 0), 1)
    pencil.press(at(0.5, 0.5), 1)
    assert len(pencil.points) == 1


@pytest.mark.parametrize("by", ["first point", "double"])
def test_an_outline_is_closed(by: str) -> None:
    pencil = Pencil("outline")
    assert not pencil.double()
    for place in ((0, 0), (0, 10), (10, 10)):
        assert not pencil.press(at(*place), 1)
        assert not pencil.release(at(place[0] + 4, place[1]), 1)  # an outline is not dragged
    assert pencil.press(at(0.5, 0), 1) if by == "first point" else pencil.double()
    assert len(pencil.result((0, 1))) == 3


def test_an_ellipse_is_dragged_from_corner_to_corner() -> None:
    pencil = Pencil("ellipse")
    pencil.press(at(7, 2, 3), 1)
    assert pencil.release(at(7, 12, 33), 1)
    np.testing.assert_array_equal(pencil.result((1, 2)), [[7, 2, 3], [7, 2, 33], [7, 12, 33], [7, 12, 3]])

"""Measurements against truth: phantoms of known lengths, angles and areas, on square and other pixels, in all directions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measure import (
    Scale,
    angle,
    cobb_angle,
    distance,
    ellipse,
    hip_knee_ankle_angle,
    region,
    within,
)

SPACINGS = [(1.0, 1.0), (0.143, 0.143), (0.5, 1.7), (2.4, 0.6)]


def indices(points: np.ndarray, scale: Scale) -> np.ndarray:
    """Where points in millimetres lie in the image."""
    return np.asarray(points) / np.asarray(scale.steps)


@pytest.mark.parametrize("steps", SPACINGS)
@pytest.mark.parametrize("seed", range(5))
def test_a_drawn_line_is_as_long_as_it_was_drawn(steps: tuple[float, float], seed: int) -> None:
    rng, scale = np.random.default_rng(seed), Scale.of(steps, 2)
    start, turn, length = rng.uniform(0, 50, 2), rng.uniform(0, 2 * np.pi), rng.uniform(1, 80)
    end = start + length * np.array([np.sin(turn), np.cos(turn)])
    found = distance(indices(start, scale), indices(end, scale), scale)
    assert found.value == pytest.approx(length, rel=1e-12)
    assert found.text == f"{length:.1f} mm"


def test_in_a_volume_a_length_goes_through_all_three_axes() -> None:
    scale = Scale.of((3.0, 0.5, 0.5), 3)
    assert distance((0, 0, 0), (4, 10, 24), scale).value == pytest.approx(np.sqrt(12**2 + 5**2 + 12**2))


@pytest.mark.parametrize("steps", SPACINGS)
@pytest.mark.parametrize("truth", [0.0, 1e-3, 30.0, 89.999, 90.0, 135.5, 179.999, 180.0])
def test_a_drawn_angle_is_as_wide_as_it_was_drawn(steps: tuple[float, float], truth: float) -> None:
    rng, scale = np.random.default_rng(3), Scale.of(steps, 2)
    vertex, turn = rng.uniform(0, 50, 2), rng.uniform(0, 2 * np.pi)
    ends = [
        vertex + reach * np.array([np.sin(t), np.cos(t)]) for reach, t in ((20.0, turn), (7.0, turn + np.radians(truth)))
    ]
    found = angle(indices(ends[0], scale), indices(vertex, scale), indices(ends[1], scale), scale)
    assert found.value == pytest.approx(truth, abs=1e-6)
    straight = hip_knee_ankle_angle(indices(ends[0], scale), indices(vertex, scale), indices(ends[1], scale), scale)
    assert straight.value == pytest.approx(180 - truth, abs=1e-6)


@pytest.mark.parametrize("steps", SPACINGS)
@pytest.mark.parametrize("truth", [0.0, 12.5, 45.0, 89.0])
@pytest.mark.parametrize("reversed_", [False, True])
def test_endplates_make_a_cobb_angle_whichever_end_comes_first(
    steps: tuple[float, float], truth: float, reversed_: bool
) -> None:
    scale = Scale.of(steps, 2)
    lines = []
    for middle, turn in (((10.0, 20.0), 0.2), ((60.0, 25.0), 0.2 + np.radians(truth))):
        along = 15 * np.array([np.sin(turn), np.cos(turn)])
        lines.append(indices(np.array([np.array(middle) - along, np.array(middle) + along]), scale))
    if reversed_:
        lines[1] = lines[1][::-1]
    assert cobb_angle(lines[0], lines[1], scale).value == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("steps", SPACINGS)
def test_a_disc_has_its_area_mean_and_deviation(steps: tuple[float, float]) -> None:
    scale = Scale.of(steps, 2)
    shape = (int(120 / steps[0]), int(120 / steps[1]))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    place = np.stack([rows * steps[0], columns * steps[1]], -1)
    pixels = np.where(np.linalg.norm(place - 60, axis=-1) < 30, 1000.0, 0.0) + 3 * place[..., 1]
    corners = np.array([[35.0, 35.0], [35.0, 85.0], [85.0, 85.0], [85.0, 35.0]])
    outline = ellipse(indices(corners, scale))
    mean, deviation, smallest, largest, area = region(pixels, outline, scale)
    assert area.value == pytest.approx(np.pi * 25**2, rel=1e-9)
    assert area.unit == "mm²"
    assert mean.value == pytest.approx(1000 + 3 * 60, abs=3)
    assert deviation.value == pytest.approx(3 * 25 / 2, rel=0.03)  # of a slope over a disc
    assert smallest.value == pytest.approx(1000 + 3 * 35, abs=3 * steps[1] + 3)
    assert largest.value == pytest.approx(1000 + 3 * 85, abs=3 * steps[1] + 3)


def test_rectangles_that_tile_an_image_share_no_pixel_and_leave_none() -> None:
    edges = [0.0, 2.5, 4.0, 7.0]
    counts = np.zeros((7, 7), int)
    for top, bottom in itertools.pairwise(edges):
        for left, right in itertools.pairwise(edges):
            counts += within((7, 7), [(top, left), (top, right), (bottom, right), (bottom, left)])
    assert (counts == 1).all()


def test_an_outline_may_be_concave_and_leave_the_image() -> None:
    outline = [(-5, -5), (-5, 20), (5, 20), (5, 2), (8, 2), (8, -5)]
    inside = within((10, 10), outline)
    assert inside[4, 9]
    assert inside[7, 1]
    assert not inside[6, 5]
    assert not inside[9].any()


def test_a_region_without_a_pixel_centre_has_an_area_and_no_grey_values() -> None:
    mean, *_, area = region(np.ones((5, 5)), [(1.2, 1.2), (1.2, 1.8), (1.8, 1.8), (1.8, 1.2)], Scale.of(None, 2))
    assert mean.text == "not defined"
    assert area.text == "0.4 px²"


def test_without_a_spacing_lengths_are_in_pixels_and_say_so() -> None:
    scale = Scale.of(None, 2)
    assert scale.source == "unknown"
    assert distance((0, 0), (3, 4), scale).text == "5.0 px"
    assert Scale.of((0.0, 1.0), 2).unit == "px"  # what no image has is no spacing


def test_a_known_length_makes_millimetres() -> None:
    scale = Scale.calibrated((10, 10), (10, 110), 25.0)
    assert scale.source == "calibration"
    assert distance((0, 0), (40, 0), scale).text == "10.0 mm"
    flat = Scale.calibrated((0, 0), (0, 100), 50.0, aspect=2.0)  # pixels twice as high as wide
    assert distance((0, 0), (10, 0), flat).value == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Scale.calibrated((1, 1), (1, 1), 10), "two points that are apart"),
        (lambda: Scale.calibrated((1, 1), (1, 2), 0), "above zero"),
        (lambda: Scale.calibrated((1, 1), (1, 2), float("nan")), "above zero"),
        (lambda: distance((1, 2, 3), (1, 2, 3), Scale.of(None, 2)), "2 finite numbers"),
        (lambda: distance((1, np.inf), (1, 2), Scale.of(None, 2)), "2 finite numbers"),
        (lambda: region(np.ones((4, 4)), [(0, 0), (1, 1)], Scale.of(None, 2)), "three corners"),
    ],
)
def test_what_is_no_measurement_is_one_sentence(call: object, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        call()  # type: ignore[operator]


def test_an_angle_at_a_point_on_itself_is_not_defined() -> None:
    assert angle((1, 1), (1, 1), (2, 2), Scale.of(None, 2)).text == "not defined"


def test_what_is_no_number_is_left_out_of_a_region() -> None:
    pixels = np.ones((20, 20), np.float32)
    pixels[5, 5], pixels[6, 6] = np.nan, np.inf
    found = region(pixels, [[2, 2], [2, 12], [12, 12], [12, 2]], Scale((1.0, 1.0)))
    assert [value.value for value in found[:4]] == [1, 0, 1, 1]


@pytest.mark.parametrize("move", [-500.0, -5.0, 15.0, 500.0])
def test_an_outline_may_reach_beyond_the_picture(move: float) -> None:
    pixels = np.arange(400, dtype=np.float32).reshape(20, 20)
    outline = np.array([[2.0, 2], [2, 12], [12, 12], [12, 2]]) + move
    found = region(pixels, outline, Scale((1.0, 1.0)))
    inside = pixels[within(pixels.shape, outline)]
    assert found[4].value == 100
    if inside.size:
        assert found[0].value == pytest.approx(inside.mean())
    else:
        assert np.isnan(found[0].value)

"""Joint spaces of drawn knees, to a tenth of a pixel, and of real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medgen.errors import ImageError
from napari_medgen.imaging.joint_space import LATERAL, MEDIAL, Gap, bone_borders, joint_space
from napari_medgen.imaging.measure import Scale

PIXELS = Scale((1.0, 1.0), "px", "unknown")
_FINE = 8
Line = Callable[[np.ndarray], np.ndarray]


def drawn(
    femur: Line, tibia: Line, size: int = 224, noise: float = 0.0, borders: tuple[float, float] = (18.0, 206.0)
) -> np.ndarray:
    """A bright femur above, a bright tibia below, between two columns; each pixel is the mean over its own area.

    Lines give the row (in pixels of 224) at which an edge lies in a column.
    """
    unit = size / 224
    fine = (np.arange(size * _FINE) + 0.5) / _FINE - 0.5
    rows, columns = fine[:, None] / unit, fine[None, :] / unit
    bone = ((rows < femur(columns)) | (rows > tibia(columns))) & (columns > borders[0]) & (columns < borders[1])
    picture = np.where(bone, 0.75, 0.25).reshape(size, _FINE, size, _FINE).mean((1, 3))
    return (picture + np.random.default_rng(0).normal(0, noise, picture.shape)).astype(np.float32)


def flat(row: float, slope: float = 0.0) -> Line:
    return lambda columns: row + slope * (columns - 112) + 0 * columns


def widths(found: tuple[Gap, ...]) -> np.ndarray:
    return np.array([gap.width(PIXELS) for gap in found])


@pytest.mark.parametrize(
    ("gap", "slope", "side"),
    [(5.0, 0.0, "L"), (5.0, -0.12, "R"), (8.3, 0.07, "L"), (10.5, -0.12, "L"), (14.7, 0.07, "R"), (14.7, 0.0, "L")],
)
def test_a_straight_gap_has_its_width_to_a_tenth_of_a_pixel(gap: float, slope: float, side: str) -> None:
    across = gap * np.sqrt(1 + slope**2)  # down the picture, for a distance across the gap
    picture = drawn(flat(120.2, slope), flat(120.2 + across, slope))
    np.testing.assert_allclose(widths(joint_space(picture, side)), gap, atol=0.1)


def test_a_wedge_has_another_width_at_each_place() -> None:
    picture = drawn(flat(118.0, 0.02), flat(128.0, -0.02))
    found = joint_space(picture, "L")
    for gap in found:
        column = (gap.femur[1] + gap.tibia[1]) / 2
        assert gap.width(PIXELS) == pytest.approx(10 - 0.04 * (column - 112), abs=0.1)


def test_a_round_condyle_is_measured_where_it_is_asked_for() -> None:
    def condyles(columns: np.ndarray) -> np.ndarray:
        return 122 - 0.004 * np.minimum(np.abs(columns - 65), np.abs(columns - 160)) ** 2

    found = joint_space(drawn(condyles, flat(131.0)), "L")
    for gap in found:
        assert gap.tibia[0] == pytest.approx(131.0, abs=0.35)
        assert gap.femur[0] == pytest.approx(float(condyles(np.array(gap.femur[1]))), abs=0.35)


def test_noise_moves_an_edge_by_less_than_half_a_pixel() -> None:
    picture = drawn(flat(120.0), flat(130.0), noise=0.05)
    np.testing.assert_allclose(widths(joint_space(picture, "L")), 10, atol=0.5)


def test_the_size_of_the_picture_changes_the_unit_alone() -> None:
    large = joint_space(drawn(flat(120.0), flat(129.0), size=448), "L")
    np.testing.assert_allclose(widths(large), 18, atol=0.2)


def test_millimetres_follow_from_the_spacing() -> None:
    gap = joint_space(drawn(flat(120.0), flat(130.0)), "L")[0]
    assert gap.width(Scale((0.4, 0.4))) == pytest.approx(4.0, abs=0.05)
    assert gap.width(Scale((0.8, 0.4))) == pytest.approx(8.0, abs=0.1)


def test_a_right_knee_is_the_mirror_image_of_a_left_one() -> None:
    picture = drawn(flat(118.0, 0.02), flat(128.0, -0.02))
    left, right = joint_space(picture, "L"), joint_space(picture[:, ::-1], "R")
    np.testing.assert_allclose(widths(right), widths(left), atol=1e-4)
    assert left[0].compartment == right[0].compartment == "medial"
    assert left[0].femur[1] < 112 < right[0].femur[1]


def test_places_are_shares_of_the_bones_from_the_medial_border() -> None:
    picture = drawn(flat(120.0), flat(130.0))
    assert bone_borders(picture) == pytest.approx((18, 206), abs=1)
    found = joint_space(picture, "L")
    assert [gap.place for gap in found] == [*MEDIAL, *LATERAL]
    for gap in found:
        assert gap.femur[1] == pytest.approx(18 + gap.place * 188, abs=1)


def test_a_picture_without_a_gap_has_no_width() -> None:
    found = joint_space(np.full((224, 224), 0.5, np.float32), "L")
    assert not any(gap.found for gap in found)
    assert np.isnan(widths(found)).all()


def test_bone_on_bone_takes_no_seam_elsewhere_for_the_joint() -> None:
    def closed(columns: np.ndarray) -> np.ndarray:
        return np.where(columns < 112, 120.0, 130.0)  # no gap on the medial side

    picture = drawn(flat(120.0), closed)
    picture[176:184, :112] -= 0.2  # a seam in the bone, far below
    medial = [gap for gap in joint_space(picture, "L") if gap.compartment == "medial" and gap.found]
    assert all(gap.tibia[0] < 150 for gap in medial)


@pytest.mark.parametrize(("shape", "side", "words"), [((224, 224), "", "side of the knee"), ((40, 224), "L", "64 x 64")])
def test_what_cannot_be_measured_is_a_sentence(shape: tuple[int, int], side: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        joint_space(np.zeros(shape, np.float32), side)


def test_worse_grades_have_narrower_joints(real_data: Path) -> None:
    """On real knees: the medial space of grade 0 against that of grades 3 and 4, and hardly any that is not found."""
    means = {}
    for grades in ("0", "34"):
        files = [path for grade in grades for path in sorted((real_data / "knee-radiographs/val" / grade).iterdir())[:25]]
        found = [joint_space(np.asarray(Image.open(path).convert("L"), np.float32) / 255, path.stem[-1]) for path in files]
        smaller = [min(np.nanmedian(widths(one)[:4]), np.nanmedian(widths(one)[4:])) for one in found]
        means[grades] = float(np.nanmean(smaller))
        assert np.mean([np.isfinite(widths(one)).mean() for one in found]) > 0.9
    assert means["34"] < means["0"] - 1.0

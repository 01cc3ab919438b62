"""The curve, a part of its area, and the binormal curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from napari_medgen.statistics.roc import auc
from napari_medgen.statistics.roc_curve import binormal, partial_auc, roc_points


def test_ties_make_one_oblique_step() -> None:
    x, y = roc_points([1, 2, 2, 3], [False, False, True, True])
    assert x.tolist() == [0, 0, 0.5, 1]
    assert y.tolist() == [0, 0.5, 1, 1]


def test_the_whole_range_is_the_area() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(80) < 30
    scores = np.round(truth + rng.normal(size=80), 1)
    assert partial_auc(scores, truth, 0, 1) == pytest.approx(auc(scores, truth))
    halves = partial_auc(scores, truth, 0, 0.3) * 0.3 + partial_auc(scores, truth, 0.3, 1) * 0.7
    assert halves == pytest.approx(auc(scores, truth))


@pytest.mark.parametrize("limits", [(0.3, 0.2), (-0.1, 0.5), (0.5, 1.5)])
def test_limits_that_are_no_range_are_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="limits"):
        partial_auc([1, 2], [True, False], *limits)


@pytest.mark.parametrize("graded", [False, True])
def test_a_binormal_curve_is_found_again(graded: bool) -> None:
    """Two normal laws: means 1.5 apart in units of the positives' spread, negatives half as wide."""
    rng = np.random.default_rng(1)
    truth = np.arange(4000) < 2000
    scores = np.where(truth, 1.5 + rng.normal(size=4000), rng.normal(size=4000) * 0.5)
    if graded:
        scores = np.digitize(scores, [-0.3, 0.2, 0.7, 1.5])
    found = binormal(scores, truth)
    assert (found.a, found.b) == pytest.approx((1.5, 0.5), abs=0.1)
    wanted = stats.norm.cdf(1.5 / math.sqrt(1.25))
    assert found.area.low < wanted < found.area.high
    assert found.sensitivity([0.1])[0] == pytest.approx(stats.norm.cdf(1.5 + 0.5 * stats.norm.ppf(0.1)), abs=0.03)


@pytest.mark.parametrize(
    ("scores", "truth", "why"),
    [
        ([1, 2, 3, 4], [False, False, True, True], "separate"),
        ([0, 1, 0, 1], [False, False, True, True], "two categories"),
        ([0, 1, 2], [True, True, True], "one kind"),
    ],
)
def test_what_has_no_binormal_curve_says_why(scores: list[int], truth: list[bool], why: str) -> None:
    assert why in binormal(scores, truth).why_not


def test_the_interval_of_a_binormal_area_is_that_of_its_spread() -> None:
    """Sixty studies of 40 and 60 cases: the standard error is about the spread of the areas."""
    rng, truth, found = np.random.default_rng(4), np.arange(100) < 40, []
    for _ in range(60):
        scores = np.digitize(rng.normal(size=100) + 1.2 * truth, [-0.5, 0.3, 1.0, 1.8])
        one = binormal(scores, truth)
        if not one.why_not:
            found.append((one.area.value, one.area.sd))
    areas, errors = np.array(found).T
    assert np.median(errors) == pytest.approx(areas.std(ddof=1), rel=0.35)
    assert errors.max() < 3 * np.median(errors)


def test_few_different_scores_are_no_separation() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(24) < 12
    assert "separate" not in binormal(rng.normal(size=24) + 0.3 * truth, truth).why_not

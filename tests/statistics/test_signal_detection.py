"""Against chance: exact tests, d', and claims of equivalence."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from napari_medgen.statistics.signal_detection import (
    better_than_chance,
    cases_for_equivalence,
    confidence_calibration,
    detection,
    equivalent_share,
    equivalent_value,
)


def test_park_2021_is_far_from_chance_and_even_readers_are_not() -> None:
    """1781 of 3000 right (Park 2021, JMIR Med Inform 9:e23328)."""
    assert better_than_chance(1781, 3000) < 1e-20
    assert better_than_chance(50, 100) == 1
    assert math.isnan(better_than_chance(0, 0))


def test_d_prime_is_the_distance_of_the_rates() -> None:
    found = detection(800, 999, 199, 999)  # rates of 0.8005 and 0.1995
    rate = 800.5 / 1000
    assert found.sensitivity.value == pytest.approx(2 * stats.norm.ppf(rate), abs=1e-9)
    assert found.criterion.value == pytest.approx(0, abs=1e-9)
    assert found.sensitivity.low < found.sensitivity.value < found.sensitivity.high


def test_a_perfect_reader_is_not_infinitely_good() -> None:
    found = detection(20, 20, 0, 20)
    assert math.isfinite(found.sensitivity.value)
    assert detection(10, 20, 10, 20).sensitivity.value == 0
    with pytest.raises(ValueError, match="both kinds"):
        detection(1, 2, 0, 0)


def test_no_difference_found_is_no_equivalence() -> None:
    few = equivalent_share(11, 20, 0.1)
    assert better_than_chance(11, 20) > 0.05
    assert not few
    assert equivalent_share(500, 1000, 0.1)
    with pytest.raises(ValueError, match="margin"):
        equivalent_share(5, 10, 0.6)


def test_as_many_answers_as_the_power_asks_for() -> None:
    count = cases_for_equivalence(0.1)
    law = stats.binom(count, 0.5)
    found = sum(law.pmf(right) for right in range(count + 1) if equivalent_share(right, count, 0.1))
    assert found == pytest.approx(0.8, abs=0.05)


def test_a_figure_with_an_error() -> None:
    assert equivalent_value(0.51, 0.02, math.inf, 0.1, 0.5)
    assert not equivalent_value(0.58, 0.02, math.inf, 0.1, 0.5)
    assert math.isnan(equivalent_value(0.5, 0.0, 5, 0.1, 0.5).p)


def test_confidence_by_level() -> None:
    assert confidence_calibration([1, 1, 3], [True, False, True], 5) == ((1, 1, 2), (3, 1, 1))

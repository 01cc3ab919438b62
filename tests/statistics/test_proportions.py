"""Shares, their intervals, and ratios of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.proportions import proportion, ratio_estimate, wilson


def test_none_and_all_have_intervals_that_end_at_the_border() -> None:
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    assert all(math.isnan(one) for one in wilson(0, 0))


def test_several_cases_of_a_patient_widen_the_interval() -> None:
    hits, patients = np.repeat([True, False, True, True, False, True], 10), np.repeat(np.arange(6), 10)
    alone, together = proportion(hits), proportion(hits, patients)
    assert together.value == alone.value
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert "6 clusters" in together.method
    assert together.error > 0


def test_patients_with_one_case_each_change_nothing() -> None:
    hits = np.array([True, False, True, True])
    one, other = proportion(hits), proportion(hits, np.arange(4))
    assert (one.low, one.high) == (other.low, other.high)


def test_one_patient_has_no_interval_and_says_so() -> None:
    found = proportion([True, False], ["a", "a"])
    assert math.isnan(found.low)
    assert "one patient" in found.method


def test_all_right_in_every_patient_still_has_an_interval() -> None:
    found = proportion(np.ones(20, bool), np.repeat(np.arange(5), 4))
    assert found.high == 1
    assert 0.3 < found.low < wilson(5, 5)[0]  # five patients, whose spread is told badly


def test_a_likelihood_ratio_has_the_interval_of_its_logarithm() -> None:
    """Simel 1991: sensitivity 96/142, false positives 14/66."""
    found = ratio_estimate(proportion(np.arange(142) < 96), proportion(np.arange(66) < 14))
    assert found.value == pytest.approx(96 / 142 / (14 / 66))
    spread = math.sqrt(1 / 96 - 1 / 142 + 1 / 14 - 1 / 66)
    assert found.low == pytest.approx(found.value * math.exp(-1.959964 * spread), rel=1e-6)


@pytest.mark.parametrize(("first", "second", "value"), [(5, 0, math.inf), (0, 5, 0.0)])
def test_a_ratio_with_nothing_in_it_has_no_interval(first: int, second: int, value: float) -> None:
    found = ratio_estimate(proportion(np.arange(10) < first), proportion(np.arange(10) < second))
    assert found.value == value
    assert math.isnan(found.low)


def test_two_patients_are_worth_less_than_their_cases() -> None:
    hits = np.r_[np.arange(100) < 50, np.arange(100) < 51]
    found = proportion(hits, np.repeat([0, 1], 100))
    low, high = wilson(101, 200)
    assert found.low <= low
    assert found.high >= high

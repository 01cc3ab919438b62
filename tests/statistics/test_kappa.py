"""Agreement in categories: limits, and what says nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.kappa import cohen, conger, cross_table, fleiss, fleiss_by_category


def test_perfect_agreement_is_one_and_chance_is_nothing() -> None:
    assert cohen([[10, 0], [0, 10]]).value == 1
    assert cohen([[5, 5], [5, 5]]).value == pytest.approx(0)
    assert fleiss([[4, 0], [0, 4], [4, 0]]).value == pytest.approx(1)


def test_weights_forgive_near_misses() -> None:
    table = [[5, 5, 0], [5, 5, 5], [0, 5, 5]]
    assert cohen(table).value < cohen(table, "linear").value < cohen(table, "quadratic").value


def test_one_category_or_no_case_says_nothing() -> None:
    for found in (cohen([[10, 0], [0, 0]]), fleiss([[3, 0], [3, 0]]), cohen(np.zeros((2, 2)))):
        assert math.isnan(found.value)
        assert found.why_not
    assert math.isnan(conger([[0, 0], [0, 0]], 2))


def test_every_case_has_as_many_raters() -> None:
    with pytest.raises(ValueError, match="same number of raters"):
        fleiss([[2, 1], [2, 0]])
    with pytest.raises(ValueError, match="same number of raters"):
        fleiss_by_category([[1, 0], [0, 1]])


def test_a_cross_table_counts() -> None:
    assert cross_table([0, 0, 1], [0, 1, 1], 2).tolist() == [[1, 1], [0, 1]]

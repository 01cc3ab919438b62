"""Intraclass correlation: limits, and what says nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.intraclass import KINDS, intraclass


def test_raters_who_agree_have_one_and_a_shift_counts_where_it_should() -> None:
    cases = np.array([1.0, 3, 2, 5, 4])
    same = intraclass(np.column_stack([cases, cases + 1e-9]))
    assert all(same[kind].value == pytest.approx(1) for kind in KINDS)
    shifted = intraclass(np.column_stack([cases, cases + 2 + 1e-6 * np.arange(5)]))
    assert shifted["ICC(3,1)"].value == pytest.approx(1, abs=1e-6)  # consistency
    assert shifted["ICC(2,1)"].value < 0.7  # absolute agreement


def test_what_says_nothing_says_why() -> None:
    for table, why in (
        (np.ones((4, 3)), "all ratings are equal"),
        ([[1.0, 2.0]], "one case"),
        ([[1.0], [2.0]], "one rater"),
    ):
        found = intraclass(table)["ICC(2,1)"]
        assert math.isnan(found.value)
        assert why in found.why_not
    with pytest.raises(ValueError, match="none may be missing"):
        intraclass([[1, np.nan], [2, 3]])


@pytest.mark.parametrize("table", [[[1, 2], [2, 1]], [[1, 3], [2, 2], [3, 1]]])
def test_cases_that_differ_less_than_error_have_no_coefficient(table: list[list[float]]) -> None:
    for one in intraclass(table).values():
        assert math.isnan(one.value) or -1 <= one.value <= 1
        assert math.isnan(one.low) or -1 <= one.low <= one.value <= one.high <= 1
    assert intraclass(table)["ICC(2,k)"].why_not

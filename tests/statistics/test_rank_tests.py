"""Ratings of several treatments: what is tested, what is not, and a trap of rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest

import golden_statistics as golden
from napari_medgen.statistics.rank_tests import compare_pairs, friedman, wilcoxon


def test_equal_differences_of_means_are_ties_where_r_ranks_their_rounding() -> None:
    """R's printed p of case means (golden) is that of noise: means of six readers differ by rounding "
    "where sums are equal."""
    means, sums = golden.maps().mean(0), golden.maps().sum(0)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert wilcoxon(means[:, i], means[:, j])[1] == pytest.approx(wilcoxon(sums[:, i], sums[:, j])[1], rel=1e-12)
    theirs = golden.stats()["sim_ratings"]["case_means"]["p_cc"]
    ours = [wilcoxon(sums[:, i], sums[:, j])[1] for i, j in ((0, 1), (0, 2), (1, 2))]
    assert ours != pytest.approx(theirs, rel=1e-3)
    assert ours == pytest.approx(theirs, rel=0.08)


def test_few_pairs_without_ties_are_tested_exactly() -> None:
    statistic, p, method = wilcoxon([1, 2, 3, 4, 5, 6], [0, 0.5, 1, 1.5, 2, 2.5])
    assert (statistic, method) == (21, "exact")
    assert p == pytest.approx(2 / 2**6)


def test_nothing_that_differs_is_not_tested() -> None:
    assert math.isnan(wilcoxon([1, 2], [1, 2])[1])
    assert "alike" in friedman(np.ones((5, 3))).why_not
    assert "fewer than two" in friedman(np.ones((1, 3))).why_not


def test_effects_have_a_sign_and_an_interval() -> None:
    table = np.array([[3.0, 1, 2], [4, 2, 2], [5, 1, 2], [5, 3, 4], [4, 1, 3], [2, 1, 1], [5, 4, 3]])
    first, second, third = compare_pairs(table)
    assert (first.first, first.second) == (0, 1)
    assert first.effect.value == 1
    assert first.difference.low > 0
    assert third.effect.low < 0 < third.effect.high
    assert second.corrected >= second.p

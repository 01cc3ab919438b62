"""The linear mixed model against least squares where they are the same, and against what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.linear_mixed import fit_linear


def test_a_balanced_one_way_table_gives_the_estimates_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 6)
    values = 3 + rng.normal(0, 2, 12)[group] + rng.normal(0, 1, 72)
    found = fit_linear(values, np.ones((72, 1)), [group])
    table = values.reshape(12, 6)
    within = table.var(axis=1, ddof=1).mean()
    between = (6 * table.mean(1).var(ddof=1) - within) / 6
    assert found.residual**2 == pytest.approx(within, rel=1e-5)
    assert found.spreads[0] ** 2 == pytest.approx(between, rel=1e-4)
    assert found.effects[0] == pytest.approx(values.mean(), rel=1e-8)


def test_a_paired_difference_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    case, arm = np.tile(np.arange(20), 2), np.repeat([0.0, 1.0], 20)
    values = rng.normal(0, 1, 20)[case] + 0.4 * arm + rng.normal(0, 0.5, 40)
    found = fit_linear(values, np.c_[np.ones(40), arm], [case])
    gap = values[20:] - values[:20]
    assert found.effects[1] == pytest.approx(gap.mean(), rel=1e-6)
    assert found.errors[1] == pytest.approx(gap.std(ddof=1) / math.sqrt(20), rel=1e-4)


def test_crossed_readers_and_cases_come_out() -> None:
    rng = np.random.default_rng(2)
    arm, reader, case = (one.ravel() for one in np.meshgrid(range(2), range(10), range(80), indexing="ij"))
    values = 2 + 0.25 * arm + rng.normal(0, 0.3, 10)[reader] + rng.normal(0, 0.5, 80)[case] + rng.normal(0, 0.4, len(arm))
    found = fit_linear(values, np.c_[np.ones(len(arm)), arm], [reader, case])
    assert abs(found.effects[1] - 0.25) < 3 * found.errors[1]
    assert found.spreads[1] == pytest.approx(0.5, abs=0.12)
    assert found.interval(1)[1] < 0.25 < found.interval(1)[2]


def test_effects_that_cannot_be_told_apart_say_so() -> None:
    found = fit_linear([1.0, 2.0, 3.0], np.ones((3, 2)), [[0, 1, 2]])
    assert "told apart" in found.why_not

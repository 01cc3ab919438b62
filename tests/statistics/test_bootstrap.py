"""Intervals: values, coverage, and whole patients."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.bootstrap import group_indices, mean_estimate, paired_difference, redraw_counts


def test_a_redraw_has_as_many_cases_as_there_are() -> None:
    (counts,) = redraw_counts(7, 50)
    assert counts.shape == (50, 7)
    assert (counts.sum(1) == 7).all()


def test_many_units_are_redrawn_as_few_are() -> None:
    counts = np.concatenate(list(redraw_counts(5000, 40)))
    assert counts.shape == (40, 5000)
    assert (counts.sum(1) == 5000).all()
    shares = [float((counts == times).mean()) for times in range(4)]
    np.testing.assert_allclose(shares, np.exp(-1) / np.array([1, 1, 2, 6]), atol=0.01)  # nearly Poisson's
    assert abs(np.corrcoef(counts[0], counts[1])[0, 1]) < 0.06


def test_groups_are_redrawn_whole() -> None:
    groups = group_indices(["a", "a", "b", "c", "c"])
    (counts,) = redraw_counts(5, 40, groups=groups)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 3] == counts[:, 4]).all()


def test_the_interval_of_a_mean_is_the_textbook_one(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, 400)
    found = mean_estimate(values)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.02)
    assert found.sd == pytest.approx(values.std() / 20, rel=0.05)


def test_the_same_seed_gives_the_same_interval(rng: np.random.Generator) -> None:
    values = rng.normal(size=30)
    assert mean_estimate(values, seed=3) == mean_estimate(values, seed=3)
    assert mean_estimate(values, seed=3) != mean_estimate(values, seed=4)


def test_missing_values_are_left_out_and_nothing_at_all_is_nan() -> None:
    assert mean_estimate([1, np.nan, 3]).value == 2
    assert np.isnan(mean_estimate([np.nan]).value)


def test_a_paired_difference_is_narrower_than_two_means_are_apart(rng: np.random.Generator) -> None:
    shared = rng.normal(0, 5, 100)
    found = paired_difference(shared + 1 + rng.normal(0, 0.1, 100), shared)
    assert found.low > 0.9
    assert found.high < 1.1


def test_intervals_of_means_redraw_patients(rng: np.random.Generator) -> None:
    patients = np.repeat(np.arange(60), 3)
    values = rng.normal(0, 1, 60)[patients] + rng.normal(0, 0.05, 180)
    alone, whole = mean_estimate(values, redraws=2000), mean_estimate(values, redraws=2000, groups=patients)
    assert whole.value == alone.value
    assert whole.sd / alone.sd == pytest.approx(3**0.5, rel=0.1)
    gaps = values.copy()
    gaps[:6] = np.nan  # two patients of whom nothing is known
    assert mean_estimate(gaps, redraws=200, groups=patients).value == pytest.approx(np.nanmean(values[6:]))
    pair = paired_difference(values, np.zeros(180), redraws=2000, groups=patients)
    assert pair.sd == pytest.approx(whole.sd)


def test_numbers_of_groups_may_have_gaps(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, 40)
    near, far = np.arange(40) // 2, np.arange(40) // 2 * 50 + 7
    assert mean_estimate(values, redraws=500, groups=near) == mean_estimate(values, redraws=500, groups=far)

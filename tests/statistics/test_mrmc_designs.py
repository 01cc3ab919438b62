"""Studies that are not fully crossed: which design a table shows, and what each analysis makes of it."""

from __future__ import annotations

import numpy as np
import pytest

import golden_statistics as golden
from napari_medgen.statistics.mrmc import analyse
from napari_medgen.statistics.mrmc_designs import analyse_design, analyse_nested_readers, design_of
from napari_medgen.statistics.reader_covariance import auc_covariance, auc_table


def crossed() -> tuple[np.ndarray, np.ndarray]:
    return golden.ratings("sim_roemetz.csv")


def test_a_table_shows_its_design() -> None:
    scores, _ = crossed()
    scores = scores[:2]
    assert design_of(scores) == "crossed"
    nested = scores.copy()
    nested[0, 2:] = nested[1, :2] = np.nan
    assert design_of(nested) == "readers in treatments"
    of_treatment = scores.copy()
    of_treatment[0, :, ::2] = of_treatment[1, :, 1::2] = np.nan
    assert design_of(of_treatment) == "cases in treatments"
    plot = scores.copy()
    plot[:, :2, ::2] = plot[:, 2:, 1::2] = np.nan
    assert design_of(plot) == "split plot"
    of_reader = np.full((2, 4, 4 * 70), np.nan)
    for r in range(4):
        of_reader[:, r, 70 * r : 70 * (r + 1)] = scores[:, r]
    assert design_of(of_reader) == "cases in readers"
    hole = scores.copy()
    hole[0, 0, 0] = np.nan
    assert design_of(hole) == "partly crossed"


def test_a_crossed_study_is_what_it_is_by_the_jackknife() -> None:
    scores, truth = crossed()
    found = analyse_design(scores, truth)[1].test
    known = analyse(auc_table(scores, truth), auc_covariance(scores, truth, "jackknife")).random_readers_and_cases().test
    assert found is not None
    assert known is not None
    assert (found.statistic, found.df2) == pytest.approx((known.statistic, known.df2), rel=1e-9)


def test_a_split_plot_of_one_group_is_a_crossed_study() -> None:
    """Groups that have the same readers and cases: the denominator is that of the crossed study, halved in its spread."""
    scores, truth = crossed()
    two = np.full((3, 8, 140), np.nan)
    two[:, :4, :70], two[:, 4:, 70:] = scores, scores
    found, known = analyse_design(two, np.tile(truth, 2))[1], analyse_design(scores, truth)[1]
    assert design_of(two) == "split plot"
    one, other = found.differences[0, 1], known.differences[0, 1]
    assert one.value == pytest.approx(other.value)
    # Twice as much of the same: half the variance, but for the jackknife's (N - 1) / N.
    assert one.error**2 / other.error**2 == pytest.approx(0.5, abs=0.01)
    assert one.df > other.df


def test_a_split_plot_wants_groups_of_one_size_and_two_readers_each() -> None:
    scores, truth = crossed()
    scores = scores.copy()
    scores[:, :1, ::2] = scores[:, 1:, 1::2] = np.nan
    with pytest.raises(ValueError, match="unequal numbers of readers"):
        analyse_design(scores, truth)


def test_readers_of_one_treatment_each() -> None:
    scores, truth = crossed()
    nested = scores[:2].copy()
    nested[0, 2:] = nested[1, :2] = np.nan
    with pytest.raises(ValueError, match="nested"):
        analyse_design(nested, truth)
    found = analyse_nested_readers(nested, truth)
    assert found.test is not None
    assert found.differences[0, 1].value == pytest.approx(
        auc_table(scores[:1, :2], truth).mean() - auc_table(scores[1:2, 2:], truth).mean()
    )
    with pytest.raises(ValueError, match="as many readers"):
        analyse_nested_readers(scores, truth)


def test_nested_readers_err_in_one_study_of_twenty() -> None:
    """Roe and Metz' model with readers that are others in each treatment."""
    rng, truth, rejected, runs = np.random.default_rng(3), np.arange(60) < 30, 0, 150
    for _ in range(runs):
        case = rng.normal(0, 0.3**0.5, 60)
        scores = np.full((2, 8, 60), np.nan)
        for reader in range(8):
            own = rng.normal(0, 0.2) * truth + rng.normal(0, 0.4**0.5, 60)
            scores[reader // 4, reader] = 1.3 * truth + case + own + rng.normal(0, 0.3**0.5, 60)
        tested = analyse_nested_readers(scores, truth).test
        rejected += tested is not None and tested.p < 0.05
    assert rejected / runs < 0.05 + 4 * (0.05 * 0.95 / runs) ** 0.5


def test_readers_who_are_alike_within_a_treatment_still_have_a_p() -> None:
    scores, truth = crossed()
    alike = np.full((2, 4, 70), np.nan)
    alike[0, :2], alike[1, 2:] = scores[0, 0], scores[1, 2]
    test = analyse_nested_readers(alike, truth).test
    assert test is not None
    assert 0 <= test.p <= 1

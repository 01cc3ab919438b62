"""Covariances by four methods, also of thousands of cases."""

from __future__ import annotations

import numpy as np
import pytest

import golden_statistics as golden
from napari_medgen.statistics.reader_covariance import (
    area_of,
    auc_covariance,
    auc_table,
    bootstrap_covariance,
    clustered_areas,
    jackknife_covariance,
)
from napari_medgen.statistics.roc_curve import partial_auc


def test_the_bootstrap_comes_near_delong() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    drawn, known = auc_covariance(scores, truth, "bootstrap"), auc_covariance(scores, truth)
    assert np.diag(drawn) == pytest.approx(np.diag(known), rel=0.12)
    assert np.corrcoef(drawn.ravel(), known.ravel())[0, 1] > 0.98


def test_all_redraws_at_once_are_those_of_a_loop() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    fast = bootstrap_covariance(scores[:1, :2], truth, redraws=4000, seed=1)
    slow = bootstrap_covariance(scores[:1, :2], truth, area_of, redraws=1500, seed=2)
    assert fast == pytest.approx(slow, rel=0.15, abs=2e-4)


def test_any_figure_goes_the_same_way() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    whole = jackknife_covariance(scores[:1, :2], truth, lambda s, t: partial_auc(s, t, 0, 1))
    assert whole == pytest.approx(jackknife_covariance(scores[:1, :2], truth), abs=1e-12)


def test_patients_with_one_case_each_are_delong() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    areas, covariance = clustered_areas(scores, truth, np.arange(len(truth)))
    assert areas == pytest.approx(auc_table(scores, truth))
    assert covariance == pytest.approx(auc_covariance(scores, truth), rel=1e-9)
    with pytest.raises(ValueError, match="two patients"):
        clustered_areas(scores, truth, np.zeros(len(truth)))


@pytest.mark.parametrize("method", ["delong", "jackknife", "unbiased"])
def test_thousands_of_cases_need_no_table_of_pairs(method: str) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(4000) < 2000
    scores = truth + rng.normal(size=(2, 3, 4000))
    found = auc_covariance(scores, truth, method)  # type: ignore[arg-type]
    assert np.diag(found) == pytest.approx(np.full(6, 5.4e-5), rel=0.2)

"""DeLong's intervals, against the definition and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.delong import compare_delong, delong
from napari_medgen.statistics.roc import auc, auc_difference, auc_estimate


def cases(rng: np.random.Generator, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = rng.random(count) < 0.3
    first = np.round(truth + rng.normal(0, 1.2, count), 1)  # rounded, so that there are ties
    return first, np.round(0.5 * truth + 0.5 * first + rng.normal(0, 1, count), 1), truth


def test_the_area_is_the_mann_whitney_one(rng: np.random.Generator) -> None:
    first, _, truth = cases(rng)
    assert delong(first, truth).value == pytest.approx(auc(first, truth), abs=1e-12)


def test_the_interval_is_near_the_bootstraps(rng: np.random.Generator) -> None:
    first, second, truth = cases(rng)
    ours, redrawn = delong(first, truth), auc_estimate(first, truth, redraws=3000)
    assert ours.sd == pytest.approx(redrawn.sd, rel=0.1)
    compared, difference = compare_delong(first, second, truth), auc_difference(first, second, truth, redraws=3000)
    assert compared.difference.value == pytest.approx(difference.value, abs=1e-12)
    assert compared.difference.sd == pytest.approx(difference.sd, rel=0.1)
    assert (compared.p < 0.05) == (compared.difference.low > 0 or compared.difference.high < 0)


def test_a_variance_written_out_by_hand() -> None:
    """Two sick and two well: the components of each are counted by hand."""
    found = delong([3.0, 1.0, 2.0, 0.0], [True, True, False, False])
    assert found.value == 0.75
    # Components: sick 1 and 0.5, well 0.5 and 1; their variances are 0.125, over two each.
    assert found.sd**2 == pytest.approx(0.125 / 2 + 0.125 / 2)


def test_equal_scores_do_not_differ(rng: np.random.Generator) -> None:
    first, _, truth = cases(rng)
    compared = compare_delong(first, first, truth)
    assert compared.difference.value == 0
    assert compared.p == 1.0


def test_too_few_cases_give_no_interval() -> None:
    assert np.isnan(delong([1.0, 2.0, 3.0], [True, False, False]).value)


def test_patients_with_one_case_each_are_delongs(rng: np.random.Generator) -> None:
    first, second, truth = cases(rng)
    own = np.arange(len(truth))
    assert delong(first, truth, own).sd == pytest.approx(delong(first, truth).sd, abs=1e-12)
    assert compare_delong(first, second, truth, own).p == pytest.approx(compare_delong(first, second, truth).p, abs=1e-12)


def test_the_interval_of_clustered_cases_is_near_the_bootstraps_of_patients(rng: np.random.Generator) -> None:
    patients = np.repeat(np.arange(150), 2)
    shared = rng.normal(0, 1, 150)[patients]
    truth = rng.random(300) < 0.4
    scores = truth + shared + rng.normal(0, 0.5, 300)
    found = delong(scores, truth, patients)
    drawn = auc_estimate(scores, truth, redraws=4000, groups=patients)
    assert found.value == pytest.approx(drawn.value, abs=1e-12)
    assert found.sd == pytest.approx(drawn.sd, rel=0.12)
    pair = compare_delong(scores, scores + rng.normal(0, 0.5, 300), truth, patients)
    assert pair.difference.sd > 0


def test_a_side_of_one_patient_has_no_interval() -> None:
    found = delong([1, 2, 3, 4], [True, True, False, False], np.array([0, 0, 1, 2]))
    assert found.value == 0
    assert np.isnan(found.sd)

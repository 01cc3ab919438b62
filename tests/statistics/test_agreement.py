"""Weighted kappa against worked values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from napari_medgen.statistics.agreement import kappa_estimate, quadratic_kappa
from napari_medgen.statistics.calibration import calibration


def test_it_equals_scikit_learns(rng: np.random.Generator) -> None:
    first = rng.integers(0, 5, 200)
    second = np.clip(first + rng.integers(-1, 2, 200), 0, 4)
    assert quadratic_kappa(first, second, 5) == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))


def test_perfect_agreement_is_one_and_its_interval_has_no_width() -> None:
    found = kappa_estimate([0, 1, 2, 3, 4] * 4, [0, 1, 2, 3, 4] * 4, 5, redraws=200)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_probabilities_that_come_true_are_calibrated() -> None:
    stated = np.repeat([0.25, 0.75], 400)
    truth = np.r_[np.arange(400) < 100, np.arange(400) < 300]
    found = calibration(stated, truth)
    assert found.error == pytest.approx(0)
    assert found.brier == pytest.approx(0.1875)
    assert calibration([0.9] * 10, [False] * 10).error == pytest.approx(0.9)

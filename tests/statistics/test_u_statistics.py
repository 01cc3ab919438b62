"""One-shot variances: a trap of iMRMC, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import golden_statistics as golden
from napari_medgen.statistics.u_statistics import one_shot


@pytest.mark.skipif(golden.where("franken.csv") is None, reason="the data of R packages are not here (GPL)")
def test_a_negative_variance_is_not_estimable() -> None:
    """Franken: iMRMC prints a p of NaN (its issues 26, 127, 190)."""
    scores, truth = golden.ratings("franken.csv")
    found = one_shot(scores[0], truth, "unbiased", scores[1])
    assert found.variance == pytest.approx(-3.1614e-5, abs=1e-9)
    assert math.isnan(found.p)
    assert "negative" in found.why_not
    assert one_shot(scores[0], truth, "mle", scores[1]).variance == pytest.approx(6.15387e-4, abs=1e-9)


def test_the_biased_variance_is_never_negative() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(20) < 8
    for _ in range(50):
        scores = rng.integers(0, 4, (2, 3, 20)).astype(float)
        assert one_shot(scores[0], truth, "mle", scores[1]).variance >= 0


def test_one_treatment_is_tested_against_one_half() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(80) < 40
    assert one_shot(truth + rng.normal(size=(4, 80)), truth).p < 0.01
    found = one_shot(rng.normal(size=(4, 80)), truth)
    apart = abs(found.value - 0.5) / math.sqrt(found.variance)
    assert found.p == pytest.approx(2 * stats.t.sf(apart, int(found.df)))


def test_what_is_no_study_is_refused() -> None:
    with pytest.raises(ValueError, match="two readers"):
        one_shot(np.ones((1, 6)), np.arange(6) < 3)
    with pytest.raises(ValueError, match="none missing"):
        one_shot(np.full((2, 6), np.nan), np.arange(6) < 3)

"""Dorfman-Berbaum-Metz is Obuchowski-Rockette with jackknife covariances, in other words."""

from __future__ import annotations

import numpy as np
import pytest

import golden_statistics as golden
from napari_medgen.statistics.dbm import analyse_pseudovalues
from napari_medgen.statistics.mrmc import analyse
from napari_medgen.statistics.reader_covariance import area_of, auc_covariance, auc_table


def test_both_find_the_same() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    pseudo = analyse_pseudovalues(scores, truth)
    known = analyse(auc_table(scores, truth), auc_covariance(scores, truth, "jackknife")).random_readers_and_cases().test
    assert known is not None
    assert (pseudo.statistic, pseudo.df2, pseudo.p) == pytest.approx((known.statistic, known.df2, known.p), rel=1e-9)
    assert analyse_pseudovalues(scores[:2, :2], truth, area_of).p == pytest.approx(
        analyse_pseudovalues(scores[:2, :2], truth).p
    )


def test_one_reader_is_refused_and_nothing_that_varies_has_no_test() -> None:
    scores, truth = golden.ratings("sim_roemetz.csv")
    with pytest.raises(ValueError, match="two treatments and two readers"):
        analyse_pseudovalues(scores[:, :1], truth)
    perfect = np.where(truth, 1.0, 0.0) * np.ones((2, 3, 1))
    assert np.isnan(analyse_pseudovalues(perfect, truth).p)

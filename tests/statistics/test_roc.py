"""The area under the ROC curve against its definition, scikit-learn's figure, and the theory of its spread."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medgen.statistics.roc import WeightedAUC, auc, auc_difference, auc_estimate


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=25))
def test_it_is_the_share_of_pairs_in_the_right_order(cases: list[tuple[int, bool]]) -> None:
    positives = [score for score, positive in cases if positive]
    negatives = [score for score, positive in cases if not positive]
    found = auc([score for score, _ in cases], [positive for _, positive in cases])
    if not positives or not negatives:
        assert np.isnan(found)
        return
    pairs = [(p > n) + 0.5 * (p == n) for p, n in itertools.product(positives, negatives)]
    assert found == pytest.approx(np.mean(pairs))


def test_a_weight_of_two_is_a_case_that_is_there_twice(rng: np.random.Generator) -> None:
    scores, truth = rng.integers(0, 4, 12).astype(float), np.array([0, 1] * 6, bool)
    weights = rng.integers(0, 3, 12).astype(float)
    repeated = np.repeat(np.arange(12), weights.astype(int))
    assert WeightedAUC(scores, truth)(weights[None])[0] == pytest.approx(auc(scores[repeated], truth[repeated]))


def test_scores_without_ties_give_what_the_general_way_gives(rng: np.random.Generator) -> None:
    scores, truth = rng.normal(size=80), rng.random(80) < 0.4
    weights = rng.integers(0, 4, (30, 80)).astype(float)
    weights[0, truth] = 0  # one side is empty
    apart = WeightedAUC(scores, truth)
    once = WeightedAUC(np.r_[scores, scores[0]], np.r_[truth, truth[0]])  # a tie, of a case that never counts
    np.testing.assert_allclose(apart(weights), once(np.c_[weights, np.zeros(30)]), equal_nan=True)
    assert np.isnan(apart(weights)[0])


def test_the_bootstrap_agrees_with_hanley_and_mcneil(rng: np.random.Generator) -> None:
    truth = np.arange(400) < 150
    scores = rng.normal(size=400) + truth
    found = auc_estimate(scores, truth)
    a = found.value
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + 149 * (q1 - a * a) + 249 * (q2 - a * a)) / (150 * 250)
    assert found.sd == pytest.approx(np.sqrt(variance), rel=0.12)
    assert found.low < a < found.high


def test_the_difference_of_a_classifier_with_itself_is_nothing(rng: np.random.Generator) -> None:
    scores, truth = rng.normal(size=50), np.arange(50) % 2 == 0
    found = auc_difference(scores, scores, truth)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        auc([1, 2, 3], [True, False])

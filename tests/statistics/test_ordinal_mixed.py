"""The ordinal mixed model where numbers of R do not help: recovery, separation, size."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.ordinal_mixed import fit_ordinal


def simulated(
    readers: int, cases: int, effect: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    model, reader, case = (one.ravel() for one in np.meshgrid(range(2), range(readers), range(cases), indexing="ij"))
    latent = (
        effect * model
        + rng.normal(0, 0.5, readers)[reader]
        + rng.normal(0, 1.0, cases)[case]
        + rng.logistic(size=len(model))
    )
    return np.digitize(latent, [-1.5, 0.0, 1.5]), model[:, None].astype(float), reader, case


def test_what_was_put_in_comes_out() -> None:
    answers, fixed, reader, case = simulated(8, 200, 1.0)
    found = fit_ordinal(answers, fixed, [case, reader])
    assert abs(found.effects[0] - 1.0) < 3 * found.errors[0]
    assert found.spreads[0] == pytest.approx(1.0, abs=0.2)
    low, high = found.odds_ratio(0)[1:]
    assert low < np.e < high
    assert not found.why_not


def test_the_order_of_groups_changes_nothing() -> None:
    answers, fixed, reader, case = simulated(5, 30, 0.7)
    one, other = fit_ordinal(answers, fixed, [case, reader]), fit_ordinal(answers, fixed, [reader, case])
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-5)
    assert one.effects == pytest.approx(other.effects, abs=1e-3)


def test_answers_that_separate_say_so() -> None:
    model = np.repeat([0.0, 1.0], 30)[:, None]
    answers = np.where(model[:, 0] == 1, 3, np.tile([0, 1, 2], 20))
    found = fit_ordinal(answers, model, [np.tile(np.arange(30), 2)])
    assert "separate" in found.why_not


def test_equal_answers_and_quadrature_of_two_are_refused() -> None:
    with pytest.raises(ValueError, match="all answers are equal"):
        fit_ordinal([1, 1, 1], np.zeros((3, 0)), [])
    with pytest.raises(ValueError, match="one random effect"):
        fit_ordinal([1, 2, 1], np.zeros((3, 0)), [[1, 2, 3], [1, 1, 2]], points=5)

"""The risk: six transitions, weighted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.progression.risk import Band, progression_risk, transitions


def test_the_six_transitions_are_those_of_the_paper() -> None:
    assert set(transitions()) == {(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)}


def test_certain_grades_give_certain_risks() -> None:
    certain = np.eye(5)
    table = np.array([[progression_risk(certain[a], certain[b]) for b in range(5)] for a in range(5)])
    assert np.array_equal(table, np.triu(np.ones((5, 5)), 2))


def test_the_risk_is_the_sum_of_products() -> None:
    base, future = np.array([0.5, 0.3, 0.2, 0, 0]), np.array([0.1, 0.2, 0.3, 0.2, 0.2])
    expected = 0.5 * (0.3 + 0.2 + 0.2) + 0.3 * (0.2 + 0.2) + 0.2 * 0.2
    assert progression_risk(base, future) == pytest.approx(expected)
    assert progression_risk(base, np.stack([future, base])).shape == (2,)


def test_a_band_holds_eight_of_ten_neighbours() -> None:
    each = np.arange(11.0)[:, None] * np.ones((1, 3))
    band = Band.of(np.full(3, 5.0), each)
    assert band.low.tolist() == [1.0] * 3
    assert band.high.tolist() == [9.0] * 3

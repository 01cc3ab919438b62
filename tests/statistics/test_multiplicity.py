"""Holm's procedure."""

from __future__ import annotations

import math

import pytest

from napari_medgen.statistics.multiplicity import holm


def test_step_down_and_never_falling() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_what_was_not_tested_counts_as_none() -> None:
    found = holm([0.01, math.nan, 0.04])
    assert found[0] == pytest.approx(0.02)
    assert math.isnan(found[1])
    assert len(holm([])) == 0

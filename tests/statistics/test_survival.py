"""Kaplan-Meier: what a limit cuts off is no time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.survival import kaplan_meier


def test_without_a_limit_it_is_the_share_that_is_left() -> None:
    found = kaplan_meier([1, 2, 3, 4], np.zeros(4, bool))
    assert found.share.tolist() == pytest.approx([0.75, 0.5, 0.25, 0])
    assert found.median[0] == 2


def test_a_limit_keeps_the_share_and_hides_the_median() -> None:
    found = kaplan_meier([1, 2, 5, 5, 5], [False, False, True, True, True])
    assert found.cut == (3, 5)
    assert math.isinf(found.median[0])
    assert math.isinf(kaplan_meier([5, 5], [True, True]).median[0])
    with pytest.raises(ValueError, match="no times"):
        kaplan_meier([], [])

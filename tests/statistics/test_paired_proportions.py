"""The test that fits pairs, and when there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen.statistics.paired_proportions import compare_shares, mcnemar, obuchowski, share_difference


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return first, second


@pytest.mark.parametrize(
    ("counts", "method"),
    [((20, 2, 2, 20), "none"), ((20, 4, 10, 20), "exact McNemar"), ((20, 10, 30, 20), "McNemar")],
)
def test_the_test_follows_from_how_many_pairs_differ(counts: tuple[int, int, int, int], method: str) -> None:
    found = compare_shares(*pairs(*counts))
    assert found.method == method
    assert math.isnan(found.p) == (method == "none")
    assert bool(found.why_not) == (method == "none")


def test_cases_of_one_patient_are_compared_by_patient() -> None:
    first, second = pairs(10, 5, 15, 10)
    found = compare_shares(first, second, np.arange(40) // 2)
    assert found.method == "Obuchowski, 20 clusters"
    assert found.p == obuchowski(first, second, np.arange(40) // 2).p


def test_newcombes_interval_of_pairs() -> None:
    """Newcombe 1998, table II, method 10: 36, 12, 2, 0 of 50: 0.2000 (0.0569 to 0.3404)."""
    second, first = pairs(36, 12, 2, 0)
    found = share_difference(first, second)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=6e-5)


def test_nothing_that_differs_has_no_p() -> None:
    assert math.isnan(mcnemar(0, 0).p)
    assert "one patient" in obuchowski([True, False], [False, True], ["a", "a"]).why_not
    assert "no patient" in obuchowski([True, True], [True, True], ["a", "b"]).why_not

"""Alpha: missing answers, complete data, nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

import golden_statistics as golden
from napari_medgen.statistics.krippendorff import alpha


def test_irr_is_wrong_for_complete_data_and_ours_is_not() -> None:
    """irr 0.84.1 divides by another number where nothing is missing; one extra case without answers makes it right."""
    known, given = golden.stats()["sim_ratings"]["agreement"]["A"], golden.maps()[:, :, 0]
    found = alpha(given, "ordinal", redraws=0).value
    assert found == pytest.approx(known["alpha"]["ordinal"], abs=1e-9)
    assert abs(found - known["irr_0.84.1_as_shipped_WRONG"]["alpha_ordinal"]) > 0.004
    padded = np.column_stack([given, np.full(6, np.nan)])
    assert alpha(padded, "ordinal", redraws=0).value == pytest.approx(found)


def test_the_ordinal_metric_is_krippendorffs() -> None:
    data = np.array(golden.stats()["krippendorff_4obs"]["data_4x12"], float)
    assert alpha(data, "ordinal", redraws=0).value != pytest.approx(0.83364, abs=1e-3)  # Gwet's weights


def test_an_interval_holds_the_value() -> None:
    found = alpha(golden.maps()[:, :, 2], "interval")
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("ratings", "why"),
    [([[np.nan]], "nobody"), ([[1, np.nan], [np.nan, 2]], "rated by two"), ([[1, 1], [1, 1]], "one category")],
)
def test_what_says_nothing_says_why(ratings: list[list[float]], why: str) -> None:
    found = alpha(ratings, "nominal")
    assert math.isnan(found.value)
    assert why in found.why_not


def test_many_different_answers_make_no_table_of_pairs() -> None:
    """Fourteen hundred different numbers: a table of all pairs for each redraw would be gigabytes."""
    rng = np.random.default_rng(0)
    given = rng.normal(size=200) + rng.normal(0, 0.5, (7, 200))
    found = alpha(given, "interval")
    assert found.low < found.value < found.high
    assert "different answers" in alpha(given, "ordinal").why_not


def test_sums_and_pairs_give_the_same() -> None:
    given = golden.maps()[:, :, 0]
    for scale in ("nominal", "interval"):
        found = alpha(given, scale, redraws=0).value  # type: ignore[arg-type]
        assert found == pytest.approx(golden.stats()["sim_ratings"]["agreement"]["A"]["alpha"][scale], abs=1e-9)

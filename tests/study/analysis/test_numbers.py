"""Measurements under two conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_medgen.statistics.bootstrap import Estimate
from readings_support import analysed, cell, maps, read, section, table


def measured(readers: int, gain: float) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    cases = rng.normal(20, 5, 30)
    return [
        {
            "reader": f"R{r}",
            "case": f"c{c}",
            "condition": m,
            "answer": f"{cases[c] + gain * (m == 'b') + rng.normal(0, 0.5):.3f}",
        }
        for r in range(readers)
        for c in range(30)
        for m in "ab"
    ]


def test_conditions_are_compared_as_differences(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", measured(5, 2.0)), "numbers")
    gap = cell(table(found, "Conditions compared"), "Mean difference (95 % CI)", Condition="b less a")
    assert isinstance(gap, Estimate)
    assert gap.value == pytest.approx(2.0, abs=0.2)
    assert gap.low > 1.5
    assert len(table(found, "What was given").rows) == 10


def test_one_reader_describes_and_does_not_compare(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", measured(1, 2.0)), "numbers")
    assert [one.title for one in found.tables] == ["What was given"]
    assert "There is one reader" in found.problems[0]


def test_ratings_are_no_numbers() -> None:
    assert analysed(maps()).section("numbers", "answer") is None

"""Reading times: medians, ratios, what an aid adds, limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_medgen.statistics.bootstrap import Estimate
from readings_support import analysed, cell, read, section, table, yes_no


def timed(tmp_path: Path, conditions: tuple[str, ...], factor: float = 1.5) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    return [
        row
        | {
            "seconds": round(
                float(np.exp(2 + rng.normal(0, 0.3))) * (factor if row["condition"] == conditions[-1] else 1), 3
            )
        }
        for row in yes_no(5, 40, conditions)
    ]


def test_conditions_are_compared_as_ratios(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", timed(tmp_path, ("a", "b"))), "times", "")
    ratio = cell(table(found, "Times of conditions"), "Ratio of times (95 % CI)", Condition="b against a")
    assert isinstance(ratio, Estimate)
    assert ratio.low < 1.5 < ratio.high
    assert ratio.value == pytest.approx(1.5, rel=0.15)


def test_an_aid_that_comes_after_the_first_answer_adds_seconds(tmp_path: Path) -> None:
    readings = read(tmp_path / "t.csv", timed(tmp_path, ("alone", "aided"), 2.0))
    assert table(section(readings, "times", ""), "Times of conditions").rows  # names alone say nothing of a design
    found = section(dataclasses.replace(readings, aided={"aided": "alone"}), "times", "")
    assert table(found, "Seconds that the aid added").rows
    assert not any(one.title.startswith("Times of conditions") for one in found.tables)


def test_times_that_a_limit_cut_off_are_no_times(tmp_path: Path) -> None:
    readings = read(tmp_path / "t.csv", timed(tmp_path, ("",), 1.0))
    limit = 10.0
    cut = tuple(
        dataclasses.replace(one, seconds=min(one.seconds, limit), cut=one.seconds > limit) for one in readings.readings
    )
    found = section(dataclasses.replace(readings, readings=cut), "times", "")
    median = cell(table(found, "Times with the limit"), "Median seconds (95 % CI)")
    assert isinstance(median, Estimate)
    assert median.value == pytest.approx(np.median([one.seconds for one in readings.readings]), rel=0.05)


def test_no_times_no_section(tmp_path: Path) -> None:
    assert analysed(read(tmp_path / "t.csv", yes_no())).section("times") is None


def test_readers_who_differ_in_the_effect_leave_as_many_degrees_of_freedom_as_there_are_readers(tmp_path: Path) -> None:
    found = section(read(tmp_path / "t.csv", timed(tmp_path, ("a", "b"))), "times", "")
    assert "(REML), 4 degrees of freedom" in table(found, "Times of conditions").note

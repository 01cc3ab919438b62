"""How numbers are said."""

from __future__ import annotations

import math

import pytest

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.proportions import proportion
from napari_medgen.study.analysis.parts import Cell, P, Table, plain, said


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (P(0.0004), "< 0.001"),
        (P(0.05), "0.050"),
        (P(math.nan), "\N{EN DASH}"),
        (proportion([True, True, False, True]), "75.0% (30.1% to 95.4%), 3/4"),
        (proportion([]), "\N{EN DASH}"),
        (Estimate(0.5, 0.25, 0.75), "0.500 (0.250 to 0.750)"),
        (Estimate(1.0, math.nan, math.nan), "1.000"),
        (Estimate(math.nan, math.nan, math.nan), "\N{EN DASH}"),
        (-0.0001, "0.000"),
        (123.456, "123.5"),
        (math.inf, "\N{INFINITY}"),
        (7, "7"),
        ("words", "words"),
    ],
)
def test_cells_in_words(cell: Cell, text: str) -> None:
    assert said(cell) == text


def test_json_has_no_nan() -> None:
    assert plain(Estimate(1.0, math.nan, math.nan))["low"] is None
    assert plain(P(math.nan)) == {"p": None}
    assert plain(proportion([True]))["count"] == 1


def test_columns_that_are_empty_are_not_shown() -> None:
    columns, rows = Table("t", ("a", "b", "c"), (("x", "", P(math.nan)), ("y", "", 1.0))).shown
    assert columns == ("a", "c")
    assert rows == (("x", "\N{EN DASH}"), ("y", "1.000"))

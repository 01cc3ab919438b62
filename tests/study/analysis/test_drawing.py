"""Figures are drawn from little, much and missing data, and words are no formulas."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Picture
from napari_medgen.study.report.pictures import png, svg

NOTHING = Estimate(math.nan, math.nan, math.nan)
LINE = np.array([0.0, 0.5, 1.0])
DRAWN = {
    "roc of one": partial(drawing.draw_roc, curves=[("R1", "", LINE, LINE)], points=[]),
    "roc of nine": partial(
        drawing.draw_roc,
        curves=[(f"R{n}", f"arm {n % 7}", LINE, LINE) for n in range(9)],
        points=[("R1", "arm 1", 0.5, 0.5)],
    ),
    "points of seven arms": partial(
        drawing.draw_operating_points, points=[("R$x_{1}$", f"arm {n}", n / 10, 0.5) for n in range(7)]
    ),
    "forest with nothing": partial(drawing.draw_forest, rows=[("$a^{b$", NOTHING)], summary=[("mean", NOTHING)], label="x"),
    "forest of a hundred": partial(
        drawing.draw_forest, rows=[(f"R{n}", Estimate(0.1, 0, 0.2)) for n in range(100)], summary=[], label="x"
    ),
    "stacked, none chosen": partial(drawing.draw_stacked, bars=[("R1", [0, 0])], options=["no", "y" * 90]),
    "stacked of ten": partial(drawing.draw_stacked, bars=[("R1", range(10))], options=[f"option {n}" for n in range(10)]),
    "heat with a hole": partial(
        drawing.draw_heat, values=np.array([[0, np.nan], [1, 1]]), readers=["a", "b"], cases=["1", "2"], words=["no", "yes"]
    ),
    "heat of a thousand": partial(
        drawing.draw_heat, values=np.zeros((2, 1000)), readers=["a", "b"], cases=["c"] * 1000, words=["no", "yes"]
    ),
    "times, one missing": partial(drawing.draw_times, groups=[("R1", np.array([np.nan])), ("R2", np.array([0.0, 5.0]))]),
    "calibration of one level": partial(drawing.draw_calibration, groups=[("", [(1, 0, 1)])], levels=5),
    "survival": partial(drawing.draw_survival, curves=[("", LINE, 1 - LINE, 1 - LINE, 1 - LINE)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_whatever_there_is_is_drawn(name: str) -> None:
    picture = Picture(name, "", DRAWN[name])
    assert png(picture, 40).startswith(b"\x89PNG")
    assert svg(picture).startswith("<svg")


def test_the_same_figure_is_the_same_file() -> None:
    picture = Picture("", "", DRAWN["roc of nine"])
    assert svg(picture) == svg(picture)

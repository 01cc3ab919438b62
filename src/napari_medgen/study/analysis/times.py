"""How long readers take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.survival import kaplan_meier
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.condition_model import compare_conditions
from napari_medgen.study.analysis.parts import Cell, Draft, Picture, Section, Table
from napari_medgen.study.analysis.readings import Readings

Floats = NDArray[np.float64]
_SHORTEST = 0.1  # seconds; the logarithm of nothing is none


def times(readings: Readings) -> Section | None:
    """The section, of all questions together; None where no time is recorded."""
    shown: dict[tuple[str, str, str], tuple[float, bool]] = {}
    for one in readings.readings:
        if one.repeat == 0 and math.isfinite(one.seconds):
            mark = (one.reader, one.case, one.condition)
            before = shown.get(mark, (0.0, False))
            shown[mark] = max(before[0], one.seconds), before[1] or one.cut
    if not shown:
        return None
    out = Draft("times", "", "Reading times")
    keys = list(shown)
    seconds = np.array([max(shown[key][0], _SHORTEST) for key in keys])
    cut = np.array([shown[key][1] for key in keys])
    conditions = [one for one in readings.conditions if any(key[2] == one for key in keys)]
    _table(out, readings, keys, seconds, conditions)
    if readings.aided:
        _added(out, readings, shown)
    elif len(conditions) > 1:
        compare_conditions(out, readings, keys, seconds, conditions, ratios=True)
    if cut.any():
        out.problems.append(
            f"The time limit ended {int(cut.sum())} showings: medians and ratios take these times as they "
            "are; Kaplan-Meier does not."
        )
        _limited(out, readings, keys, seconds, cut, conditions)
    return out.done()


def _table(out: Draft, readings: Readings, keys: list[tuple[str, str, str]], seconds: Floats, conditions: list[str]) -> None:
    rows: list[tuple[Cell, ...]] = []
    groups = []
    for condition in conditions:
        for reader in readings.readers:
            own = np.array([s for key, s in zip(keys, seconds, strict=True) if (key[0], key[2]) == (reader, condition)])
            if not len(own):
                continue
            low, middle, high = np.percentile(own, (25, 50, 75))
            label = readings.label(condition)
            rows.append((label, reader, len(own), f"{middle:.1f} ({low:.1f} to {high:.1f})", f"{own.sum() / 60:.0f}"))
            groups.append((f"{label}, {reader}" if label else reader, own))
    out.tables.append(
        Table(
            "Seconds until the last answer to a case, pauses left out",
            ("Condition", "Reader", "Cases", "Median (middle half)", "Minutes in all"),
            tuple(rows),
            "First showings. Aided times have those of the first answer in them." if readings.aided else "First showings.",
        )
    )
    out.pictures.append(
        Picture(
            "Seconds a case",
            "One row a reader: each dot a case, the bar the middle half, the diamond the median; a scale of ratios.",
            partial(drawing.draw_times, groups=groups[:24]),
            (7.0, 1.0 + 0.3 * min(len(groups), 24)),
        )
    )


def _added(out: Draft, readings: Readings, shown: Mapping[tuple[str, str, str], tuple[float, bool]]) -> None:
    rows: list[tuple[Cell, ...]] = []
    for aided, alone in readings.aided.items():
        for reader in readings.readers:
            added = [
                shown[key][0] - shown[reader, key[1], alone][0]
                for key in shown
                if key[0] == reader and key[2] == aided and (reader, key[1], alone) in shown
            ]
            if added:
                low, middle, high = np.percentile(added, (25, 50, 75))
                rows.append((readings.label(aided), reader, len(added), f"{middle:.1f} ({low:.1f} to {high:.1f})"))
    if rows:
        columns = ("Condition", "Reader", "Cases", "Median (middle half)")
        out.tables.append(Table("Seconds that the aid added", columns, tuple(rows)))


def _limited(
    out: Draft,
    readings: Readings,
    keys: list[tuple[str, str, str]],
    seconds: Floats,
    cut: NDArray[np.bool_],
    conditions: list[str],
) -> None:
    rows: list[tuple[Cell, ...]] = []
    curves = []
    for condition in conditions:
        own = np.array([key[2] == condition for key in keys])
        found = kaplan_meier(seconds[own], cut[own])
        middle, low, high = found.median
        shown: Cell = Estimate(middle, low, high) if math.isfinite(middle) else "more than half were cut off"
        rows.append((readings.label(condition), f"{found.cut[0]} of {found.cut[1]}", shown))
        curves.append((readings.label(condition), found.times, found.share, found.low, found.high))
    out.tables.append(
        Table(
            "Times with the limit taken into account (Kaplan-Meier)",
            ("Condition", "Cut off by the limit", "Median seconds (95 % CI)"),
            tuple(rows),
            "The interval takes answers as independent.",
        )
    )
    out.pictures.append(
        Picture(
            "How long cases are read",
            "Share of cases that are still being read after so many seconds, with 95 % bands.",
            partial(drawing.draw_survival, curves=curves),
            (6.0, 3.2),
        )
    )
    out.methods.append("Times that the limit cut off were taken as censored (Kaplan-Meier).")

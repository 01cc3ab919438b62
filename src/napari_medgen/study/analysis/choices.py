"""Options without an order: how often each was chosen."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, Picture, Section, Table
from napari_medgen.study.analysis.readings import Readings, grid


def choices(readings: Readings, item: str) -> Section | None:
    """The section; None where answers are no options without an order, or nobody gave one."""
    one = readings.item(item)
    if one.kind != "choice":
        return None
    table = grid(readings, item)
    if not np.isfinite(table.values).any():
        return None
    out = Draft("choices", item, f"Choices: {one.text}")
    rows: list[tuple[Cell, ...]] = []
    bars = []
    for t, condition in enumerate(table.conditions):
        label = readings.label(condition)
        for r, reader in enumerate(table.readers):
            counts = [int((table.values[t, r] == index + 1).sum()) for index in range(len(one.options))]
            rows.append((label, reader, *counts, sum(counts)))
            bars.append((f"{label}, {reader}" if label else reader, counts))
    out.tables.append(Table("How often each option was chosen", ("Condition", "Reader", *one.options, "n"), tuple(rows)))
    if len(bars) <= 24:
        legend = 0.2 * (len(one.options) if max(len(o) for o in one.options) > 30 else math.ceil(len(one.options) / 4))
        out.pictures.append(
            Picture(
                "Shares of the options",
                "One bar a row, one part an option, in the order of the table.",
                partial(drawing.draw_stacked, bars=bars, options=one.options),
                (7.0, 0.9 + 0.3 * len(bars) + legend),
            )
        )
    return out.done()

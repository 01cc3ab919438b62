"""Questions that are answered by a number: what was given, and whether conditions differ."""

from __future__ import annotations

import numpy as np

from napari_medgen.study.analysis.condition_model import compare_conditions
from napari_medgen.study.analysis.parts import Cell, Draft, Section, Table, number
from napari_medgen.study.analysis.readings import Readings


def numbers(readings: Readings, item: str) -> Section | None:
    """The section; None where answers are no numbers."""
    one = readings.item(item)
    if one.kind != "number":
        return None
    own = [reading for reading in readings.of(item) if reading.answered and reading.repeat == 0]
    conditions = [name for name in readings.conditions if any(reading.condition == name for reading in own)]
    out = Draft("numbers", item, f"Numbers: {one.text}")
    rows: list[tuple[Cell, ...]] = []
    for condition in conditions:
        for reader in readings.readers:
            values = np.array([r.value for r in own if (r.reader, r.condition) == (reader, condition)])
            if len(values):
                spread = number(float(values.std(ddof=1))) if len(values) > 1 else "\N{EN DASH}"
                low, middle, high = np.percentile(values, (25, 50, 75))
                median = f"{number(float(middle))} ({number(float(low))} to {number(float(high))})"
                rows.append((readings.label(condition), reader, len(values), float(values.mean()), spread, median))
    unit = f" ({one.unit})" if one.unit else ""
    columns = ("Condition", "Reader", "n", f"Mean{unit}", "Standard deviation", "Median (middle half)")
    out.tables.append(Table("What was given", columns, tuple(rows), "First showings."))
    if len(conditions) > 1:
        keys = [(reading.reader, reading.case, reading.condition) for reading in own]
        compare_conditions(out, readings, keys, np.array([reading.value for reading in own]), conditions, ratios=False)
    return out.done()

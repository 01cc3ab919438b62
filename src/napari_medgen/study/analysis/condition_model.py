"""Numbers under several conditions, compared by a linear mixed model: times as ratios, measurements as differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.linear_mixed import fit_linear
from napari_medgen.study.analysis.parts import Cell, Draft, P, Table
from napari_medgen.study.analysis.readings import Readings

Floats = NDArray[np.float64]
Mark = tuple[str, str, str]  # reader, case, condition


def compare_conditions(
    out: Draft, readings: Readings, keys: Sequence[Mark], values: Floats, conditions: Sequence[str], *, ratios: bool
) -> None:
    """Add a table of each condition against the first, or why there is none.

    Readers may differ in how conditions differ for them: that is a random effect, and tests have as many degrees of
    freedom as readers leave.

    Parameters
    ----------
    keys, values
        (N,) marks and numbers.
    ratios
        Whether logarithms are compared, so that effects are ratios; values are above zero then.
    """
    what = "times" if ratios else "numbers"
    place = np.array([conditions.index(key[2]) for key in keys])
    fixed = np.column_stack([np.ones(len(keys)), *(place == index for index in range(1, len(conditions)))]).astype(float)
    readers = [key[0] for key in keys]
    if len(set(readers)) < 2:
        out.problems.append(f"There is one reader: whether {what} of conditions differ for others cannot be said.")
        return
    groups, named = _groups(readings, keys)
    crossed = all(len({key[2] for key in keys if key[0] == reader}) == len(conditions) for reader in set(readers))
    df = len(set(readers)) - (1 if crossed else len(conditions))
    if df < 1:
        out.problems.append(f"There are too few readers to compare {what} of conditions.")
        return
    found = fit_linear(np.log(values) if ratios else values, fixed, groups, df=df)
    if found.why_not:
        out.problems.append(f"{what.capitalize()} could not be compared: {found.why_not}.")
        return
    rows: list[tuple[Cell, ...]] = []
    for index, condition in enumerate(conditions[1:], 1):
        shown = [math.exp(one) if ratios else one for one in found.interval(index)]
        name = f"{readings.label(condition)} {'against' if ratios else 'less'} {readings.label(conditions[0])}"
        rows.append((name, Estimate(*shown), P(found.p(index))))
    spreads = ", ".join(f"{name} {spread:.3g}" for name, spread in zip(named, found.spreads, strict=True))
    out.tables.append(
        Table(
            "Times of conditions as ratios" if ratios else "Conditions compared",
            ("Condition", "Ratio of times (95 % CI)" if ratios else "Mean difference (95 % CI)", "p"),
            tuple(rows),
            f"Linear mixed model{' of the logarithm' if ratios else ''} (REML), {df} degrees of freedom. "
            "Standard deviations: "
            f"{spreads}, rest {found.residual:.3g}.",
        )
    )
    head = "Logarithms of reading times" if ratios else "Numbers"
    out.methods.append(
        f"{head} were compared by a linear mixed model with random readers, cases, and readers by "
        "condition, and t tests with "
        "as many degrees of freedom as readers leave."
    )


def _groups(readings: Readings, keys: Sequence[Mark]) -> tuple[list[list[str]], list[str]]:
    """Random effects that these marks can tell apart, with their names."""
    groups = [[key[1] for key in keys], [key[0] for key in keys], [f"{key[0]}\n{key[2]}" for key in keys]]
    named = ["cases", "readers", "readers by condition"]
    if readings.patients:
        groups.append([readings.patients.get(key[1], f"\n{key[1]}") for key in keys])
        named.append("patients")
    kept = [place for place, names in enumerate(groups) if 1 < len(set(names)) < len(names)]
    return [groups[place] for place in kept], [named[place] for place in kept]

"""Whether readers agree with each other, and with themselves where cases were shown twice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.intraclass import intraclass
from napari_medgen.statistics.kappa import Agreement, Weights, cohen, conger, cross_table, fleiss
from napari_medgen.statistics.krippendorff import Scale, alpha
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, P, Picture, Section, Table
from napari_medgen.study.analysis.readings import Grid, Item, Readings, grid

Floats = NDArray[np.float64]
_SCALES: dict[str, Scale] = {
    "yes_no": "nominal",
    "choice": "nominal",
    "rating": "ordinal",
    "number": "interval",
    "score": "interval",
}
_MOST_READERS = 60
_LEAST = 5  # pairs of showings, below which a reader's agreement with themselves says nothing


def agreement(readings: Readings, item: str) -> Section | None:
    """Agreement between readers."""
    one = readings.item(item)
    out = Draft("agreement", item, f"Agreement of readers: {one.text}")
    table = grid(readings, item)
    if len(table.readers) < 2:
        out.problems.append("There is one reader: agreement needs two.")
        return out.done()
    if len(table.readers) > _MOST_READERS:
        out.problems.append(f"Agreement is not computed for more than {_MOST_READERS} readers.")
        return out.done()
    if table.patients is not None:
        out.problems.append("Intervals take cases of one patient as independent.")
    rows: list[tuple[Cell, ...]] = []
    for t, condition in enumerate(table.conditions):
        label = readings.label(condition)
        values = table.values[t]
        rows += [(label, *row) for row in _coefficients(out, one, table.readers, values, label)]
    out.tables.append(
        Table(
            "Agreement between readers",
            ("Condition", "Coefficient", "Value (95 % CI)", "p", "Cases"),
            tuple(rows),
            "1 for perfect agreement, 0 for chance. Fleiss, Cohen and ICC take the cases that all have answered, alpha also "
            "the others. p: of agreement by chance alone. Alpha: percentiles of 2,000 redraws of cases.",
        )
    )
    if one.kind in ("yes_no", "rating", "choice"):
        _heat(out, readings, table)
    out.methods.append(
        {
            "yes_no": "Agreement is given as Cohen's or Fleiss' kappa and Krippendorff's nominal alpha.",
            "choice": "Agreement is given as Cohen's or Fleiss' kappa and Krippendorff's nominal alpha.",
            "rating": "Agreement is given as weighted kappa, Krippendorff's ordinal alpha and ICC(2,1) of "
            "the options' numbers.",
        }.get(one.kind, "Agreement is given as ICC(2,1) and Krippendorff's interval alpha.")
    )
    return out.done()


def repeats(readings: Readings, item: str) -> Section | None:
    """Agreement of readers with themselves; None where nothing was shown twice."""
    own = [one for one in readings.of(item) if one.answered]
    if not any(one.repeat for one in own):
        return None
    kind = readings.item(item)
    out = Draft("repeats", item, f"Agreement with themselves: {kind.text}")
    first = {(one.reader, one.case, one.condition): one.value for one in own if one.repeat == 0}
    if later := sum(one.repeat > 1 for one in own):
        out.problems.append(f"{later} answers to third and later showings are left out.")
    rows: list[tuple[Cell, ...]] = []
    for reader in readings.readers:
        pairs = [
            (first[reader, one.case, one.condition], one.value)
            for one in own
            if one.repeat == 1 and one.reader == reader and (reader, one.case, one.condition) in first
        ]
        if not pairs:
            continue
        if len(pairs) < _LEAST:
            out.problems.append(
                f"{reader} has answered {len(pairs)} case{'s' if len(pairs) != 1 else ''} twice; fewer "
                f"than {_LEAST} say nothing."
            )
            continue
        values = np.array(pairs).T
        same = int((values[0] == values[1]).sum())
        found = _two(kind, values)
        if found.why_not:
            out.problems.append(f"{reader}: {found.why_not}.")
        rows.append((reader, f"{same} of {len(pairs)}", Estimate(found.value, found.low, found.high), P(found.p)))
    if not rows and kind.optional:  # a question that is seldom asked is seldom asked twice
        return None
    if rows:
        name = {"rating": "Quadratic weighted kappa", "number": "ICC(2,1)", "score": "ICC(2,1)"}.get(
            kind.kind, "Cohen's kappa"
        )
        out.tables.append(
            Table("The same case shown twice", ("Reader", "Same answer", f"{name} (95 % CI)", "p"), tuple(rows))
        )
        out.methods.append(
            f"Agreement of each reader with themselves is given as {name[0].lower() + name[1:]} of repeated cases."
        )
    return out.done()


def _coefficients(out: Draft, item: Item, readers: Sequence[str], values: Floats, label: str) -> list[tuple[Cell, ...]]:
    """(name, value, p, cases) of readers by cases."""
    there = np.isfinite(values)
    full = values[:, there.all(0)]
    rows: list[tuple[Cell, ...]] = []
    where = f" ({label})" if label else ""

    def add(name: str, found: Agreement, cases: int) -> None:
        if found.why_not:
            out.problems.append(f"{name}{where}: {found.why_not}.")
        rows.append((name, Estimate(found.value, found.low, found.high), P(found.p), cases))

    if full.shape[1] == 0:
        out.problems.append(f"No case was answered by all readers{where}: only alpha can be estimated.")
    elif item.kind in ("yes_no", "rating", "choice"):
        codes, count = _codes(item, full)
        if len(readers) == 2:
            add("Cohen's kappa", cohen(cross_table(codes[0], codes[1], count)), full.shape[1])
            if item.kind == "rating":
                add("Kappa, linear weights", cohen(cross_table(codes[0], codes[1], count), "linear"), full.shape[1])
                add("Kappa, quadratic weights", cohen(cross_table(codes[0], codes[1], count), "quadratic"), full.shape[1])
        else:
            add("Fleiss' kappa", fleiss(np.stack([(codes == k).sum(0) for k in range(count)], 1)), full.shape[1])
            rows.append(("Conger's kappa", conger(codes, count), "", full.shape[1]))
            if item.kind == "rating":
                pairs = [
                    cohen(cross_table(codes[i], codes[j], count), "quadratic").value
                    for i, j in itertools.combinations(range(len(readers)), 2)
                ]
                known = [one for one in pairs if math.isfinite(one)]
                if known:
                    shown = f"{sum(known) / len(known):.3f} (pairs {min(known):.3f} to {max(known):.3f})"
                    rows.append(("Kappa, quadratic weights, mean of pairs", shown, "", full.shape[1]))
    if item.kind in ("rating", "number", "score") and full.shape[1]:
        for kind in ("ICC(2,1)", "ICC(2,k)"):
            one = intraclass(full.T)[kind]
            add(kind, Agreement(one.value, low=one.low, high=one.high, why_not=one.why_not), full.shape[1])
    scale = _SCALES[item.kind]
    add(f"Krippendorff's alpha, {scale}", alpha(values, scale), int((there.sum(0) >= 2).sum()))
    return rows


def _two(item: Item, values: Floats) -> Agreement:
    if item.kind in ("number", "score"):
        one = intraclass(values.T)["ICC(2,1)"]
        return Agreement(one.value, low=one.low, high=one.high, why_not=one.why_not)
    codes, count = _codes(item, values)
    weights: Weights = "quadratic" if item.kind == "rating" else "none"
    return cohen(cross_table(codes[0], codes[1], count), weights)


def _codes(item: Item, values: Floats) -> tuple[NDArray[np.intp], int]:
    """Categories from 0, and how many there are."""
    start = 0 if item.kind == "yes_no" else 1
    return (values - start).astype(np.intp), 2 if item.kind == "yes_no" else len(item.options)


def _heat(out: Draft, readings: Readings, table: Grid) -> None:
    start = 0 if table.item.kind == "yes_no" else 1
    for t, condition in enumerate(table.conditions):
        label = readings.label(condition)
        out.pictures.append(
            Picture(
                "Every answer" + (f": {label}" if label else ""),
                "Readers by cases; the darker, the higher the option; a cross where there is no answer.",
                partial(
                    drawing.draw_heat,
                    values=table.values[t] - start,
                    readers=table.readers,
                    cases=table.cases,
                    words=table.item.options,
                ),
                (7.0, 1.5 + 0.26 * len(table.readers)),
            )
        )

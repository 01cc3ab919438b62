"""How often readers are right: sensitivity, specificity, predictive values, areas, and what an aid changes for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.calibration import calibration
from napari_medgen.statistics.delong import delong
from napari_medgen.statistics.multiplicity import holm
from napari_medgen.statistics.paired_proportions import compare_shares, share_difference
from napari_medgen.statistics.proportions import Proportion, proportion, ratio_estimate
from napari_medgen.statistics.roc_curve import binormal, roc_points
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, P, Picture, Section, Table
from napari_medgen.study.analysis.readings import Grid, Readings, grid

Bools = NDArray[np.bool_]
_RATES = ("Sensitivity", "Specificity", "PPV", "NPV", "Accuracy")
_FEW = 10  # cases of a kind, below which an area is hardly a figure


@dataclass(frozen=True)
class _Answers:
    """One reader, or all, under one condition: what was said, what is right, of whom."""

    yes: Bools
    truth: Bools
    patients: NDArray[np.intp] | None


def accuracy(readings: Readings, item: str) -> Section | None:
    """The section; None where no right answer is known, or answers are neither yes or no nor a score."""
    one = readings.item(item)
    if one.kind not in ("yes_no", "score") or not readings.has_truth(item):
        return None
    out = Draft("accuracy", item, f"Accuracy: {one.text}")
    table = grid(readings, item).with_truth()
    out.problems += table.dropped
    positive, negative = int(table.positive.sum()), int((table.truth == 0).sum())
    out.sentences.append(
        f"The right answer is known of {len(table.cases)} cases: {positive} positive and {negative} negative"
        + (f", of {len(np.unique(table.patients))} patients." if table.patients is not None else ".")
    )
    if not (positive and negative):
        out.problems.append(
            "All cases are of one kind, so that neither an area nor both of sensitivity and specificity can be estimated."
        )
    elif min(positive, negative) < _FEW:
        out.problems.append(f"There are fewer than {_FEW} cases of a kind: areas and their intervals are rough.")
    if one.kind == "yes_no":
        _rates(out, readings, table)
        _comparisons(out, readings, table)
    if positive and negative:
        _areas(out, readings, table)
    if one.kind == "yes_no" and one.levels:
        _confidence(out, readings, table)
    return out.done()


def _rates(out: Draft, readings: Readings, table: Grid) -> None:
    rows: list[tuple[Cell, ...]] = []
    for t, condition in enumerate(table.conditions):
        label = readings.label(condition)
        own = [_answers(table, t, r) for r in range(len(table.readers))]
        rates = [_five(answers) for answers in own]
        for reader, five, answers in zip(table.readers, rates, own, strict=True):
            rows.append((label, reader, *five, *_ratios(five, answers)))
        if len(own) > 1:
            pooled = _pooled(table, t)
            five = _five(pooled)
            rows.append((label, "pooled", *five, *_ratios(five, pooled)))
            under = f"{label[:1].upper()}{label[1:]}: pooled" if label else "Pooled"
            out.sentences.append(
                f"{under} over readers, sensitivity is {_brief(five[0])} and specificity {_brief(five[1])}."
            )
            means = [Estimate(_mean([one[k].value for one in rates]), math.nan, math.nan) for k in range(5)]
            rows.append((label, "mean of readers", *(_percent(one) for one in means), "", ""))
    several = table.patients is not None
    out.tables.append(
        Table(
            "Rates of right answers, with 95 % intervals",
            ("Condition", "Reader", *_RATES, "LR+", "LR-"),
            tuple(rows),
            "PPV, NPV: predictive values at this study's share of positive cases. LR+, LR-: likelihood ratios. Intervals: "
            + ("Wilson with the number of cases that the patients are worth" if several else "Wilson")
            + "; pooled over readers with cases as clusters, for answers to one case are not independent. "
            "Pooled rates count answers, means of readers count readers; they differ, and which is meant is said here.",
        )
    )
    out.methods.append(
        "Sensitivity, specificity and predictive values are given with Wilson intervals"
        + (", for several cases of a patient with a standard error over patients" if several else "")
        + "; pooled values have cases as clusters."
    )


def _answers(table: Grid, t: int, r: int) -> _Answers:
    values = table.values[t, r]
    there = np.isfinite(values)
    return _Answers(values[there] == 1, table.positive[there], None if table.patients is None else table.patients[there])


def _pooled(table: Grid, t: int) -> _Answers:
    """All answers under a condition; those to one case, or of one patient, belong together."""
    there = np.isfinite(table.values[t])
    whose = np.arange(len(table.cases)) if table.patients is None else table.patients
    of_case = np.broadcast_to(np.arange(len(table.cases)), there.shape)[there]
    return _Answers(table.values[t][there] == 1, table.positive[of_case], whose[of_case])


def _five(answers: _Answers) -> list[Proportion]:
    yes, truth, whose = answers.yes, answers.truth, answers.patients

    def of(hits: Bools, among: Bools) -> Proportion:
        return proportion(hits[among], None if whose is None else whose[among])

    everything = np.ones(len(yes), bool)
    return [of(yes, truth), of(~yes, ~truth), of(truth, yes), of(~truth, ~yes), of(yes == truth, everything)]


def _ratios(five: list[Proportion], answers: _Answers) -> tuple[Cell, Cell]:
    yes, truth, whose = answers.yes, answers.truth, answers.patients
    wrong = [
        proportion(hits, None if whose is None else whose[among])
        for hits, among in ((yes[~truth], ~truth), (~yes[truth], truth))
    ]
    return ratio_estimate(five[0], wrong[0]), ratio_estimate(wrong[1], five[1])


def _brief(one: Proportion) -> str:
    if not one.of:
        return "not estimable"
    return f"{one.value:.1%} (95 % CI {one.low:.1%} to {one.high:.1%})" if math.isfinite(one.low) else f"{one.value:.1%}"


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _percent(one: Estimate) -> Cell:
    return f"{one.value:.1%}" if math.isfinite(one.value) else "\N{EN DASH}"


def _comparisons(out: Draft, readings: Readings, table: Grid) -> None:
    """The first condition against each other one, by reader and pooled."""
    if len(table.conditions) < 2:
        return
    rows: list[tuple[Cell, ...]] = []
    tested = []
    for t in range(1, len(table.conditions)):
        pair = f"{readings.label(table.conditions[t])} less {readings.label(table.conditions[0])}"
        for name, kind in (("sensitivity", True), ("specificity", False)):
            for r, reader in [*enumerate(table.readers), (-1, "pooled")]:
                hits = [_right(table, which, r, kind) for which in (0, t)]
                there = np.isfinite(hits[0][0]) & np.isfinite(hits[1][0])
                if not there.any():
                    rows.append(
                        (pair, name, reader, 0, "\N{EN DASH}", "", P(math.nan), "", "nothing was answered under both")
                    )
                    continue
                first, second = (one[0][there] == 1 for one in hits)
                whose = hits[0][1]
                groups = None if whose is None else whose[there]
                test = compare_shares(first, second, groups)
                gap = share_difference(first, second, groups)
                differ = f"{test.only_first} / {test.only_second}"
                rows.append(
                    (pair, name, reader, int(there.sum()), gap, differ, P(test.p), P(math.nan), test.why_not or test.method)
                )
                if reader != "pooled":
                    tested.append(len(rows) - 1)
    after = holm([row[6].value if isinstance(row[6], P) else math.nan for row in (rows[place] for place in tested)])
    for place, p in zip(tested, after, strict=True):
        rows[place] = (*rows[place][:7], P(float(p)), rows[place][8])
    out.tables.append(
        Table(
            "What changes from the first condition to the others",
            (
                "Comparison",
                "Of",
                "Reader",
                "Pairs",
                "Difference (95 % CI)",
                "Right only before / after",
                "p",
                "p, Holm",
                "Test",
            ),
            tuple(rows),
            "Differences as shares, over the cases that were answered under both (pairs). Newcombe's interval for "
            "pairs; where answers belong together (patients, or readers of one case) that of a ratio of sums, which "
            "with few clusters may disagree with Obuchowski's test. Holm corrects over readers, both rates and all "
            "comparisons; pooled p are not corrected. Readers are these, and no others: the next section says what "
            "holds for others.",
        )
    )
    out.methods.append(
        "Paired rates were compared by McNemar's test (exact with fewer than 25 discordant pairs), with several cases of a "
        "patient and pooled over readers by Obuchowski's, corrected over readers by Holm's procedure; fewer than five "
        "discordant pairs were not tested."
    )


def _right(table: Grid, t: int, r: int, kind: bool) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
    """Whether each answer to the cases of a kind was right (NaN: none), of one reader or of all, and whose it is."""
    of_kind = table.positive == kind
    values = table.values[t, :, of_kind].T
    right = np.where(np.isfinite(values), (values == 1) == kind, np.nan)
    whose = np.arange(len(table.cases)) if table.patients is None else table.patients
    if r >= 0:
        return right[r], None if table.patients is None else whose[of_kind]
    return right.ravel(), np.tile(whose[of_kind], len(right))


def _areas(out: Draft, readings: Readings, table: Grid) -> None:
    scores = table.scores
    if len(np.unique(scores[np.isfinite(scores)])) < 3:
        out.problems.append("Answers have two levels only, so that a ROC curve has one point: no area is given.")
        _draw_points(out, readings, table)
        return
    rows: list[tuple[Cell, ...]] = []
    curves, perfect = [], []
    for t, condition in enumerate(table.conditions):
        for r, reader in enumerate(table.readers):
            there = np.isfinite(scores[t, r])
            own, truth = scores[t, r][there], table.positive[there]
            if not there.any():
                out.problems.append(f"{reader}{_under(readings, condition)} has answered nothing: no area.")
                continue
            if truth.all() or not truth.any():
                out.problems.append(f"{reader} has answered cases of one kind only: no area.")
                continue
            whose = None if table.patients is None else table.patients[there]
            area = delong(own, truth, whose)
            if area.value in (0.0, 1.0):
                area = Estimate(area.value, math.nan, math.nan)
                perfect.append(f"{reader}{_under(readings, condition)}")
            elif not area.sd > 0:
                area = Estimate(area.value, math.nan, math.nan)
            smooth = binormal(own, truth)
            shown: Cell = f"none: {smooth.why_not}" if smooth.why_not else smooth.area
            if whose is not None and not smooth.why_not:
                shown = smooth.area.value  # its interval knows no patients
            rows.append((readings.label(condition), reader, area, shown))
            curves.append((reader, readings.label(condition), *roc_points(own, truth)))
    if perfect:
        out.problems.append(
            f"{', '.join(perfect)}: the two kinds are separated perfectly. The area is 1 (or 0), and its "
            "interval cannot be estimated."
        )
    out.tables.append(
        Table(
            "Areas under the ROC curve, with 95 % intervals",
            ("Condition", "Reader", "Empirical (DeLong)", "Binormal"),
            tuple(rows),
            "Of a yes or no, the score is the confidence, below zero for no."
            + (" Binormal areas have no interval where patients give several cases." if table.patients is not None else ""),
        )
    )
    out.methods.append(
        "Areas under the empirical ROC curve have DeLong's interval"
        + (" for clustered data (Obuchowski 1997)" if table.patients is not None else "")
        + "; binormal areas are maximum-likelihood estimates."
    )
    points = _points(readings, table) if table.item.kind == "yes_no" else []
    height = 1.0 + 2.1 * math.ceil(min(len(table.readers), drawing.MOST_PANELS) / 4)
    out.pictures.append(
        Picture(
            "ROC curves and operating points by reader",
            "One panel a reader: sensitivity against false positive rate, one curve a condition, and where yes and no part.",
            partial(drawing.draw_roc, curves=curves, points=points),
            (7.0, height),
        )
    )
    _draw_points(out, readings, table)


def _draw_points(out: Draft, readings: Readings, table: Grid) -> None:
    points = _points(readings, table) if table.item.kind == "yes_no" else []
    if points:
        out.pictures.append(
            Picture(
                "Operating points of all readers",
                "Each reader's sensitivity against false positive rate under each condition, and the means.",
                partial(drawing.draw_operating_points, points=points),
                (4.6, 4.4),
            )
        )


def _points(readings: Readings, table: Grid) -> list[tuple[str, str, float, float]]:
    out = []
    for t, condition in enumerate(table.conditions):
        for r, reader in enumerate(table.readers):
            five = _five(_answers(table, t, r))
            if five[0].of and five[1].of:
                out.append((reader, readings.label(condition), 1 - five[1].value, five[0].value))
    return out


def _confidence(out: Draft, readings: Readings, table: Grid) -> None:
    levels = table.item.levels
    rows: list[tuple[Cell, ...]] = []
    for t, condition in enumerate(table.conditions):
        for r, reader in enumerate(table.readers):
            there = np.isfinite(table.scores[t, r])
            if not there.any():
                continue
            certain = (1 + table.scores[t, r][there] / levels) / 2
            found = calibration(certain, table.positive[there], bins=2 * levels)
            rows.append((readings.label(condition), reader, found.brier, found.error))
    out.tables.append(
        Table(
            "Whether confidence means what it says",
            ("Condition", "Reader", "Brier score", "Calibration error"),
            tuple(rows),
            f"A yes with confidence k of {levels} counts as a probability of one half and k/{2 * levels}, a no as one "
            "half less that. 0 is best; 0.25 is the Brier score of who always says one half.",
        )
    )


def _under(readings: Readings, condition: str) -> str:
    return f" ({readings.label(condition)})" if condition else ""

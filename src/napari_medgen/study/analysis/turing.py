"""Can readers tell: right answers against chance by reader, d' and bias, and what a claim that they cannot would need."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.mrmc import analyse, contrast_of
from napari_medgen.statistics.multiplicity import holm
from napari_medgen.statistics.proportions import clopper_pearson, proportion
from napari_medgen.statistics.reader_covariance import auc_covariance, auc_table, clustered_areas
from napari_medgen.statistics.signal_detection import (
    associated,
    better_than_chance,
    cases_for_equivalence,
    confidence_calibration,
    detection,
    equivalent_share,
    equivalent_value,
)
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, P, Picture, Section, Table, said_p
from napari_medgen.study.analysis.plan import Plan
from napari_medgen.study.analysis.readings import Grid, Readings, grid

_EQUAL = 0.55  # share of the larger kind, up to which one half is what chance would give
_USUAL = 0.1  # margin for which the size of a study is said where none was stated


def turing(readings: Readings, item: str, plan: Plan) -> Section | None:
    """The section; None where answers are no yes or no, no right answer is known, or several conditions are compared."""
    one = readings.item(item)
    if one.kind != "yes_no" or not readings.has_truth(item):
        return None
    table = grid(readings, item).with_truth()
    if len(table.conditions) != 1:
        return None
    out = Draft("turing", item, f"Against chance: {one.text}")
    out.problems += table.dropped
    positive, negative = int(table.positive.sum()), int((table.truth == 0).sum())
    if not (positive and negative):
        out.problems.append(
            "All cases are of one kind: who always says the same is always right, so that nothing can be said of telling."
        )
        return out.done()
    base = max(positive, negative) / (positive + negative)
    equal = base <= _EQUAL
    if not equal:
        out.problems.append(
            f"{max(positive, negative)} of {positive + negative} cases are of one kind: who always says so is right in "
            f"{base:.0%}, so that the share of right answers is no measure against one half. Each reader's answers are "
            "tested against the truth by Fisher's exact test instead."
        )
    if table.patients is not None:
        out.problems.append(
            "Tests and intervals by reader take cases of one patient as independent; those of all together do not."
        )
    _by_reader(out, table, plan, equal=equal)
    _together(out, table, plan)
    if one.levels:
        _confidence(out, table)
    out.methods.append(
        f"Each reader's answers were compared with chance by {'exact binomial' if equal else 'Fisher exact'} tests, "
        "corrected over readers by Holm's procedure, with Clopper-Pearson intervals; d' and criterion have the "
        "log-linear correction (Hautus 1995)."
    )
    return out.done()


def _by_reader(out: Draft, table: Grid, plan: Plan, *, equal: bool) -> None:
    rows: list[tuple[Cell, ...]] = []
    tests, shares, better = [], [], []
    for r, reader in enumerate(table.readers):
        values = table.values[0, r]
        there = np.isfinite(values)
        yes, truth = values[there] == 1, table.positive[there]
        right, of = int((yes == truth).sum()), len(yes)
        low, high = clopper_pearson(right, of)
        tests.append(better_than_chance(right, of) if equal else associated(yes, truth))
        share = Estimate(right / of if of else math.nan, low, high)
        shares.append((reader, share))
        if truth.any() and not truth.all():
            found = detection(int((yes & truth).sum()), int(truth.sum()), int((yes & ~truth).sum()), int((~truth).sum()))
            known: tuple[Cell, ...] = (found.sensitivity, found.criterion)
        else:
            known = ("\N{EN DASH}", "\N{EN DASH}")
        within: Cell = P(equivalent_share(right, of, plan.margin).p) if plan.margin is not None and equal else ""
        rows.append((reader, f"{right} of {of}", share, P(tests[-1]), *known, within))
        better.append(right / of > 0.5 if equal and of else _tells(yes, truth))
    corrected = holm(tests)
    margin = f"p, within {plan.margin:g} of chance" if plan.margin is not None else "p, equivalence"
    out.tables.append(
        Table(
            "Right answers by reader",
            (
                "Reader",
                "Right",
                "Share (95 % CI)",
                "p against chance",
                "p, Holm",
                "d' (95 % CI)",
                "Criterion (95 % CI)",
                margin,
            ),
            tuple((*row[:4], P(float(p)), *row[4:]) for row, p in zip(rows, corrected, strict=True)),
            "d' is 0 for who cannot tell; a criterion above 0 belongs to who says yes too seldom. "
            + (
                "Equivalence: the larger p of two exact one-sided tests, not corrected over readers."
                if plan.margin is not None
                else ""
            ),
        )
    )
    can = [reader for (reader, _), p, good in zip(shares, corrected, better, strict=True) if p < 0.05 and good]
    out.sentences.append(
        f"{len(can)} of {len(table.readers)} readers "
        f"{'were right more often than by chance' if equal else 'told the kinds apart'}"
        + (f" ({', '.join(can)})" if can and len(can) <= 10 else "")
        + " after correction for their number."
    )
    if plan.margin is None:
        out.problems.append(_needs())
    out.pictures.append(
        Picture(
            "Right answers by reader",
            "One row a reader: share of right answers with its exact 95 % interval; the line is chance.",
            partial(drawing.draw_forest, rows=shares, summary=[], label="Share of right answers", zero=0.5),
            (6.4, 1.0 + 0.27 * len(shares)),
        )
    )


def _tells(yes: NDArray[np.bool_], truth: NDArray[np.bool_]) -> bool:
    """Whether yes is said more often of positive cases."""
    return bool(truth.any() and not truth.all() and yes[truth].mean() > yes[~truth].mean())


def _needs() -> str:
    return (
        "No margin was stated before the study, so that nobody can claim that readers cannot tell: a p above 0.05 is "
        f"no such claim. Within {_USUAL:.0%} of chance it would need about {cases_for_equivalence(_USUAL)} answers of "
        "one reader."
    )


def _together(out: Draft, table: Grid, plan: Plan) -> None:
    values = table.values[0]
    there = np.isfinite(values)
    cases = np.broadcast_to(np.arange(len(table.cases)) if table.patients is None else table.patients, values.shape)[there]
    right = (values == 1)[there] == np.broadcast_to(table.positive, values.shape)[there]
    pooled = proportion(right, cases)
    rows: list[tuple[Cell, ...]] = [("all answers pooled", pooled, "", pooled.method)]
    whole = table.complete()
    scores = whole.scores
    positive = whole.positive
    if len(whole.readers) > 1 and min(int(positive.sum()), int((~positive).sum())) >= 2:
        if np.ptp(scores) > 0:
            if whole.patients is None:
                found = analyse(auc_table(scores, positive), auc_covariance(scores, positive))
            else:
                found = analyse(*clustered_areas(scores, positive, whole.patients))
            mean = found.random_readers_and_cases().means[0]
            p = contrast_of(mean.value - 0.5, mean.error**2, mean.df).p
            graded = "confidence" if whole.item.levels else "yes and no alone"
            rows.append(
                (
                    f"area under the ROC curve ({graded}), mean of readers",
                    Estimate(mean.value, mean.low, mean.high),
                    P(p),
                    "readers and cases random",
                )
            )
            if plan.margin is not None:
                equal = equivalent_value(mean.value, mean.error, mean.df, plan.margin, 0.5)
                shown = "shown" if equal else "not shown"
                out.sentences.append(
                    f"That the mean area lies within {plan.margin:g} of one half is {shown} (two one-sided "
                    f"tests, p {said_p(equal.p)})."
                )
    elif len(whole.readers) < 2:
        out.problems.append("There is one reader: nothing can be said of others.")
    out.tables.append(Table("All readers together", ("What", "Value (95 % CI)", "p against chance", "How"), tuple(rows)))


def _confidence(out: Draft, table: Grid) -> None:
    values, sure = table.values[0], table.confidence[0]
    there = np.isfinite(values) & np.isfinite(sure)
    right = (values == 1) == table.positive[None]
    counts = confidence_calibration(sure[there], right[there], table.item.levels)
    rows = tuple((level, proportion(np.repeat([True, False], [hit, of - hit]))) for level, hit, of in counts)
    out.tables.append(
        Table(
            "Right answers by confidence",
            ("Confidence", "Right"),
            rows,
            "All readers' answers; Wilson intervals as if answers were independent, for a look and no test.",
        )
    )
    out.pictures.append(
        Picture(
            "Whether sure readers are right",
            "Share of right answers at each level of confidence; the line is chance.",
            partial(drawing.draw_calibration, groups=[("", counts)], levels=table.item.levels),
            (5.0, 3.0),
        )
    )

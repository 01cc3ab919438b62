"""What holds for other readers and other cases: multi-reader multi-case analysis of areas, sensitivity and specificity."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.dbm import analyse_pseudovalues
from napari_medgen.statistics.mrmc import MRMC, Contrast, Inference, analyse
from napari_medgen.statistics.mrmc_designs import Design, analyse_design, analyse_nested_readers, design_of
from napari_medgen.statistics.mrmc_power import cases_needed
from napari_medgen.statistics.multiplicity import holm
from napari_medgen.statistics.reader_covariance import (
    Figure,
    auc_covariance,
    auc_table,
    bootstrap_covariance,
    clustered_areas,
    jackknife_covariance,
    leave_one_out,
    proportion_covariance,
)
from napari_medgen.statistics.roc_curve import partial_auc
from napari_medgen.statistics.u_statistics import Method, one_shot
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, P, Picture, Section, Table, number, said, said_p
from napari_medgen.study.analysis.plan import Merit, Plan
from napari_medgen.study.analysis.readings import Grid, Readings, grid

Floats = NDArray[np.float64]
_NAMES = {
    "auc": "area under the ROC curve",
    "partial-auc": "partial area",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}
_DESIGNS: dict[Design, str] = {
    "crossed": "fully crossed: every reader answered every case under every condition",
    "partly crossed": "partly crossed: covariances from the cases that readers have in common (jackknife)",
    "cases in readers": "cases nested in readers: no two readers have a case in common",
    "cases in treatments": "cases nested in conditions: no two conditions have a case in common",
    "split plot": "split-plot: groups of readers, each with cases of its own, read under all conditions",
    "readers in treatments": "readers nested in conditions: each reader read under one condition",
}
_KEEP = 0.5  # share of cases that must stay where incomplete ones are left out; below it the design is taken as it is
_EFFECT = 0.05  # difference for which a future study is sized


def readers_and_cases(readings: Readings, item: str, plan: Plan) -> Section | None:
    """The section; None where no right answer is known, or answers are neither yes or no nor a score."""
    one = readings.item(item)
    if one.kind not in ("yes_no", "score") or not readings.has_truth(item):
        return None
    out = Draft("readers-and-cases", item, f"Readers and cases: {one.text}")
    table, design = _prepared(grid(readings, item).with_truth())
    out.problems += table.dropped
    if len(table.readers) < 2:
        out.problems.append(
            "There is one reader: nothing can be said of others, and the section on accuracy holds what "
            "can be said of this one."
        )
        return out.done()
    if min(int(table.positive.sum()), int((table.truth == 0).sum())) < 2:
        out.problems.append(
            "There are fewer than two positive or two negative cases that all have answered: nothing is estimated."
        )
        return out.done()
    out.sentences.append(
        f"{len(table.readers)} readers, {len(table.cases)} cases, {max(len(table.conditions), 1)} "
        f"condition{'s' if len(table.conditions) > 1 else ''}; {_DESIGNS[design]}."
    )
    merits = _merits(table, plan)
    planned = plan.standing(item, "readers-and-cases")
    if plan.merit not in merits and (planned != "exploratory" or plan.merit != "auc"):
        out.problems.append(f"The plan's figure, {_NAMES[plan.merit]}, cannot be computed from these answers.")
    crossed = design == "crossed"
    if planned == "primary" and plan.merit in merits:
        kind = "readers and cases" if plan.readers == "random" or not crossed else "cases"
        out.sentences.append(
            f"The primary result is the {_NAMES[plan.merit]} with {kind} random; all else here is secondary."
        )
    if plan.readers == "fixed" and not crossed:
        out.problems.append("The plan takes readers as fixed; for this design that is not computed, and readers are random.")
    for merit in merits:
        _one(out, readings, table, design, merit, plan)
    if table.patients is not None and (design != "crossed" or plan.merit == "partial-auc"):
        out.problems.append("Cases of one patient are taken as independent here: this design, or figure, knows no patients.")
    whom = "other cases and these readers" if plan.readers == "fixed" and crossed else "other readers and cases"
    how = _covariances(table, crossed=crossed, merits=merits, plan=plan)
    what = "Conditions were compared" if len(table.conditions) > 1 else "Means of readers are given"
    out.methods.append(
        f"{what} for {whom} by Obuchowski and Rockette's analysis with Hillis' degrees of freedom "
        f"({how} covariances; {_DESIGNS[design].split(':')[0]} design)."
    )
    return out.done()


def _covariances(table: Grid, *, crossed: bool, merits: list[Merit], plan: Plan) -> str:
    """How covariances over cases were estimated, in words."""
    if not crossed:
        return "jackknife"
    if "auc" not in merits and "partial-auc" not in merits:
        return "sample"
    if table.patients is not None:
        return "clustered DeLong"
    return "DeLong" if plan.covariance == "delong" else plan.covariance


def _prepared(table: Grid) -> tuple[Grid, Design]:
    """Incomplete cases are left out where most stay; where they do not, the design is meant so."""
    there = np.isfinite(table.scores)
    used = np.asarray(there.any((0, 1)))
    table = table.take(cases=used)
    scores = table.scores
    if np.isfinite(scores).all():
        return table, "crossed"
    kind = design_of(scores)
    if kind not in ("partly crossed", "crossed"):
        return table, kind
    whole = table.complete()
    if len(whole.cases) >= _KEEP * len(table.cases) and len(whole.readers) >= _KEEP * len(table.readers):
        return whole, "crossed"
    return table, kind


def _merits(table: Grid, plan: Plan) -> list[Merit]:
    graded = len(np.unique(table.scores[np.isfinite(table.scores)])) > 2
    binary = table.item.kind == "yes_no"
    out: list[Merit] = [plan.merit] if (graded if plan.merit in ("auc", "partial-auc") else binary) else []
    if graded and "auc" not in out:
        out.append("auc")
    if binary:
        out += [one for one in ("sensitivity", "specificity") if one not in out]
    return out


def _one(out: Draft, readings: Readings, table: Grid, design: Design, merit: Merit, plan: Plan) -> None:
    name = _NAMES[merit] + (f" up to a false positive rate of {plan.partial[1]:g}" if merit == "partial-auc" else "")
    labels = [readings.label(one) or "all" for one in table.conditions]
    found: MRMC | None = None
    try:
        if design == "crossed":
            found = _crossed(table, merit, plan)
            random, fixed, cases = found.random_readers_and_cases(), found.fixed_readers(), found.fixed_cases()
            inferences = [("readers and cases", random), ("cases; these readers", fixed), ("readers; these cases", cases)]
        elif design == "readers in treatments":
            values, truth, figure = _as_figure(table, merit, plan)
            inferences = [("readers and cases", analyse_nested_readers(values, truth, figure))]
        else:
            values, truth, figure = _as_figure(table, merit, plan)
            found, random = analyse_design(values, truth, figure)
            inferences = [("readers and cases", random)]
    except ValueError as error:
        out.problems.append(f"{name[:1].upper() + name[1:]}: {error}.")
        return
    first = name[:1].upper() + name[1:]
    out.tables.append(_means(first, labels, inferences))
    if wide := [kind for kind, inference in inferences if any(one.low < 0 or one.high > 1 for one in inference.means)]:
        out.problems.append(
            f"{first}: intervals leave 0 to 1 (random: {' | '.join(wide)}); with {len(table.readers)} readers and "
            f"{len(table.cases)} cases they say little."
        )
    if len(labels) > 1:
        out.tables.append(_tests(first, labels, inferences))
        failed = [(kind, inference.why_not) for kind, inference in inferences if inference.why_not]
        if len(failed) == len(inferences):
            out.problems.append(f"{first}: conditions cannot be compared. {failed[0][1]}")
        else:
            out.problems += [f"{first}, {kind}: {why}" for kind, why in failed]
    head = inferences[0] if plan.readers == "random" or len(inferences) < 2 else inferences[1]
    out.sentences += _in_words(first, labels, head)
    if found is None:
        return
    figures = found.figures
    out.tables.append(
        Table(
            f"{first} by reader",
            ("Reader", *labels),
            tuple(
                (reader, *(float(one) for one in column)) for reader, column in zip(table.readers, figures.T, strict=True)
            ),
        )
    )
    if len(labels) > 1 and design == "crossed":
        _forest(out, first, name, labels, table, inferences, plan)
        _components(out, first, found, table)
        if merit == "auc" and table.patients is None:
            _others(out, table, labels)


def _crossed(table: Grid, merit: Merit, plan: Plan) -> MRMC:
    positive = table.positive
    if merit in ("sensitivity", "specificity"):
        kind = merit == "sensitivity"
        right = (table.values[..., positive == kind] == 1) == kind
        if table.patients is not None:
            return analyse(right.mean(-1), _by_patient(right, table.patients[positive == kind]))
        return analyse(right.mean(-1), proportion_covariance(right))
    if merit == "partial-auc":
        own = partial(partial_auc, low=plan.partial[0], high=plan.partial[1])
        covariance = (
            bootstrap_covariance(table.scores, positive, own)
            if plan.covariance == "bootstrap"
            else jackknife_covariance(table.scores, positive, own)
        )
        return analyse(leave_one_out(table.scores, positive, own)[0], covariance)
    if table.patients is not None:
        return analyse(*clustered_areas(table.scores, positive, table.patients))
    return analyse(auc_table(table.scores, positive), auc_covariance(table.scores, positive, plan.covariance))


def _by_patient(right: NDArray[np.bool_], patients: NDArray[np.intp]) -> Floats:
    """Covariance of shares over patients: of a ratio of sums."""
    flat = right.reshape(-1, right.shape[-1]).astype(np.float64)
    names = np.unique(patients, return_inverse=True)[1]
    sums = np.stack([np.bincount(names, row) for row in flat])
    left = sums - flat.mean(1)[:, None] * np.bincount(names)[None]
    m = left.shape[1]
    covariance: Floats = m / max(m - 1, 1) * left @ left.T / flat.shape[1] ** 2
    return covariance


def _as_figure(table: Grid, merit: Merit, plan: Plan) -> tuple[Floats, NDArray[np.bool_], Figure | None]:
    if merit == "auc":
        return table.scores, table.positive, None
    if merit == "partial-auc":
        return table.scores, table.positive, partial(partial_auc, low=plan.partial[0], high=plan.partial[1])
    kind = merit == "sensitivity"

    def share(scores: Floats, truth: NDArray[np.bool_]) -> float:
        own = scores[truth == kind]
        return float(((own == 1) == kind).mean()) if len(own) else math.nan

    return table.values, table.positive, share


def _in_words(first: str, labels: list[str], head: tuple[str, Inference]) -> list[str]:
    """The headline of a figure: its means, and what differs."""
    kind, inference = head
    if not inference.means:
        return []
    means = ", ".join(
        f"{said(_interval(one))}{f' ({label})' if label != 'all' else ''}"
        for label, one in zip(labels, inference.means, strict=False)
    )
    out = [f"{first}, mean of readers: {means}; 95 % intervals with {kind} random."]
    if any(not math.isfinite(one.low) for one in inference.means):
        out = [f"{first}, mean of readers: {means}; where no interval stands nothing varies."]
    for (i, j), one in inference.differences.items():
        out.append(f"{first}, {labels[j]} less {labels[i]}: {said(_interval(one, -1))}, p {_equals(one.p)}.")
    return out


def _equals(p: float) -> str:
    text = said_p(p)
    return text if text.startswith("<") else f"= {text}" if math.isfinite(p) else "not estimable"


def _means(first: str, labels: list[str], inferences: list[tuple[str, Inference]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (label, kind, _interval(mean), mean.error, mean.df)
        for kind, inference in inferences
        for label, mean in zip(labels, inference.means, strict=False)
    ]
    return Table(
        f"{first}: mean of readers",
        ("Condition", "Random", "Mean (95 % CI)", "Standard error", "df"),
        tuple(rows),
        "What is random is a sample, and the interval holds for others like it. Intervals are never cut at 0 or 1.",
    )


def _tests(first: str, labels: list[str], inferences: list[tuple[str, Inference]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind, inference in inferences:
        test = inference.test
        if test is not None:
            law = "F" if math.isfinite(test.df2) else "chi-squared"
            df = f"{test.df1:g}, {test.df2:.1f}" if math.isfinite(test.df2) else f"{test.df1:g}"
            rows.append((kind, "all equal", "", f"{law} {test.statistic:.3f}", df, P(test.p), ""))
        corrected = holm([one.p for one in inference.differences.values()])
        for ((i, j), one), after in zip(inference.differences.items(), corrected, strict=True):
            df = number(one.df) if math.isfinite(one.df) else ""
            several = P(float(after)) if len(corrected) > 1 else ""
            rows.append((kind, f"{labels[j]} less {labels[i]}", _interval(one, -1), "", df, P(one.p), several))
    return Table(
        f"{first}: differences between conditions",
        ("Random", "Comparison", "Difference (95 % CI)", "Test", "df", "p", "p, Holm"),
        tuple(rows),
        "With these readers fixed, a covariance of readers within a condition below that between conditions counts as equal "
        "to it (as RJafroc and the Iowa programs have it; MRMCaov does not). A t test over readers' areas is no substitute: "
        "cases are a sample too.",
    )


def _forest(
    out: Draft,
    first: str,
    name: str,
    labels: list[str],
    table: Grid,
    inferences: list[tuple[str, Inference]],
    plan: Plan,
) -> None:
    head = inferences[0] if plan.readers == "random" else inferences[1]
    by_reader = inferences[1][1].by_reader
    for j in range(1, len(labels)):
        own = by_reader.get((0, j), ())
        rows = [(reader, _interval(one, -1)) for reader, one in zip(table.readers, own, strict=False)]
        if (0, j) not in head[1].differences:
            continue
        mean = _interval(head[1].differences[0, j], -1)
        out.pictures.append(
            Picture(
                f"{first}: {labels[j]} less {labels[0]}, by reader",
                "One row a reader: difference with its 95 % interval; the diamond is the mean for " + head[0] + " random.",
                partial(
                    drawing.draw_forest,
                    rows=rows,
                    summary=[("mean", mean)],
                    label=f"Difference of the {name} ({labels[j]} less {labels[0]})",
                ),
                (6.4, 1.1 + 0.27 * (len(rows) + 1)),
            )
        )


def _components(out: Draft, first: str, found: MRMC, table: Grid) -> None:
    parts = found.components
    rows: tuple[tuple[Cell, ...], ...] = (
        ("readers", f"{parts.reader:.3e}"),
        ("conditions by readers", f"{parts.treatment_reader:.3e}"),
        ("error (over cases)", f"{parts.error:.3e}"),
        ("Cov1: one reader, two conditions", f"{parts.cov1:.3e}"),
        ("Cov2: two readers, one condition", f"{parts.cov2:.3e}"),
        ("Cov3: two readers, two conditions", f"{parts.cov3:.3e}"),
    )
    cases, note = len(table.cases), "Components can be negative; they are given as estimated."
    if found.treatments == 2:
        try:
            needed = cases_needed(parts, cases, found.readers, _EFFECT)
            said = f"{needed} cases" if needed is not None else "no number of cases"
            note += (
                f" With these components, {found.readers} readers and {said} find a difference of {_EFFECT:g} with a "
                "power of 80 % (Hillis 2011)."
            )
        except ValueError as error:
            note += f" No sample size: {error}."
    out.tables.append(Table(f"{first}: variance components", ("Component", "Estimate"), rows, note))


def _others(out: Draft, table: Grid, labels: list[str]) -> None:
    """The same question by other methods, for who wants to know whether the answer hangs on the method."""
    rows: list[tuple[Cell, ...]] = []
    pseudo = analyse_pseudovalues(table.scores, table.positive)
    if math.isfinite(pseudo.p):
        test, df = f"F {number(pseudo.statistic)}", number(pseudo.df2)
        rows.append(("Dorfman-Berbaum-Metz (jackknife)", "all equal", "", test, df, P(pseudo.p)))
    methods: tuple[tuple[str, Method], ...] = (("unbiased", "unbiased"), ("maximum likelihood", "mle"))
    for shown, method in methods:
        name = f"U-statistics, {shown} (iMRMC)"
        for j in range(1, len(labels)):
            found = one_shot(table.scores[j], table.positive, method, other=table.scores[0])
            pair = f"{labels[j]} less {labels[0]}"
            if found.why_not:
                out.problems.append(f"{name}, {pair}: {found.why_not}; not estimable.")
            rows.append((name, pair, Estimate(found.value, found.low, found.high), "", number(found.df), P(found.p)))
    out.tables.append(
        Table(
            "The same by other methods (readers and cases random)",
            ("Method", "Comparison", "Difference (95 % CI)", "Test", "df", "p"),
            tuple(rows),
        )
    )


def _interval(one: Contrast, sign: int = 1) -> Estimate:
    low, high = (one.low, one.high) if sign > 0 else (-one.high, -one.low)
    return Estimate(sign * one.value, low, high, one.error)

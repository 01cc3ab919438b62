"""Ratings: what was given, and whether conditions differ, with readers and cases taken for what they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.ordinal_mixed import fit_ordinal, likelihood_ratio
from napari_medgen.statistics.rank_tests import compare_pairs, friedman
from napari_medgen.study.analysis import drawing
from napari_medgen.study.analysis.parts import Cell, Draft, P, Picture, Section, Table, said_p
from napari_medgen.study.analysis.readings import Grid, Readings, grid

_MOST_BARS, _MOST_CONDITIONS, _MOST_LEVELS = 24, 12, 20


def ratings(readings: Readings, item: str) -> Section | None:
    """The section; None where answers are no ordered options."""
    one = readings.item(item)
    if one.kind != "rating":
        return None
    out = Draft("ratings", item, f"Ratings: {one.text}")
    table = grid(readings, item)
    _counts(out, readings, table)
    if len(table.conditions) > 1:
        whole = table.complete()
        out.problems += whole.dropped
        if len(whole.cases) < 2:
            out.problems.append("Fewer than two cases were rated by all under all conditions: they cannot be compared.")
        else:
            _ranks(out, readings, whole)
        _model(out, readings, table)
    return out.done()


def _counts(out: Draft, readings: Readings, table: Grid) -> None:
    options = table.item.options
    rows: list[tuple[Cell, ...]] = []
    bars = []
    for t, condition in enumerate(table.conditions):
        label = readings.label(condition)
        for r, reader in enumerate(table.readers):
            values = table.values[t, r]
            given = values[np.isfinite(values)].astype(int)
            counted = Counter(given.tolist())
            counts = [counted[index + 1] for index in range(len(options))]
            total = sum(counts)
            shown = [f"{count} ({count / total:.0%})" if total else "0" for count in counts]
            rows.append((label, reader, *shown, total, _median(given, options) if total else "\N{EN DASH}"))
            bars.append((f"{label}, {reader}" if label else reader, counts))
    out.tables.append(
        Table(
            "How often each option was chosen",
            ("Condition", "Reader", *_heads(options), "n", "Median"),
            tuple(rows),
            "" if _numbers(options) else "Median as the number of the option.",
        )
    )
    if len(bars) > _MOST_BARS:
        totals = [
            (readings.label(condition), [int((table.values[t] == index + 1).sum()) for index in range(len(options))])
            for t, condition in enumerate(table.conditions)
        ]
        bars = totals
    legend = 0.2 * (len(options) if max(len(one) for one in options) > 30 else math.ceil(len(options) / 4))
    out.pictures.append(
        Picture(
            "Shares of the options",
            "One bar a row: the lightest part is the first option, the darkest the last; the count stands in each.",
            partial(drawing.draw_stacked, bars=bars, options=options),
            (7.0, 0.9 + 0.3 * len(bars) + legend),
        )
    )


def _numbers(options: Sequence[str]) -> bool:
    return all(option.lstrip("-").isdigit() for option in options)


def _heads(options: Sequence[str]) -> list[str]:
    return list(options) if _numbers(options) else [f"{index}: {option}" for index, option in enumerate(options, 1)]


def _median(given: NDArray[np.intp], options: Sequence[str]) -> str:
    """Of options that are numbers as such a number, else as that of the option."""
    values = np.array([float(options[one - 1]) for one in given]) if _numbers(options) else given
    return f"{float(np.median(values)):g}"


def _ranks(out: Draft, readings: Readings, table: Grid) -> None:
    """On the means of each case over readers: blocks of a reader and a case are not independent."""
    means = table.values.mean(1).T
    unit = "case"
    if table.patients is not None:  # several of one patient are no independent pairs
        means, unit = np.stack([means[table.patients == one].mean(0) for one in np.unique(table.patients)]), "patient"
    if means.shape[1] > _MOST_CONDITIONS:
        out.problems.append(f"More than {_MOST_CONDITIONS} conditions are not compared by pairs.")
        return
    labels = [readings.label(one) for one in table.conditions]
    whole = friedman(means)
    if whole.why_not:
        out.problems.append(f"Friedman's test: {whole.why_not}.")
    else:
        out.sentences.append(
            f"Over {len(means)} {unit} means, conditions differ with Friedman's chi-squared {whole.statistic:.2f} "
            f"({whole.df} df), p {said_p(whole.p)}; Kendall's W {whole.concordance:.2f}."
        )
    rows: list[tuple[Cell, ...]] = []
    for pair in compare_pairs(means):
        name = f"{labels[pair.second]} less {labels[pair.first]}"
        gap, effect = _turned(pair.difference), _turned(pair.effect)
        if math.isnan(pair.p):
            out.problems.append(f"{name}: all case means are equal, so that there is nothing to test.")
        rows.append(
            (
                name,
                gap,
                effect,
                f"{_turned_rank(pair.statistic, means[:, pair.first] - means[:, pair.second]):g}",
                P(pair.p),
                P(pair.corrected),
                pair.method,
            )
        )
    out.tables.append(
        Table(
            f"Conditions by pairs, on {unit} means",
            ("Comparison", "Mean difference (95 % CI)", "Rank-biserial (95 % CI)", "V", "p", "p, Holm", "Wilcoxon"),
            tuple(rows),
            "Means over readers of each case, with as many independent pairs as there are cases; pairs without a "
            "difference are left out. Equal differences count as ties (R ranks their rounding errors, so that its p "
            "differs). Intervals: percentiles of 2,000 redraws of cases. Rank-biserial: 1 if each case is rated higher "
            "in the first named.",
        )
    )
    out.methods.append(
        "Ratings were averaged over readers by case and compared by Friedman's test, then by pairs by Wilcoxon's "
        "signed-rank test with Holm's correction."
    )


def _model(out: Draft, readings: Readings, table: Grid) -> None:
    where = np.argwhere(np.isfinite(table.values))
    answers = table.values[np.isfinite(table.values)].astype(int)
    labels = [readings.label(one) for one in table.conditions]
    if len(np.unique(answers)) < 2:
        out.problems.append("All ratings are equal: conditions cannot be compared by a model.")
        return
    if len(np.unique(answers)) > _MOST_LEVELS or len(labels) > _MOST_CONDITIONS:
        out.problems.append(
            f"The ordinal mixed model is not fitted to more than {_MOST_LEVELS} options or {_MOST_CONDITIONS} conditions."
        )
        return
    fixed = (where[:, :1] == np.arange(1, len(labels))[None]).astype(float)
    if len(table.readers) < 2:
        out.problems.append("There is one reader: whether conditions differ for others cannot be said by a model.")
        return
    groups = [where[:, 2], where[:, 1], where[:, 1] * len(labels) + where[:, 0]]
    named = ["cases", "readers", "readers by condition"]
    if table.patients is not None:
        groups.append(table.patients[where[:, 2]])
        named.append("patients")
    kept = [place for place, one in enumerate(groups) if 1 < len(np.unique(one)) < len(one)]
    groups, named = [groups[place] for place in kept], [named[place] for place in kept]
    try:
        larger = fit_ordinal(answers, fixed, groups)
        smaller = fit_ordinal(answers, np.zeros((len(answers), 0)), groups)
    except (ValueError, np.linalg.LinAlgError) as error:
        out.problems.append(f"The ordinal mixed model could not be fitted: {error}.")
        return
    if larger.why_not:
        out.problems.append(f"Ordinal mixed model: {larger.why_not}.")
    chi, df, p = likelihood_ratio(smaller, larger)
    rows: list[tuple[Cell, ...]] = []
    for index, label in enumerate(labels[1:]):
        value, low, high = larger.odds_ratio(index) if not larger.why_not else (math.nan,) * 3
        rows.append(
            (
                f"{label} against {labels[0]}",
                Estimate(value, low, high),
                P(larger.p(index) if not larger.why_not else math.nan),
            )
        )
    spreads = ", ".join(f"{name} {spread:.2f}" for name, spread in zip(named, larger.spreads, strict=True))
    out.tables.append(
        Table(
            "Conditions in an ordinal mixed model",
            ("Condition", "Odds ratio of a higher rating (95 % CI)", "p"),
            tuple(rows),
            f"All conditions: chi-squared {chi:.2f} ({df} df), p {said_p(p)}. Standard deviation of random effects on "
            f"the logit: {spreads}. {len(answers)} ratings, also those of cases that not all have rated. With few "
            "readers such tests err more often than they should.",
        )
    )
    out.methods.append(
        "A cumulative link mixed model (logit; random readers, cases, and readers by condition; Laplace approximation) "
        "compared conditions by likelihood ratio and gives odds ratios with Wald intervals."
    )


def _turned_rank(statistic: float, gaps: NDArray[np.float64]) -> float:
    """Sum of ranks of the differences the other way round."""
    count = int((np.abs(gaps) > 1e-9).sum())
    return count * (count + 1) / 2 - statistic


def _turned(one: Estimate) -> Estimate:
    """Second less first, where the test has it the other way round."""
    return Estimate(-one.value, -one.high, -one.low, one.sd)

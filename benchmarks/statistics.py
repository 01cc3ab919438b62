"""Statistics of reader studies: how often their intervals hold and their tests err, and how long they take.

    python -m benchmarks statistics [--studies 2000] [--only coverage|time]

Simulated studies are those of Roe and Metz 1997 (Acad Radiol 4:298): each score is the sum of normal effects of
reader, case and what they have with each other and with the treatment. "High" data are correlated (variances of case
.3, treatment by case .3, reader by case .2, error .2), "low" data are not (.1, .1, .2, .6); readers differ little
(.0055) or much (.03). The area is .855.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from napari_medgen.statistics.linear_mixed import fit_linear
from napari_medgen.statistics.mrmc import analyse
from napari_medgen.statistics.mrmc_designs import analyse_design
from napari_medgen.statistics.ordinal_mixed import fit_ordinal, likelihood_ratio
from napari_medgen.statistics.reader_covariance import area_of, auc_covariance, auc_table, bootstrap_covariance
from napari_medgen.statistics.u_statistics import one_shot

_DISTANCE = 1.5  # of the two kinds of cases: an area of 0.855


@dataclass(frozen=True)
class Model:
    """Variances of Roe and Metz, and the size of a study."""

    name: str
    readers: int
    cases: int
    case: float
    treatment_case: float
    reader_case: float
    error: float
    reader: float
    treatment_reader: float
    treatments: int = 2

    @property
    def area(self) -> float:
        """Of a random reader."""
        return float(stats.norm.cdf(_DISTANCE / math.sqrt(2 + 2 * (self.reader + self.treatment_reader))))


def models() -> Iterator[Model]:
    """Four kinds of data, four sizes."""
    for data, parts in (("high", (0.3, 0.3, 0.2, 0.2)), ("low", (0.1, 0.1, 0.2, 0.6))):
        for spread, reader in (("little", 0.0055), ("much", 0.03)):
            for readers, cases in ((3, 50), (5, 50), (7, 100), (10, 200)):
                yield Model(f"{data}, {spread}", readers, cases, *parts, reader, reader)


def simulate(model: Model, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores (treatments, readers, cases), no difference between treatments, and truth, half of it positive."""
    t, r, c = model.treatments, model.readers, model.cases
    truth = np.arange(c) < c // 2

    def effect(variance: float, *shape: int) -> np.ndarray:
        return rng.normal(0, math.sqrt(variance), shape)

    # Effects of a reader are others for positive and for negative cases.
    reader = np.where(truth, effect(model.reader, 1, r, 1), effect(model.reader, 1, r, 1))
    both = np.where(truth, effect(model.treatment_reader, t, r, 1), effect(model.treatment_reader, t, r, 1))
    rest = effect(model.case, 1, 1, c) + effect(model.treatment_case, t, 1, c) + effect(model.reader_case, 1, r, c)
    return _DISTANCE * truth + reader + both + rest + effect(model.error, t, r, c), truth


def coverage(studies: int) -> None:
    """Print a table of how often tests reject where nothing differs, and intervals hold the truth."""
    error = math.sqrt(0.05 * 0.95 / studies)
    print(f"{studies} studies a row; Monte-Carlo standard error of 5 %: {100 * error:.1f} %. Values in %.")
    print("RRRC: readers and cases random; BDG: U-statistics, unbiased, and how often not estimable; CI: difference, mean.")
    print("FRRC: cases random, on studies whose readers do not differ in how treatments differ for them.")
    print()
    print(
        "| data, readers differ | readers | cases | RRRC rejects | CI of difference | CI of mean | FRRC "
        "rejects | BDG rejects | BDG none |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for number, model in enumerate(models()):
        rng = np.random.default_rng((7, number))
        counts = dict.fromkeys(("rrrc", "difference", "mean", "frrc", "bdg", "none"), 0)
        for _ in range(studies):
            scores, truth = simulate(model, rng)
            found = analyse(auc_table(scores, truth), auc_covariance(scores, truth)).random_readers_and_cases()
            gap, mean = found.differences[0, 1], found.means[0]
            counts["rrrc"] += found.test is not None and found.test.p < 0.05
            counts["difference"] += gap.low <= 0 <= gap.high
            counts["mean"] += mean.low <= model.area <= mean.high
            whole = one_shot(scores[0], truth, other=scores[1])
            counts["bdg"] += whole.p < 0.05
            counts["none"] += bool(whole.why_not)
            scores, truth = simulate(replace(model, treatment_reader=0.0), rng)
            fixed = analyse(auc_table(scores, truth), auc_covariance(scores, truth)).fixed_readers(clamp=False).test
            counts["frrc"] += fixed is not None and fixed.p < 0.05
        shown = [f"{100 * counts[key] / studies:.1f}" for key in ("rrrc", "difference", "mean", "frrc", "bdg", "none")]
        print(f"| {model.name} | {model.readers} | {model.cases} | {' | '.join(shown)} |", flush=True)
    print()
    _fixed_cases(studies)
    _readers_differ(max(studies // 20, 50))
    _split_plot(max(studies // 10, 50))
    _ordinal(max(studies // 10, 50))


def _split_plot(studies: int) -> None:
    """Two groups of three readers, each with fifty cases of its own."""
    model = Model("high, little", 3, 50, 0.3, 0.3, 0.2, 0.2, 0.0055, 0.0055)
    rng, rejected = np.random.default_rng(8), 0
    for _ in range(studies):
        parts = [simulate(model, rng) for _ in range(2)]
        scores = np.full((2, 6, 100), np.nan)
        scores[:, :3, :50], scores[:, 3:, 50:] = parts[0][0], parts[1][0]
        test = analyse_design(scores, np.concatenate([truth for _, truth in parts]))[1].test
        rejected += test is not None and test.p < 0.05
    print(
        f"Split plot, two groups of three readers with fifty cases each, {studies} studies: rejects "
        f"{100 * rejected / studies:.1f} %."
    )


def _fixed_cases(studies: int) -> None:
    """The test of these cases only, over cases that are random: what a t test over readers' areas does."""
    for model in models():
        if (model.readers, model.cases) != (5, 50):
            continue
        rng, rejected = np.random.default_rng(10), 0
        for _ in range(studies):
            scores, truth = simulate(model, rng)
            test = analyse(auc_table(scores, truth), auc_covariance(scores, truth)).fixed_cases().test
            rejected += test is not None and test.p < 0.05
        print(f"Fixed cases over random ones, {model.name}, 5 readers, 50 cases: rejects {100 * rejected / studies:.1f} %.")


def _readers_differ(studies: int) -> None:
    """Times of eight readers and thirty cases; readers differ in the effect of a condition (0.15 on the logarithm)."""
    rng = np.random.default_rng(11)
    arm, reader, case = (one.ravel() for one in np.meshgrid(range(2), range(8), range(30), indexing="ij"))
    fixed = np.column_stack([np.ones(len(arm)), arm])
    counts = {"without": 0, "with": 0}
    for _ in range(studies):
        both = rng.normal(0, 0.15, 16)[reader * 2 + arm]
        values = rng.normal(0, 0.3, 8)[reader] + rng.normal(0, 0.3, 30)[case] + both + rng.normal(0, 0.4, len(arm))
        counts["without"] += fit_linear(values, fixed, [case, reader]).p(1) < 0.05
        counts["with"] += fit_linear(values, fixed, [case, reader, reader * 2 + arm], df=7).p(1) < 0.05
    shown = ", ".join(f"{name} readers by condition {100 * count / studies:.1f} %" for name, count in counts.items())
    print(f"Mixed model of times whose readers differ, {studies} studies: rejects {shown}.")


def _ordinal(studies: int) -> None:
    """Six readers, twenty cases, three models that do not differ (as Han 2021)."""
    rng, rejected = np.random.default_rng(9), 0
    arm, reader, case = (one.ravel() for one in np.meshgrid(range(3), range(6), range(20), indexing="ij"))
    fixed = (arm[:, None] == np.arange(1, 3)).astype(float)
    for _ in range(studies):
        latent = rng.normal(0, 0.5, 6)[reader] + rng.normal(0, 1, 20)[case] + rng.logistic(size=len(arm))
        answers = np.digitize(latent, [-2.5, -1, 0, 1, 2.5])
        larger = fit_ordinal(answers, fixed, [case, reader])
        smaller = fit_ordinal(answers, np.zeros((len(arm), 0)), [case, reader])
        rejected += likelihood_ratio(smaller, larger)[2] < 0.05
    print(
        f"Ordinal mixed model, six readers, twenty cases, three models, {studies} studies: rejects "
        f"{100 * rejected / studies:.1f} %."
    )


def _best(work: Any, runs: int = 5) -> float:
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def timing() -> None:
    """Print how long one analysis takes, and 2,000 redraws beside a loop over them."""
    model = Model("high, little", 7, 200, 0.3, 0.3, 0.2, 0.2, 0.0055, 0.0055)
    scores, truth = simulate(model, np.random.default_rng(0))
    for method in ("delong", "jackknife", "unbiased"):
        once = _best(
            lambda method=method: analyse(
                auc_table(scores, truth), auc_covariance(scores, truth, method)
            ).random_readers_and_cases()
        )
        print(f"7 readers x 200 cases x 2 modalities, {method}: {1000 * once:.1f} ms")
    fast = _best(lambda: bootstrap_covariance(scores, truth))
    # A loop is measured over a tenth of the redraws: all of them take a minute.
    slow = 10 * _best(lambda: bootstrap_covariance(scores, truth, area_of, redraws=200), 2)
    print(f"2,000 redraws of cases, all at once: {fast:.2f} s; in a loop over redraws, readers and modalities: {slow:.1f} s")
    print(f"ratio: {slow / fast:.0f}")


def main(arguments: list[str]) -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--only", choices=("coverage", "time"))
    options = parser.parse_args(arguments)
    if options.only != "coverage":
        timing()
    if options.only != "time":
        coverage(options.studies)

"""Multi-reader multi-case analysis against the printed digits of MRMCaov (R), and what cannot be estimated."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medgen.statistics.mrmc import MRMC, Inference, analyse
from napari_medgen.statistics.reader_covariance import (
    auc_covariance,
    auc_table,
    jackknife_covariance,
    proportion_covariance,
)

DATA = Path(__file__).parent / "data"
GOLDEN = json.loads((DATA / "mrmc.json").read_text())["datasets"]
# Data of R packages under the GPL are looked at where they lie beside the repository, and are not in it.
BESIDE = Path(__file__).parents[3] / "shared" / "reference" / "reader-study"


def table(path: Path, treatment: str, score: str, kinds: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """Scores (treatments, readers, cases) and truth of a long table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if kinds:
        rows = [row for row in rows if row[treatment] in kinds]
    names = [sorted({row[key] for row in rows}) for key in (treatment, "reader")]
    names[0] = list(kinds) or names[0]
    cases = sorted({row["case"] for row in rows}, key=int)
    scores = np.full((len(names[0]), len(names[1]), len(cases)), np.nan)
    truth = np.zeros(len(cases), bool)
    for row in rows:
        value = float(row[score]) if score != "confidence" else float(row[score]) * (1 if row["answer"] == "1" else -1)
        case = cases.index(row["case"])
        scores[names[0].index(row[treatment]), names[1].index(row["reader"]), case] = value
        truth[case] = row["truth"] == "1"
    return scores, truth


def roemetz() -> tuple[Any, Any]:
    return table(DATA / "sim_roemetz.csv", "treatment", "rating")


def paired(score: str) -> tuple[Any, Any]:
    return table(DATA / "sim_paired.csv", "arm", score, ("alone", "aided"))


def require_same(found: Inference, golden: dict[str, Any]) -> None:
    wanted = golden["test"][0]
    assert found.test is not None
    statistic = wanted.get("F", wanted.get("X2"))
    assert found.test.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.test.p == pytest.approx(wanted["p-value"], rel=1e-8)
    if "df2" in wanted:
        assert (found.test.df1, found.test.df2) == pytest.approx((wanted["df1"], wanted["df2"]), rel=1e-9)
    for one, contrast in zip(golden["diffs"], found.differences.values(), strict=True):
        assert (contrast.value, contrast.error, contrast.low, contrast.high, contrast.p) == pytest.approx(
            (one["Estimate"], one["StdErr"], one["CI.Lower"], one["CI.Upper"], one["p-value"]), rel=1e-7, abs=1e-11
        )
    for one, mean in zip(golden.get("means", ()), found.means, strict=False):
        assert (mean.value, mean.error, mean.low, mean.high) == pytest.approx(
            (one["Estimate"], one["StdErr"], one["CI.Lower"], one["CI.Upper"]), rel=1e-8
        )


METHODS = [("delong", "DeLong"), ("jackknife", "jackknife"), ("unbiased", "unbiased")]


@pytest.mark.parametrize(("method", "name"), METHODS)
@pytest.mark.parametrize(
    ("data", "which"), [(roemetz, "sim_roemetz"), (lambda: paired("confidence"), "sim_paired_confidence")]
)
def test_areas_agree_with_mrmcaov_to_its_printed_digits(data: Any, which: str, method: Any, name: str) -> None:
    scores, truth = data()
    golden = GOLDEN[which]["MRMCaov"]
    figures = auc_table(scores, truth)
    assert figures.ravel() == pytest.approx([one["value"] for one in golden["auc"]], abs=1e-12)
    covariance = auc_covariance(scores, truth, method)
    assert covariance == pytest.approx(np.array(golden[name]["cov"]), abs=1e-14)
    found = analyse(figures, covariance)
    parts, wanted = found.components, golden[name]["RRRC"]["varcomp"]
    assert (parts.error, parts.cov1, parts.cov2, parts.cov3, parts.reader, parts.treatment_reader) == pytest.approx(
        [wanted[key] for key in ("Error", "Cov1", "Cov2", "Cov3", "reader", "treatment:reader")], rel=1e-8, abs=1e-13
    )
    require_same(found.random_readers_and_cases(), golden[name]["RRRC"])
    require_same(found.fixed_readers(clamp=False), golden[name]["FRRC"])
    require_same(found.fixed_cases(), golden["RRFC"])


@pytest.mark.parametrize(("kind", "name"), [(True, "sens"), (False, "spec")])
def test_sensitivity_and_specificity_go_the_same_way(kind: bool, name: str) -> None:
    answers, truth = paired("answer")
    right = (answers[..., truth == kind] == kind).astype(float)
    golden = GOLDEN["sim_paired"][name]
    found = analyse(right.mean(axis=-1), proportion_covariance(right))
    assert found.figures.ravel() == pytest.approx([one["value"] for one in golden["auc"]], abs=1e-11)
    require_same(found.fixed_cases(), golden["RRFC"])
    require_same(found.random_readers_and_cases(), golden["jackknife"]["RRRC"])


def test_the_jackknife_of_any_figure_is_that_of_the_area() -> None:
    scores, truth = roemetz()

    def area(one: Any, positive: Any) -> float:
        return float(auc_table(one[None, None], positive)[0, 0])

    assert jackknife_covariance(scores[:2, :2], truth, area) == pytest.approx(
        auc_covariance(scores[:2, :2], truth, "jackknife"), abs=1e-15
    )


@pytest.mark.parametrize(
    ("name", "kinds", "f", "df", "p", "chi"),
    [
        ("vandyke", (), 4.484854, 15.06611, 0.051233, 5.545789),
        ("franken", (), 4.694058, 3.0, 0.118838, 0.368078),
        ("kundel", ("2", "3"), 6.005760, 3.0, 0.091625, 2.975592),
    ],
)
def test_published_studies(name: str, kinds: tuple[str, ...], f: float, df: float, p: float, chi: float) -> None:
    path = BESIDE / f"{name}.csv"
    if not path.is_file():
        pytest.skip("the data of R packages are not here (GPL; docs say where they are from)")
    scores, truth = table(path, "treatment", "rating", kinds)
    found = analyse(auc_table(scores, truth), auc_covariance(scores, truth))
    tested = found.random_readers_and_cases().test
    assert tested is not None
    assert (tested.statistic, tested.df2, tested.p) == pytest.approx((f, df, p), rel=2e-6, abs=6e-7)
    fixed = found.fixed_readers(clamp=False).test
    assert fixed is not None
    assert fixed.statistic == pytest.approx(chi, rel=2e-6)
    if name == "franken":  # Cov2 below Cov3: Iowa and RJafroc count them as equal, MRMCaov does not
        jack = analyse(auc_table(scores, truth), auc_covariance(scores, truth, "jackknife"))
        clamped, free = jack.fixed_readers().test, jack.fixed_readers(clamp=False).test
        assert clamped is not None
        assert free is not None
        assert (clamped.statistic, clamped.p) == pytest.approx((0.321013, 0.570999), abs=1e-6)
        assert (free.statistic, free.p) == pytest.approx((0.363956, 0.546317), abs=1e-6)


def one(scores: Any, truth: Any) -> MRMC:
    return analyse(auc_table(scores, truth), auc_covariance(scores, truth))


def test_what_cannot_be_estimated_says_why() -> None:
    scores, truth = roemetz()
    alone = one(scores[:, :1], truth)
    assert "One reader is no sample" in alone.random_readers_and_cases().why_not
    assert "One reader" in alone.fixed_cases().why_not
    fixed = alone.fixed_readers()
    assert fixed.test is not None
    assert math.isfinite(fixed.test.p)
    single = one(scores[:1], truth).random_readers_and_cases()
    assert single.test is None
    assert single.differences == {}
    assert len(single.means) == 1
    perfect = np.where(truth, 1.0, 0.0) * np.ones((2, 3, 1))
    nothing = one(perfect, truth)
    assert "denominator of F is zero" in nothing.random_readers_and_cases().why_not
    assert "zero or less" in nothing.fixed_readers().why_not
    assert all(mean.value == 1 and math.isnan(mean.p) for mean in nothing.random_readers_and_cases().means)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s, t: (np.where(np.arange(s.size).reshape(s.shape) == 5, np.nan, s), t), "an answer is missing"),
        (lambda s, t: (s, np.ones_like(t)), "positive and"),
        (lambda s, t: (s[0], t), "scores are"),
        (lambda s, t: (s, t[:-1]), "scores are"),
    ],
)
def test_what_is_no_crossed_study_is_refused(change: Any, says: str) -> None:
    scores, truth = change(*roemetz())
    with pytest.raises(ValueError, match=says):
        auc_table(scores, truth)


def test_one_reader_is_delongs_own_test() -> None:
    from napari_medgen.statistics.delong import compare_delong

    scores, truth = roemetz()
    ours = one(scores[:2, :1], truth).fixed_readers().by_reader[0, 1][0]
    known = compare_delong(scores[0, 0], scores[1, 0], truth)
    assert ours.p == pytest.approx(known.p, rel=1e-9)


def test_two_treatments_that_do_not_differ_are_told_apart_in_one_study_of_twenty() -> None:
    """Roe and Metz 1997 (Acad Radiol 4:298): variances of case .3, treatment-case .3, reader-case .2, error .2."""
    rng, truth, rejected, runs = np.random.default_rng(1), np.arange(50) < 25, 0, 400
    for _ in range(runs):
        case, reader = rng.normal(0, 0.3**0.5, (1, 1, 50)), rng.normal(0, 0.0055**0.5, (1, 5, 1))
        both, of_treatment = rng.normal(0, 0.0055**0.5, (2, 5, 1)), rng.normal(0, 0.3**0.5, (2, 1, 50))
        of_reader, rest = rng.normal(0, 0.2**0.5, (1, 5, 50)), rng.normal(0, 0.2**0.5, (2, 5, 50))
        scores = 1.5 * truth + case + (reader + both) * truth + of_treatment + of_reader + rest
        tested = one(scores, truth).random_readers_and_cases().test
        rejected += tested is not None and tested.p < 0.05
    assert 0.02 < rejected / runs < 0.085  # 4.8 % in 2,000 runs; four standard errors of 400

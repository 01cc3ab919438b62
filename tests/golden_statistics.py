"""What programs of R and Java print, beside what this package computes: for tests, and for the table in docs.

Numbers are in tests/statistics/data (made by running the programs; see docs/studies/statistics.md). Data of R packages
under the GPL are not: rows that need them are there only where ../shared lies beside the clone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.statistics import kappa, krippendorff, mrmc_power, rank_tests
from napari_medgen.statistics.dbm import analyse_pseudovalues
from napari_medgen.statistics.delong import compare_delong, delong
from napari_medgen.statistics.intraclass import intraclass
from napari_medgen.statistics.mrmc import analyse
from napari_medgen.statistics.mrmc_designs import analyse_design
from napari_medgen.statistics.multiplicity import holm
from napari_medgen.statistics.ordinal_mixed import fit_ordinal, likelihood_ratio
from napari_medgen.statistics.paired_proportions import durkalski, exact_mcnemar, mcnemar, obuchowski
from napari_medgen.statistics.proportions import clopper_pearson, clustered_error, wilson
from napari_medgen.statistics.reader_covariance import auc_covariance, auc_table, proportion_covariance
from napari_medgen.statistics.u_statistics import one_shot

DATA = Path(__file__).parent / "statistics" / "data"
BESIDE = Path(__file__).parents[2] / "shared" / "reference" / "reader-study"


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes
    ----------
    program, data, what
        Which program printed it, from which data, and what it is.
    theirs, ours
        The two values.
    within
        Largest distance that the printed digits allow.
    why
        Why it is larger than that of a last digit; empty where it is not.
    """

    program: str
    data: str
    what: str
    theirs: float
    ours: float
    within: float
    why: str = ""

    @property
    def agrees(self) -> bool:
        return abs(self.theirs - self.ours) <= self.within


@cache
def stats() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "stats.json").read_text())
    return found


@cache
def mrmc() -> dict[str, Any]:
    path = BESIDE / "golden-mrmc.json"
    found: dict[str, Any] = json.loads((path if path.is_file() else DATA / "mrmc.json").read_text())["datasets"]
    return found


def where(name: str) -> Path | None:
    """A file of data; None for one that may not travel and is not beside the clone."""
    return next((folder / name for folder in (DATA, BESIDE) if (folder / name).is_file()), None)


def rows_of(name: str) -> list[dict[str, str]]:
    path = where(name)
    assert path is not None
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def ratings(name: str, kinds: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """Scores (treatments, readers, cases) and truth of a long table of reader, treatment, case, truth, rating."""
    rows = [row for row in rows_of(name) if not kinds or row["treatment"] in kinds]
    names = [sorted({row[key] for row in rows}) for key in ("treatment", "reader")]
    cases = sorted({row["case"] for row in rows}, key=int)
    scores, truth = np.full((len(names[0]), len(names[1]), len(cases)), np.nan), np.zeros(len(cases), bool)
    for row in rows:
        place = names[0].index(row["treatment"]), names[1].index(row["reader"]), cases.index(row["case"])
        scores[place], truth[place[2]] = float(row["rating"]), row["truth"] == "1"
    return scores, truth


def paired() -> tuple[Any, Any, Any, Any]:
    """Answers and signed confidence (alone and aided, readers, cases), truth and patients of sim_paired.csv."""
    rows = rows_of("sim_paired.csv")
    readers = sorted({row["reader"] for row in rows}, key=int)
    cases = list(dict.fromkeys((row["case"], row["patient"]) for row in rows))
    answers = np.full((2, len(readers), len(cases)), np.nan)
    scores = answers.copy()
    truth = np.zeros(len(cases), bool)
    for row in rows:
        case = cases.index((row["case"], row["patient"]))
        place = ["alone", "aided"].index(row["arm"]), readers.index(row["reader"]), case
        answers[place] = float(row["answer"])
        scores[place] = float(row["confidence"]) * (1 if row["answer"] == "1" else -1)
        truth[case] = row["truth"] == "1"
    return answers, scores, truth, np.array([patient for _, patient in cases])


def maps() -> Any:
    """(readers, cases, models) of sim_ratings.csv."""
    return np.array([float(row["rating"]) for row in rows_of("sim_ratings.csv")]).reshape(6, 20, 3)


def from_counts(table: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Both answers and the patient of each pair, from counts a patient: both, first only, second only, neither."""
    first: list[bool] = []
    second: list[bool] = []
    groups: list[int] = []
    for number, (a, b, c, d) in enumerate(zip(*(table[key] for key in ("ak", "bk", "ck", "dk")), strict=True)):
        first += [True] * (a + b) + [False] * (c + d)
        second += [True] * a + [False] * b + [True] * c + [False] * d
        groups += [number] * (a + b + c + d)
    return np.array(first), np.array(second), np.array(groups)


def _last(value: float, digits: int = 6) -> float:
    """One in the last digit that is printed."""
    return 10.0 ** (np.floor(np.log10(abs(value))) - digits + 1) if value else 10.0**-digits


def _rows(program: str, data: str, pairs: dict[str, tuple[float, float]], digits: int = 9) -> Iterator[Row]:
    for what, (theirs, ours) in pairs.items():
        yield Row(program, data, what, float(theirs), float(ours), _last(theirs, digits))


def mrmc_rows(name: str, scores: Any, truth: Any, first_modality: int = 1) -> Iterator[Row]:
    """All that MRMCaov prints of one file, with three covariances, and what RJafroc and iMRMC print."""
    golden = mrmc()[name]["MRMCaov"]
    table = auc_table(scores, truth)
    yield from _rows(
        "MRMCaov",
        name,
        {f"area t{one['treatment']} r{one['reader']}": (one["value"], table.flat[i]) for i, one in enumerate(golden["auc"])},
    )
    for method, key in (("delong", "DeLong"), ("jackknife", "jackknife"), ("unbiased", "unbiased")):
        found = analyse(table, auc_covariance(scores, truth, method))  # type: ignore[arg-type]
        own, random = golden[key], found.random_readers_and_cases()
        parts = found.components
        known = own["RRRC"]["varcomp"]
        names = {"Error": parts.error, "Cov1": parts.cov1, "Cov2": parts.cov2, "Cov3": parts.cov3}
        names |= {"reader": parts.reader, "treatment:reader": parts.treatment_reader}
        yield from _rows("MRMCaov", name, {f"{key}: {one}": (known[one], ours) for one, ours in names.items()}, 8)
        for label, inference, block in (
            ("RRRC", random, own["RRRC"]),
            ("FRRC", found.fixed_readers(clamp=False), own["FRRC"]),
            ("RRFC", found.fixed_cases(), golden["RRFC"]),
        ):
            test, theirs = inference.test, block["test"][0]
            if test is None:
                continue
            pairs = {"statistic": (theirs.get("F", theirs.get("X2")), test.statistic), "p": (theirs["p-value"], test.p)}
            if "df2" in theirs:
                pairs["df2"] = (theirs["df2"], test.df2)
            for one, contrast in zip(block["diffs"], inference.differences.values(), strict=True):
                pairs[f"{one['Comparison']} difference"] = (one["Estimate"], contrast.value)
                pairs[f"{one['Comparison']} SE"] = (one["StdErr"], contrast.error)
                pairs[f"{one['Comparison']} low"] = (one["CI.Lower"], contrast.low)
                pairs[f"{one['Comparison']} high"] = (one["CI.Upper"], contrast.high)
            for one, mean in zip(block.get("means", ()), inference.means, strict=False):
                pairs[f"mean {one['treatment']} low"] = (one["CI.Lower"], mean.low)
                pairs[f"mean {one['treatment']} high"] = (one["CI.Upper"], mean.high)
            yield from _rows("MRMCaov", name, {f"{key} {label} {what}": pair for what, pair in pairs.items()}, 7)
    if "RJafroc" in mrmc()[name]:
        pseudo, block = analyse_pseudovalues(scores, truth), mrmc()[name]["RJafroc"]["DBM"]
        test = block["RRRC"]["FTests"]
        pairs = {
            "F": (test[0]["FStat"], pseudo.statistic),
            "df2": (test[1]["DF"], pseudo.df2),
            "p": (test[0]["p"], pseudo.p),
        }
        known = {one["row"]: one["Estimates"] for one in block["ANOVA"]["VarCom"]}
        own_parts = pseudo.components
        for label, ours in (
            ("VarR", own_parts.reader),
            ("VarC", own_parts.case),
            ("VarTR", own_parts.treatment_reader),
            ("VarTC", own_parts.treatment_case),
            ("VarRC", own_parts.reader_case),
            ("VarErr", own_parts.error),
        ):
            pairs[label] = (known[label], ours)
        yield from _rows("RJafroc DBM", name, pairs, 8)
    for kind, method in (("Ustat", "unbiased"), ("MLE", "mle")):
        for one in mrmc()[name].get("iMRMC_R", {}).get(kind, ()):
            first = int(one["modalityA"][1:]) - first_modality
            second = None if one["modalityB"] == "NO_MOD" else scores[int(one["modalityB"][1:]) - first_modality]
            found_ = one_shot(scores[first], truth, method, second)  # type: ignore[arg-type]
            suffix = "" if second is None else "AminusAUCB"
            pairs = {"variance": (one[f"varAUCA{'minusAUCB' if suffix else ''}"], found_.variance)}
            if isinstance(one["dfBDG"], (int, float)) and not found_.why_not:
                pairs |= {"df": (one["dfBDG"], found_.df), "p": (one["pValueBDG"], found_.p)}
                pairs |= {"low": (one["botCIBDG"], found_.low), "high": (one["topCIBDG"], found_.high)}
            shown = {f"{kind} {one['modalityA']}-{one['modalityB']} {what}": pair for what, pair in pairs.items()}
            for row in _rows("iMRMC", name, shown, 7):
                # p of 1e-7 and less keep few digits where they are one less something.
                yield row if not row.what.endswith(" p") else Row(*[*row.__dict__.values()][:5], max(row.within, 1e-11))


def published(name: str) -> Callable[[], Iterator[Row]]:
    kinds = {"kundel_2v3": ("2", "3")}.get(name, ())

    def made() -> Iterator[Row]:
        yield from mrmc_rows(name, *ratings(name.split("_")[0] + ".csv", kinds), int(kinds[0]) if kinds else 1)

    return made


def ours_of_roe_and_metz() -> Iterator[Row]:
    yield from mrmc_rows("sim_roemetz", *ratings("sim_roemetz.csv"))


def ours_of_pairs() -> Iterator[Row]:
    _, scores, truth, _ = paired()
    yield from mrmc_rows("sim_paired_confidence", scores, truth)


def binary() -> Iterator[Row]:
    answers, _, truth, _ = paired()
    cases = [("sim_paired", answers, truth)]
    if where("vandyke.csv") is not None:
        scores, known = ratings("vandyke.csv")
        cases.append(("vandyke_ge3", (scores >= 3).astype(float), known))
    for name, given, positive in cases:
        for kind, label in ((True, "sens"), (False, "spec")):
            right = (given[..., positive == kind] == kind).astype(float)
            found = analyse(right.mean(-1), proportion_covariance(right)).random_readers_and_cases().test
            theirs = mrmc()[name][label]["jackknife"]["RRRC"]["test"][0]
            assert found is not None
            pairs = {
                f"{label} F": (theirs["F"], found.statistic),
                f"{label} df2": (theirs["df2"], found.df2),
                f"{label} p": (theirs["p-value"], found.p),
            }
            yield from _rows("MRMCaov", name, pairs, 8)


def not_crossed() -> Iterator[Row]:
    scores, truth = ratings("vandyke.csv")
    cases = len(truth)
    readers = np.full((2, 5, 5 * cases), np.nan)
    for r in range(5):
        readers[:, r, r * cases : (r + 1) * cases] = scores[:, r]
    treatments = np.full((2, 5, 2 * cases), np.nan)
    for t in range(2):
        treatments[t, :, t * cases : (t + 1) * cases] = scores[t]
    nested = mrmc()["vandyke_nested"]
    for name, given, known, golden in (
        ("kundel, all three", *ratings("kundel.csv"), mrmc()["kundel_3"]["jackknife"]),
        ("vandyke, cases nested in readers", readers, np.tile(truth, 5), nested["case_nested_in_reader"]),
        ("vandyke, cases nested in treatments", treatments, np.tile(truth, 2), nested["case_nested_in_treatment"]),
    ):
        test, theirs = analyse_design(given, known)[1].test, golden["RRRC"]["test"][0]
        assert test is not None
        pairs = {"F": (theirs["F"], test.statistic), "df2": (theirs["df2"], test.df2), "p": (theirs["p-value"], test.p)}
        yield from _rows("MRMCaov", name, pairs, 8)


def power() -> Iterator[Row]:
    scores, truth = ratings("vandyke.csv")
    parts = analyse(auc_table(scores, truth), auc_covariance(scores, truth, "jackknife")).components
    found = mrmc_power.power(parts, 114, 6, 251, 0.05)
    pairs = {
        "J 6, K 251, effect .05: power": (0.892281989392, found.power),
        "J 6, K 251, effect .05: ncp": (11.6114529279, found.noncentrality),
        "J 6, K 251, effect .05: df2": (16.1270372073, found.df2),
        "J 6, 80 %: K": (170, mrmc_power.cases_needed(parts, 114, 6, 0.05) or -1),
    }
    yield from _rows("RJafroc", "vandyke", pairs, 8)


def areas() -> Iterator[Row]:
    tests = [("delong1988", "delong1988.csv", "popind", {"alb": "alb", "tp": "tp", "kg": "kg"})]
    if where("asah.csv") is not None:
        tests.append(("delong_asah", "asah.csv", "outcome", {}))
    for key, file, truth, _ in tests:
        rows = rows_of(file)
        positive = np.array([row[truth] in ("1", "Poor") for row in rows])
        for name, golden in stats()[key].items():
            if not isinstance(golden, dict) or "auc" not in golden or name == "global":
                continue
            first, second = (np.array([float(row[one]) for row in rows]) for one in name.split("_"))
            if delong(first, positive).value < 0.5 and golden["auc"][0] > 0.5:
                first, second = -first, -second
            found = compare_delong(first, second, positive)
            z = found.difference.value / found.difference.sd
            pairs = {
                f"{name}: area 1": (golden["auc"][0], found.first.value),
                f"{name}: area 2": (golden["auc"][1], found.second.value),
                f"{name}: SE 1": (golden["var"][0] ** 0.5, found.first.sd),
                f"{name}: Z": (golden["Z"], z),
                f"{name}: p": (golden["p"], found.p),
                f"{name}: low": (golden["diff_ci"][0], found.difference.low),
                f"{name}: high": (golden["diff_ci"][1], found.difference.high),
            }
            yield from _rows("pROC", key.removeprefix("delong_"), pairs, 8)


def all_at_once() -> Iterator[Row]:
    """The three areas of DeLong 1988 in one test: a chi-squared of two contrasts."""
    from napari_medgen.statistics.delong import compare_all

    rows = rows_of("delong1988.csv")
    positive = np.array([row["popind"] == "1" for row in rows])
    scores = np.array([[float(row[one]) for row in rows] for one in ("alb", "tp", "kg")])
    if delong(scores[0], positive).value < 0.5:
        scores = -scores
    golden = stats()["delong1988"]["global"]
    found = compare_all(scores, positive)
    yield from _rows("pROC", "delong1988", {"chi-squared": (golden["chisq"], found[0]), "p": (golden["p"], found[2])}, 8)


def agreement() -> Iterator[Row]:
    golden = stats()["fleiss1971"]
    found = kappa.fleiss(golden["counts"])
    by_category = kappa.fleiss_by_category(golden["counts"])
    yield from _rows("irr", "Fleiss 1971", {"kappa": (golden["kappa"], found.value)})
    yield Row("irrCAC", "Fleiss 1971", "standard error", 0.0542, found.error, 5e-5)
    for one, ours in zip(golden["detail"], by_category, strict=True):
        yield Row("irr", "Fleiss 1971", "kappa of a category", one["Kappa"], float(ours), 5.1e-4)
    other = stats()["fleiss_10x14x5"]
    yield from _rows("irr", "10 x 14 x 5", {"Fleiss' kappa": (other["kappa"], kappa.fleiss(other["counts"]).value)})
    made = stats()["weighted_kappa_3x3"]
    anxiety = stats()["weighted_kappa_anxiety"]
    for ours_, theirs_ in (("none", "unweighted"), ("linear", "linear"), ("quadratic", "quadratic")):
        one_ = kappa.cohen(made["table"], ours_)  # type: ignore[arg-type]
        pairs = {f"kappa, {ours_}": (made[theirs_][0], one_.value), f"ASE, {ours_}": (made[theirs_][1], one_.error)}
        yield from _rows("vcd", "3 x 3", pairs)
        two = kappa.cohen(anxiety["table"], ours_)  # type: ignore[arg-type]
        pairs = {f"kappa, {ours_}": (anxiety[theirs_]["kappa"], two.value), f"p, {ours_}": (anxiety[theirs_]["p"], two.p)}
        yield from _rows("irr", "anxiety", pairs)
    data = stats()["krippendorff_4obs"]
    for scale in ("nominal", "ordinal", "interval", "ratio"):
        ours_value = krippendorff.alpha(np.array(data["data_4x12"], float), scale, redraws=0).value  # type: ignore[arg-type]
        yield from _rows("irr", "4 observers x 12", {f"alpha, {scale}": (data[scale], ours_value)})
    shrout = stats()["icc_shrout_fleiss"]
    names = dict(
        zip(("ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"), intraclass(shrout["data_6x4"]).values(), strict=True)
    )
    for one in shrout["results"]:
        ours_icc = names[one["type"]]
        pairs = {
            ours_icc.kind: (one["ICC"], ours_icc.value),
            f"{ours_icc.kind} low": (one["lower bound"], ours_icc.low),
            f"{ours_icc.kind} high": (one["upper bound"], ours_icc.high),
        }
        yield from _rows("psych", "Shrout & Fleiss 1979", pairs)
    for place, model in enumerate("ABC"):
        known, given = stats()["sim_ratings"]["agreement"][model], maps()[:, :, place]
        codes = given.astype(int)
        counts = np.stack([(codes == k).sum(0) for k in range(6)], 1)
        icc = intraclass(given.T)
        pairs = {
            "Fleiss' kappa": (known["fleiss"], kappa.fleiss(counts).value),
            "alpha, nominal": (known["alpha"]["nominal"], krippendorff.alpha(given, "nominal", redraws=0).value),
            "alpha, ordinal": (known["alpha"]["ordinal"], krippendorff.alpha(given, "ordinal", redraws=0).value),
            "alpha, interval": (known["alpha"]["interval"], krippendorff.alpha(given, "interval", redraws=0).value),
            "ICC(2,1)": (known["ICC"]["ICC2"], icc["ICC(2,1)"].value),
            "ICC(2,1) low": (known["ICC_lb"][1], icc["ICC(2,1)"].low),
            "ICC(2,1) high": (known["ICC_ub"][1], icc["ICC(2,1)"].high),
        }
        yield from _rows("irr, psych, krippendorff", f"sim_ratings {model}", pairs)


def proportions() -> Iterator[Row]:
    for one in stats()["wilson"]["rows"]:
        low, high = wilson(one["x"], one["n"])
        exact = clopper_pearson(one["x"], one["n"])
        pairs = {
            f"Wilson {one['x']}/{one['n']} low": (one["wilson"][0], low),
            f"Wilson {one['x']}/{one['n']} high": (one["wilson"][1], high),
            f"Clopper-Pearson {one['x']}/{one['n']} low": (one["clopper_pearson"][0], exact[0]),
            f"Clopper-Pearson {one['x']}/{one['n']} high": (one["clopper_pearson"][1], exact[1]),
        }
        for row in _rows("binom", "counts", pairs):
            yield Row(row.program, row.data, row.what, row.theirs, row.ours, max(row.within, 1e-15))
    for name in ("clustered_thyroids", "clustered_psychiatry"):
        known, given = stats()[name], from_counts(stats()[name])
        for test, made in (("obuchowski", obuchowski(*given)), ("durkalski", durkalski(*given))):
            pairs = {f"{test} chi-squared": (known[test][0], made.statistic), f"{test} p": (known[test][1], made.p)}
            yield from _rows("clust.bin.pair", name.removeprefix("clustered_"), pairs)
        naive = mcnemar(int((given[0] & ~given[1]).sum()), int((~given[0] & given[1]).sum()))
        yield from _rows("R", name.removeprefix("clustered_"), {"McNemar": (known["mcnemar"][0], naive.statistic)})
    prop, given = stats()["clustered_prop_thyroids"], from_counts(stats()["clustered_thyroids"])
    pairs = {
        "PET": (prop["p"], float(given[0].mean())),
        "SE of PET": (prop["se"], clustered_error(given[0], given[2])),
        "SPECT": (prop["p_spect"], float(given[1].mean())),
        "SE of SPECT": (prop["se_spect"], clustered_error(given[1], given[2])),
    }
    yield from _rows("survey", "thyroids", pairs)
    answers, _, truth, patients = paired()
    for kind, label in ((False, "spec"), (True, "sens")):
        known = stats()["sim_paired"][label]
        right = (answers[..., truth == kind] == kind).reshape(2, -1)
        whose = np.tile(patients[truth == kind], 7)
        b, c = known["mcnemar"]["b_alone_only"], known["mcnemar"]["c_aided_only"]
        clustered, plain = obuchowski(right[0], right[1], whose), mcnemar(b, c)
        pairs = {
            f"{label} alone": (known["alone"]["p"], right[0].mean()),
            f"{label} alone, SE": (known["alone"]["cluster_se"], clustered_error(right[0], whose)),
            f"{label} aided, SE": (known["aided"]["cluster_se"], clustered_error(right[1], whose)),
            f"{label} McNemar": (known["mcnemar"]["chi2"], plain.statistic),
            f"{label} McNemar p": (known["mcnemar"]["p"], plain.p),
            f"{label} McNemar, corrected p": (known["mcnemar"]["p_cc"], mcnemar(b, c, corrected=True).p),
            f"{label} McNemar, exact p": (known["mcnemar"]["exact_p"], exact_mcnemar(b, c).p),
            f"{label} Obuchowski": (known["by_patient"]["obuchowski"][0], clustered.statistic),
            f"{label} Obuchowski p": (known["by_patient"]["obuchowski"][1], clustered.p),
            f"{label} Durkalski": (known["by_patient"]["durkalski"][0], durkalski(right[0], right[1], whose).statistic),
        }
        yield from _rows("survey, R, clust.bin.pair", "sim_paired", pairs)
    agresti = stats()["mcnemar_agresti"]
    pairs = {
        "McNemar": (agresti["chi2"], mcnemar(150, 86).statistic),
        "McNemar, corrected": (agresti["chi2_cc"], mcnemar(150, 86, corrected=True).statistic),
        "p, corrected": (agresti["p_cc"], mcnemar(150, 86, corrected=True).p),
    }
    yield from _rows("R", "Agresti 1990", pairs)


def ranks() -> Iterator[Row]:
    known = stats()["friedman_rounding"]
    found = rank_tests.friedman(known["data_22x3"])
    pairs = {
        "chi-squared": (known["chi2"], found.statistic),
        "p": (known["p"], found.p),
        "W": (known["W"], found.concordance),
    }
    yield from _rows("R friedman.test", "RoundingTimes", pairs)
    blocks = maps().reshape(120, 3)
    golden = stats()["sim_ratings"]
    whole = rank_tests.friedman(blocks)
    pairs = {"chi-squared": (golden["friedman"]["chi2"], whole.statistic), "p": (golden["friedman"]["p"], whole.p)}
    yield from _rows("R friedman.test", "sim_ratings, 120 blocks", pairs)
    tests = [rank_tests.wilcoxon(blocks[:, i], blocks[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    plain = [rank_tests.wilcoxon(blocks[:, i], blocks[:, j], corrected=False) for i, j in ((0, 1), (0, 2), (1, 2))]
    after = holm([one[1] for one in tests])
    given = golden["wilcoxon"]
    pairs = {}
    for place, pair in enumerate(given["pairs"]):
        pairs[f"{pair} V"] = (given["V"][place], tests[place][0])
        pairs[f"{pair} p"] = (given["p_cc"][place], tests[place][1])
        pairs[f"{pair} p, Holm"] = (given["p_cc_holm"][place], float(after[place]))
        pairs[f"{pair} p, not corrected"] = (given["p_nocc"][place], plain[place][1])
    yield from _rows("R wilcox.test", "sim_ratings, 120 blocks", pairs)
    means = rank_tests.friedman(maps().mean(0))
    known = golden["case_means"]["friedman"]
    pairs = {"chi-squared": (known["chi2"], means.statistic), "p": (known["p"], means.p)}
    yield from _rows("R friedman.test", "sim_ratings, case means", pairs)


def ordinal() -> Iterator[Row]:
    rows = rows_of("sim_ratings.csv")
    answers = [int(row["rating"]) for row in rows]
    fixed = np.array([[row["model"] == "B", row["model"] == "C"] for row in rows], float)
    readers, cases = [row["reader"] for row in rows], [row["case"] for row in rows]
    golden = stats()["sim_ratings"]["clmm"]
    crossed = fit_ordinal(answers, fixed, [cases, readers])
    yield from _ordinal("sim_ratings, readers and cases, Laplace", golden["crossed_reader_case"], crossed)
    without = fit_ordinal(answers, np.zeros((len(answers), 0)), [cases, readers])
    chi = likelihood_ratio(without, crossed)
    yield Row("ordinal", "sim_ratings", "likelihood ratio", golden["lr_model"]["chi2"], chi[0], 1e-5)
    yield from _ordinal(
        "sim_ratings, cases, 10 points", golden["case_only_AGQ10"], fit_ordinal(answers, fixed, [cases], points=10)
    )
    yield from _ordinal("sim_ratings, no random effect", golden["clm"], fit_ordinal(answers, fixed, []))
    if where("wine.csv") is None:
        return
    rows = rows_of("wine.csv")
    fixed = np.array([[row["temp"] == "warm", row["contact"] == "yes"] for row in rows], float)
    for points, key in ((1, "clmm_laplace"), (10, "clmm_AGQ10")):
        found = fit_ordinal([int(row["rating"]) for row in rows], fixed, [[row["judge"] for row in rows]], points=points)
        yield from _ordinal(f"wine, {points} points", stats()["ordinal_wine"][key], found)


def _ordinal(data: str, golden: dict[str, Any], found: Any) -> Iterator[Row]:
    why = "where the optimiser stops; ours has the higher likelihood, or the same"
    values = np.r_[found.thresholds, found.effects]
    errors = np.r_[found.threshold_errors, found.errors]
    for name, theirs, ours in zip(golden["names"], golden["est"], values, strict=True):
        yield Row("ordinal", data, name, theirs, float(ours), 1.2e-4 * max(abs(theirs), 0.3), why)
    for name, theirs, ours in zip(golden["names"], golden["se"], errors, strict=True):
        yield Row("ordinal", data, f"SE of {name}", theirs, float(ours), 1e-4 * theirs, why)
    yield Row("ordinal", data, "log-likelihood", golden["logLik"], found.log_likelihood, 1e-4, why)


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "sim_roemetz": ours_of_roe_and_metz,
    "sim_paired": ours_of_pairs,
    "sensitivity and specificity": binary,
    "areas": areas,
    "areas, all at once": all_at_once,
    "agreement": agreement,
    "proportions": proportions,
    "ranks": ranks,
    "ordinal": ordinal,
}
if where("vandyke.csv") is not None:
    GROUPS |= {name: published(name) for name in ("vandyke", "franken", "kundel_2v3")}
    GROUPS |= {"designs": not_crossed, "power": power}

"""How good a progression model is, on visits whose follow-up is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError
from napari_medgen.models.card import Figure
from napari_medgen.models.kept import Opens, computed_with, opened_here
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.progressors import Outcome, outcomes
from napari_medgen.progression.knee_measures import Baseline, EvaluationRequest, Judged, Knee, MeasuresKnee
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.side_check import FIGURE as SIDE_FIGURE
from napari_medgen.progression.trajectories import ExtrapolationRequest, extrapolate, walk
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Shard
from napari_medgen.running.stamps import file_stamp
from napari_medgen.statistics.agreement import quadratic_kappa
from napari_medgen.statistics.bootstrap import group_indices, mean_estimate
from napari_medgen.statistics.delong import compare_delong, delong

_SEVERAL = 2  # visits that one step leads to the end of


def evaluate_progression(
    opens: Opens[Judged], cohort: Cohort, request: EvaluationRequest | None = None, gathering: Gathering | None = None
) -> Steps[dict[str, Any]]:
    """Measure a model on a cohort of patients it was not trained on; neighbours come from the model's own cohort.

    Parameters
    ----------
    opens
        Gives the model, and the supervised classifier that its risk is compared with.
    cohort
        Built with the model, with its images at hand; a knee whose image is not there, or cannot be read, is named.
    gathering
        Where the knees are measured, and where their numbers are kept.

    Yields
    ------
    Progress
        A step a knee.

    Raises
    ------
    CohortError
        If no knee with images has two graded visits, or a patient is in the model's own cohort too.
    """
    request, gathering = request or EvaluationRequest(), gathering or Gathering()
    judged = opened_here(opens, gathering.placement)
    extrapolator = judged.extrapolator
    known = extrapolator.known_cohort
    own = {visit.patient for visit in known.visits}
    shared = {patient for patient in {v.patient for v in cohort.visits} if known.key_of(patient) in own}
    if shared:
        raise CohortError(f"{len(shared)} patients are in the model's own cohort too, for example {min(shared)}.")
    found = outcomes(cohort.visits)
    if not found:
        raise CohortError("No knee of the cohort has two graded visits at different times.")
    unreadable: dict[str, str] = {}
    knees = _knees(found, cohort, unreadable)
    latents = hashlib.sha256(np.ascontiguousarray(cohort.latents).tobytes()).hexdigest()
    plan = [*computed_with(opens), latents, vars(request)]
    measured = yield from gather(MeasuresKnee(opens, request), knees, gathering, plan, "Measuring knees")
    unreadable |= {piece.name: one["failed"] for piece, one in zip(knees, measured, strict=True) if "failed" in one}
    kept = [(piece.what.outcome, one) for piece, one in zip(knees, measured, strict=True) if "failed" not in one]
    if not kept:
        raise CohortError(f"No knee of the cohort can be measured. {next(iter(unreadable.values()))}")
    walked = yield from _walked(cohort, extrapolator)
    report = _report([outcome for outcome, _ in kept], [one for _, one in kept], request, cohort, judged.baseline)
    return report | {"several_visits": walked, "unreadable": unreadable}


def _knees(found: Sequence[Outcome], cohort: Cohort, missing: dict[str, str]) -> list[Shard[Knee]]:
    """A shard a knee; those whose images are not there are told."""
    rows = {id(visit): row for row, visit in enumerate(cohort.visits)}
    pieces = []
    for outcome in found:
        first, last = (rows[id(visit)] for visit in (outcome.baseline, outcome.followup))
        name, paths = (
            f"{outcome.baseline.image} to {outcome.followup.image}",
            [cohort.image_path(row) for row in (first, last)],
        )
        if paths[0] is None or paths[1] is None:
            absent = outcome.baseline if paths[0] is None else outcome.followup
            missing[name] = f"The image {absent.image} of the cohort is not there."
            continue
        files = tuple(file_stamp(path) for path in paths)
        pieces.append(Shard(name, Knee(outcome, cohort.latents[first], paths[0].resolve(), paths[1].resolve(), files)))
    return pieces


def _walked(cohort: Cohort, extrapolator: Extrapolator) -> Steps[dict[str, Any] | None]:
    """The multi-visit experiment (Han 2022): knees with three visits or more, predicted one visit after the other.

    Distances of latents from those of the real last visit: walked to, gone to on one neighbour's way, and not moved at all.
    """
    knees = [rows for rows in cohort.trajectories.values() if len(rows) > _SEVERAL]
    known, mirrored = extrapolator.known_cohort, bool(extrapolator.architecture.mirror)
    distances: dict[str, list[float]] = {"walked": [], "one_way": [], "stayed": []}
    patients = []
    for number, rows in enumerate(knees):
        first = cohort.visits[rows[0]]
        passed = (cohort.visits[row].months - first.months for row in rows[1:])
        months = tuple(dict.fromkeys(time for time in passed if time > 0))  # two images of one day are one visit
        if not months:
            continue
        w, real = cohort.latents[rows[0]], cohort.latents[rows[-1]]
        asked = ExtrapolationRequest((months[-1],), 1)
        reached = {
            "walked": walk(w, months, known, side=first.side, mirrored=mirrored)[-1],
            "one_way": w + extrapolate(w, known, asked, side=first.side, mirrored=mirrored).change(months[-1]),
            "stayed": w,
        }
        for name, predicted in reached.items():
            distances[name].append(float(np.linalg.norm(predicted - real)))
        patients.append(first.patient)
        yield Progress(number + 1, len(knees), "Walking from visit to visit")
    if not patients:
        return None
    groups = group_indices(patients)
    return {"knees": len(patients)} | {name: mean_estimate(row, groups=groups).as_dict() for name, row in distances.items()}


def _report(
    found: Sequence[Outcome],
    measured: Sequence[dict[str, Any]],
    request: EvaluationRequest,
    cohort: Cohort,
    baseline: Baseline | None,
) -> dict[str, Any]:
    patients = group_indices([outcome.baseline.patient for outcome in found])

    def mean(values: Sequence[float] | NDArray[np.floating], whose: NDArray[np.intp] = patients) -> dict[str, float]:
        """Mean with its interval, patients redrawn: two knees of one are alike."""
        return mean_estimate(values, groups=whose).as_dict()

    def pair(name: str) -> dict[str, dict[str, float]]:
        return {"psnr_db": mean([m[name][0] for m in measured]), "perceptual": mean([m[name][1] for m in measured])}

    grades = 5  # of Kellgren and Lawrence
    truth = np.array([outcome.followup.grade or 0 for outcome in found])
    path = np.array([m["path"] for m in measured])
    eligible = np.array([outcome.eligible for outcome in found])
    rises = np.array([outcome.rise > 0 for outcome in found])
    better = np.array([m["copied_projection"][1] - m["predicted"][1] for m in measured])[rises]
    return {
        "surrogate": cohort.surrogate,
        "knees": len(found),
        "patients": len(set(patients.tolist())),
        "horizon_months": request.horizon,
        "neighbours": request.neighbours,
        "mode": request.mode,
        "projection": pair("projection"),
        "followup": {
            "predicted": pair("predicted"),
            "baseline_copied": pair("copied"),
            "projected_baseline_copied": pair("copied_projection"),
            "perceptual_gain_where_the_grade_rose": mean(better, patients[rises]) if len(better) > 1 else None,
        },
        "grade": {
            "months": [0.0, *request.months],
            "mean_expected_grade": [mean(column) for column in path.T],
            "share_of_knees_that_rise": mean((path[:, -1] > path[:, 0]).astype(float)),
            "kappa_predicted_to_followup": quadratic_kappa(truth, [m["predicted_grade"] for m in measured], grades),
            "kappa_baseline_to_followup": quadratic_kappa(truth, [m["baseline_grade"] for m in measured], grades),
        },
        "side": {"knees": len(measured), "wrong": sum(m["side_margin"] < 0 for m in measured)},
        "risk": _risk_report(
            [m for m, kept in zip(measured, eligible, strict=True) if kept],
            np.array([outcome.fast for outcome in found])[eligible],
            patients[eligible],
            baseline,
        ),
    }


def _risk_report(
    measured: Sequence[dict[str, Any]], fast: NDArray[np.bool_], patients: NDArray[np.intp], baseline: Baseline | None
) -> dict[str, Any]:
    def area(name: str) -> dict[str, float]:
        return delong([m[name] for m in measured], fast, patients).as_dict()

    report: dict[str, Any] = {
        "knees": len(fast),
        "fast": int(fast.sum()),
        "auc": area("risk"),
        "auc_from_the_projected_baseline": area("projected_risk"),
        "auc_mean_of_neighbours": area("neighbours_risk"),
        "auc_of_the_baseline_grade_alone": area("expected_grade"),
    }
    if baseline is not None:
        compared = compare_delong([m["risk"] for m in measured], [m["supervised"] for m in measured], fast, patients)
        report["supervised"] = {"model": baseline.name, **compared.as_dict()}
    return report


def figures(report: dict[str, Any]) -> dict[str, Figure]:
    """The report's chief numbers, for the model card."""
    note = f"{report['knees']} knees of {report['patients']} patients"
    if report["surrogate"]:
        note += "; surrogate, not follow-up"

    def figure(estimate: dict[str, float], unit: str, more: str = "") -> Figure:
        text = f"{note}{more}; 95 % interval {estimate['low']:.3g} to {estimate['high']:.3g}"
        return Figure(value=estimate["value"], unit=unit, note=text)

    follow, grade, risk = report["followup"], report["grade"], report["risk"]
    horizon = f"; {report['horizon_months']:g} months; {risk['knees']} eligible, {risk['fast']} fast"
    found = {
        "projection PSNR": figure(report["projection"]["psnr_db"], "dB"),
        "predicted to real follow-up, perceptual": figure(follow["predicted"]["perceptual"], ""),
        "projected baseline to real follow-up, perceptual": figure(follow["projected_baseline_copied"]["perceptual"], ""),
        "mean grade at the start of the path": figure(grade["mean_expected_grade"][0], "grades"),
        f"mean grade after {grade['months'][-1]:g} months": figure(grade["mean_expected_grade"][-1], "grades"),
        "risk AUC": figure(risk["auc"], "", horizon),
    }
    side = report["side"]
    found[SIDE_FIGURE] = Figure(value=side["wrong"] / side["knees"], note=f"{side['knees']} knees kept apart")
    if "supervised" in risk:
        found["supervised baseline AUC"] = figure(risk["supervised"]["second"], "", horizon)
        found["risk AUC minus supervised"] = figure(risk["supervised"]["difference"], "", horizon)
    return found

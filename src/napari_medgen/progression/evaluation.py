"""How good a progression model is, on visits whose follow-up is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import CohortError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.card import Figure
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.progressors import Outcome, outcomes
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.grader import expected_grade, normalised, perceptual_distance
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.risk import progression_risk
from napari_medgen.progression.side_check import FIGURE as SIDE_FIGURE
from napari_medgen.progression.side_check import side_margin
from napari_medgen.progression.trajectories import Extrapolation, ExtrapolationRequest, Mode, extrapolate, walk
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.statistics.agreement import quadratic_kappa
from napari_medgen.statistics.bootstrap import group_indices, mean_estimate
from napari_medgen.statistics.delong import compare_delong, delong

_AT_ONCE = 16
_SEVERAL = 2  # visits that one step leads to the end of


class Baseline(Protocol):
    """A supervised classifier of fast progression, which sees the baseline image alone."""

    @property
    def name(self) -> str:
        """Of the model."""

    def risk(self, image: Radiograph) -> float:
        """Probability of fast progression."""


@dataclass(frozen=True)
class EvaluationRequest:
    """How to measure.

    Attributes
    ----------
    horizon
        Months at which every knee's risk is taken: the same for all, so that the time to a known follow-up tells nothing.
    months
        Times at which the mean grade along the path is reported.
    neighbours, mode
        As for an extrapolation.
    """

    horizon: float = 48.0
    months: tuple[float, ...] = (12.0, 24.0, 48.0, 96.0)
    neighbours: int = 8
    mode: Mode = "strict"


@dataclass(frozen=True)
class _Case:
    """A knee whose follow-up is known: its rows in the cohort, and its frames (1, 1, H, W) in [-1, 1]."""

    outcome: Outcome
    row: int
    baseline: Tensor
    followup: Tensor
    image: Radiograph


def evaluate_progression(
    extrapolator: Extrapolator, cohort: Cohort, request: EvaluationRequest | None = None, baseline: Baseline | None = None
) -> Steps[dict[str, Any]]:
    """Measure a model on a cohort of patients it was not trained on; neighbours come from the model's own cohort.

    Parameters
    ----------
    cohort
        Built with the model, with its images at hand.
    baseline
        The supervised classifier that the risk is compared with.

    Yields
    ------
    Progress
        A step a knee.

    Raises
    ------
    CohortError
        If no knee has two graded visits, an image is missing, or a patient is in the model's own cohort too.
    """
    request = request or EvaluationRequest()
    known = extrapolator.known_cohort
    own = {visit.patient for visit in known.visits}
    shared = {patient for patient in {v.patient for v in cohort.visits} if known.key_of(patient) in own}
    if shared:
        raise CohortError(f"{len(shared)} patients are in the model's own cohort too, for example {min(shared)}.")
    rows = {visit.image: row for row, visit in enumerate(cohort.visits)}
    found = outcomes(cohort.visits)
    if not found:
        raise CohortError("No knee of the cohort has two graded visits at different times.")
    measured = []
    for number, outcome in enumerate(found):
        case = _case(outcome, rows[outcome.baseline.image], cohort, extrapolator)
        measured.append(_measure(case, cohort, extrapolator, request, baseline))
        yield Progress(number + 1, len(found), "Evaluating")
    walked = yield from _walked(cohort, extrapolator)
    return _report(found, measured, request, cohort, baseline) | {"several_visits": walked}


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


def _case(outcome: Outcome, row: int, cohort: Cohort, extrapolator: Extrapolator) -> _Case:
    def read(visit_row: int) -> Radiograph:
        path, visit = cohort.image_path(visit_row), cohort.visits[visit_row]
        if path is None:
            raise CohortError(f"The image {visit.image} of the cohort is not there.")
        return replace(read_radiograph(path), laterality=visit.side)

    later = next(i for i, visit in enumerate(cohort.visits) if visit is outcome.followup)
    image = read(row)
    own = extrapolator.architecture
    return _Case(outcome, row, frame_of(image, own)[1], frame_of(read(later), own)[1], image)


def _measure(
    case: _Case, cohort: Cohort, extrapolator: Extrapolator, request: EvaluationRequest, baseline: Baseline | None
) -> dict[str, Any]:
    w = cohort.latents[case.row]
    asked = ExtrapolationRequest(request.months, request.neighbours, request.mode)
    way = extrapolate(
        w,
        extrapolator.known_cohort,
        asked,
        side=case.outcome.baseline.side,
        mirrored=bool(extrapolator.architecture.mirror),
    )
    images = _images(extrapolator, w, _changes(way, case.outcome.months, request))
    before, after = to_grey(case.baseline), to_grey(case.followup)
    said = extrapolator.grader.probabilities(torch.cat([before, after, images]))
    grades, base = expected_grade(said).numpy(), said[0].numpy()
    length, ways = len(request.months), 4 + len(request.months)
    return {
        "projection": _distance(extrapolator, before, images[:1]),
        "predicted": _distance(extrapolator, after, images[1:2]),
        "copied": _distance(extrapolator, after, before),
        "copied_projection": _distance(extrapolator, after, images[:1]),
        "path": [float(grades[2]), *(float(g) for g in grades[4 : 4 + length])],
        "predicted_grade": int(said[3].argmax()),
        "baseline_grade": int(said[0].argmax()),
        "risk": float(progression_risk(base, said[ways].numpy())),
        "projected_risk": float(progression_risk(said[2].numpy(), said[ways].numpy())),
        "neighbours_risk": float(progression_risk(base, said[ways + 1 :].numpy()).mean()),
        "expected_grade": float(grades[0]),
        "supervised": baseline.risk(case.image) if baseline is not None else None,
        "side_margin": side_margin(extrapolator, case.image),
    }


def _changes(way: Extrapolation, months: float, request: EvaluationRequest) -> NDArray[np.float32]:
    """Nothing, to the follow-up, along the path, to the horizon, and to the horizon on each neighbour's way."""
    mean = [way.change(0), way.change(months), *(way.change(m) for m in request.months), way.change(request.horizon)]
    return np.stack([*mean, *(way.change(request.horizon, i) for i in range(len(way.neighbours)))])


@torch.no_grad()
def _images(extrapolator: Extrapolator, w: NDArray[np.float32], changes: NDArray[np.float32]) -> Tensor:
    ws = torch.from_numpy(w + changes).to(extrapolator.device.torch)
    parts = [
        to_grey(extrapolator.generator.synthesis(extrapolator.generator.spread(ws[i : i + _AT_ONCE])))
        for i in range(0, len(ws), _AT_ONCE)
    ]
    return torch.cat(parts).cpu()


@torch.no_grad()
def _distance(extrapolator: Extrapolator, a: Tensor, b: Tensor) -> tuple[float, float]:
    """PSNR in decibels and perceptual distance of two frames in [0, 1]."""
    error = float((a - b).square().mean())
    features = [normalised(extrapolator.grader.features(one)) for one in (a, b)]
    return float(-10 * np.log10(max(error, 1e-10))), float(perceptual_distance(*features)[0])


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

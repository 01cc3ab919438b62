"""Measure a classifier: discrimination, calibration, robustness, and whether its maps look where they should."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.models.card import Figure
from napari_medgen.models.kept import Opens, opened_here
from napari_medgen.running.gathering import Gathering
from napari_medgen.running.progress import Steps
from napari_medgen.saliency.architecture import ClassifierArchitecture
from napari_medgen.saliency.evaluation.answers import answers
from napari_medgen.saliency.evaluation.labelled_set import LabelTable, TestSet, find_test_set, named
from napari_medgen.saliency.evaluation.map_set import MapScores, score_maps
from napari_medgen.saliency.evaluation.robustness import class_aucs, robustness_curve
from napari_medgen.saliency.model import Classifier
from napari_medgen.statistics.agreement import kappa_estimate
from napari_medgen.statistics.bootstrap import REDRAWS, mean_estimate
from napari_medgen.statistics.calibration import calibration

Report = dict[str, Any]


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure.

    Attributes
    ----------
    epsilons
        Radii of the attack (APGD, 20 steps).
    attacked_images
        At most so many images are attacked, spread over the set.
    redraws
        Of the bootstrap.
    maps
        Whether maps are scored where masks exist.
    """

    epsilons: tuple[float, ...] = (0.0025, 0.005, 0.01)
    attacked_images: int = 400
    redraws: int = REDRAWS
    maps: bool = True


def evaluate_classifier(
    opens: Opens[Classifier],
    data: Path,
    request: EvaluationRequest | None = None,
    *,
    labels: LabelTable | None = None,
    gathering: Gathering | None = None,
) -> Steps[Report]:
    """Measure a classifier on the test images of a folder, which are read in batches; one that cannot be is named.

    Parameters
    ----------
    data
        Folder laid out as the model's recipe says, or with the table of ``labels``.
    gathering
        Where the batches are computed, and where their numbers are kept.

    Yields
    ------
    Progress
        Batches looked at and attacked, maps made.

    Returns
    -------
    dict
        For JSON: intervals are 95 %, by redrawing patients.
    """
    request, gathering = request or EvaluationRequest(), gathering or Gathering()
    classifier = opened_here(opens, gathering.placement)
    own = classifier.architecture
    names = own.domain_names or ("only",)
    found = find_test_set(classifier, data, labels=labels)
    with gathering.workers():
        test, said = yield from answers(opens, found, range(len(names)), gathering)
        report: Report = {
            "model": classifier.name,
            "checksum": classifier.folder.card.checksum,
            "training": own.training,
            "images": len(test),
            "patients": int(test.groups.max()) + 1,
            "left_out": test.left_out,
            "unreadable": named(test.unreadable),
            "redraws": request.redraws,
            "batch_norms": {},
        }
        for domain, name in enumerate(names):
            report["batch_norms"][name] = _discrimination(own, said[domain], test, request.redraws)
            if request.maps and test.masked:
                scores = yield from score_maps(opens, test, domain, gathering)
                report["batch_norms"][name]["maps"] = _summary(scores, request.redraws)
                report["unreadable"] |= named(scores.failed)
        attacked = test.first(request.attacked_images)
        points = yield from robustness_curve(
            opens,
            own.labels,
            attacked,
            request.epsilons,
            range(len(names)),
            redraws=request.redraws,
            gathering=gathering,
        )
        report["attack"] = {"method": "APGD, L-infinity, 20 steps, no restart", "images": len(attacked)}
        for point in points:
            entry = {label: estimate.as_dict() for label, estimate in point.auc.items()}
            report["batch_norms"][names[point.domain]].setdefault("auc_under_attack", {})[f"{point.epsilon:g}"] = entry
        return report


def _discrimination(own: ClassifierArchitecture, said: NDArray[np.float64], test: TestSet, redraws: int) -> Report:
    truth = test.targets.numpy()
    aucs = class_aucs(own.labels, said, test, redraws)
    found: Report = {
        "auc": {label: estimate.as_dict() for label, estimate in aucs.items()},
        "mean_auc": float(np.nanmean([estimate.value for estimate in aucs.values()])),
        "calibration": {},
    }
    for index, label in enumerate(own.labels):
        known = ~np.isnan(truth[:, index])
        fit = calibration(said[known, index], truth[known, index] > 0)
        found["calibration"][label] = {"expected_error": fit.error, "brier": fit.brier}
    if own.exclusive:
        grade, grades = truth.argmax(1), said.argmax(1)
        found["accuracy"] = mean_estimate(grade == grades, redraws=redraws, groups=test.groups).as_dict()
        if own.ordinal:
            kappa = kappa_estimate(grade, grades, len(own.labels), redraws=redraws, groups=test.groups)
            found["quadratic_kappa"] = kappa.as_dict()
            near = mean_estimate(np.abs(grade - grades) <= 1, redraws=redraws, groups=test.groups)
            found["within_one_grade"] = near.as_dict()
            found["confusion"] = (
                np.bincount(grade * len(own.labels) + grades, minlength=len(own.labels) ** 2)
                .reshape(len(own.labels), -1)
                .tolist()
            )
    else:
        right = np.where(np.isnan(truth), np.nan, (said >= 0.5) == (truth > 0))
        found["accuracy"] = mean_estimate(np.nanmean(right, 1), redraws=redraws, groups=test.groups).as_dict()
    return found


def _summary(scores: MapScores, redraws: int) -> Report:
    def estimate(values: NDArray[np.float64]) -> dict[str, float]:
        return mean_estimate(values, redraws=redraws, groups=scores.groups).as_dict()

    return {
        "images": len(scores),
        "patients": len(np.unique(scores.groups)),
        "energy_inside": estimate(scores.energy),
        "chance": float(np.nanmean(scores.chance)),
        "pointing_game": estimate(scores.pointing),
        "deletion_area": estimate(scores.deletion),
        "insertion_area": estimate(scores.insertion),
    }


def figures(report: Report) -> dict[str, Figure]:
    """The report's main numbers for the model's card: those of clean images through the first batch norm, and robustness."""
    found: dict[str, Figure] = {}
    images = f"{report['images']} test images of {report['patients']} patients"
    first = next(iter(report["batch_norms"].values()))

    def add(name: str, entry: dict[str, float], note: str) -> None:
        interval = f"95 % interval {entry['low']:.3f} to {entry['high']:.3f}; {note}"
        found[name] = Figure(value=entry["value"], note=interval)

    for label, entry in first["auc"].items():
        add(f"AUC {label}", entry, images)
    if len(first["auc"]) > 1:
        found["mean AUC"] = Figure(value=first["mean_auc"], note=f"each class against the others; {images}")
    for key, title in (("quadratic_kappa", "quadratic weighted kappa"), ("accuracy", "accuracy")):
        if key in first:
            add(title, first[key], images)
    for name, entry in report["batch_norms"].items():
        through = "" if name == "only" else f", {name} batch norm"
        if "maps" in entry:
            scored = f"{entry['maps']['images']} positive images with a mask; chance {entry['maps']['chance']:.3f}"
            add(f"map energy inside{through}", entry["maps"]["energy_inside"], scored)
        for epsilon, attacked in entry.get("auc_under_attack", {}).items():
            mean = float(np.nanmean([one["value"] for one in attacked.values()]))
            note = f"{report['attack']['method']}; {report['attack']['images']} images"
            found[f"mean AUC under attack, epsilon {epsilon}{through}"] = Figure(value=mean, note=note)
    return found

"""Measure a classifier: discrimination, calibration, robustness, and whether its maps look where they should."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.models.card import Figure
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.attribution import attribute, clip_to_spread
from napari_medgen.saliency.evaluation.labelled_set import LabelTable, TestSet, load_test_set
from napari_medgen.saliency.evaluation.map_scores import (
    chance_inside,
    deletion_curve,
    energy_inside,
    insertion_curve,
    points_inside,
)
from napari_medgen.saliency.evaluation.robustness import class_aucs, predict, robustness_curve
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest
from napari_medgen.statistics.agreement import kappa_estimate
from napari_medgen.statistics.bootstrap import REDRAWS, mean_estimate
from napari_medgen.statistics.calibration import calibration

Report = dict[str, Any]
_CURVES = 60  # images whose deletion and insertion curves are drawn


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


@dataclass(frozen=True)
class MapScores:
    """Scores of the maps of the images that have a mask and a positive class, through one batch norm.

    Attributes
    ----------
    energy, chance, pointing
        (N,) share of energy inside, share of area inside, and pointing game.
    deletion, insertion
        (M,) areas under the curves, of fewer images.
    groups, drawn
        (N,) patient of each image; (M,) that of each image with curves.
    names
        The N images.
    """

    energy: NDArray[np.float64]
    chance: NDArray[np.float64]
    pointing: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    groups: NDArray[np.intp]
    drawn: NDArray[np.intp]
    names: list[str]


def evaluate_classifier(
    classifier: Classifier, data: Path, request: EvaluationRequest | None = None, *, labels: LabelTable | None = None
) -> Steps[Report]:
    """Measure a classifier on the test images of a folder.

    Parameters
    ----------
    data
        Folder laid out as the model's recipe says, or with the table of ``labels``.

    Yields
    ------
    Progress
        Images read, batches attacked, maps made.

    Returns
    -------
    dict
        For JSON: intervals are 95 %, by redrawing patients.
    """
    request = request or EvaluationRequest()
    test = yield from load_test_set(classifier, data, labels=labels, masks=request.maps)
    report: Report = {
        "model": classifier.name,
        "checksum": classifier.folder.card.checksum,
        "training": classifier.architecture.training,
        "images": len(test),
        "patients": int(test.groups.max()) + 1,
        "left_out": test.left_out,
        "redraws": request.redraws,
        "batch_norms": {},
    }
    names = classifier.architecture.domain_names or ("only",)
    for domain, name in enumerate(names):
        said = predict(classifier, test.inputs, domain)
        report["batch_norms"][name] = _discrimination(classifier, said, test, request.redraws)
        if request.maps and any(mask is not None for mask in test.masks):
            scores = yield from score_maps(classifier, test, domain)
            report["batch_norms"][name]["maps"] = _summary(scores, request.redraws)
    attacked = test.first(request.attacked_images)
    points = yield from robustness_curve(classifier, attacked, request.epsilons, redraws=request.redraws)
    report["attack"] = {"method": "APGD, L-infinity, 20 steps, no restart", "images": len(attacked)}
    for point in points:
        entry = {label: estimate.as_dict() for label, estimate in point.auc.items()}
        report["batch_norms"][names[point.domain]].setdefault("auc_under_attack", {})[f"{point.epsilon:g}"] = entry
    return report


def _discrimination(classifier: Classifier, said: NDArray[np.float64], test: TestSet, redraws: int) -> Report:
    own = classifier.architecture
    truth = test.targets.numpy()
    aucs = class_aucs(classifier, said, test, redraws)
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


def score_maps(
    classifier: Classifier, test: TestSet, domain: int, request: ExplainRequest | None = None
) -> Steps[MapScores]:
    """Score the map of the first positive class of each image that has one and a mask (the paper skips the others).

    Yields
    ------
    Progress
        A step an image.
    """
    request = request or ExplainRequest()
    rows = [i for i, mask in enumerate(test.masks) if mask is not None and (test.targets[i] == 1).any()]
    drawn = set(rows[:: max(len(rows) // _CURVES, 1)])
    energy: list[float] = []
    chance: list[float] = []
    pointing: list[float] = []
    deletion: list[float] = []
    insertion: list[float] = []
    for step, i in enumerate(rows):
        mask = test.masks[i]
        assert mask is not None  # rows were chosen so
        index = int((test.targets[i] == 1).nonzero()[0])
        seen = test.inputs[i : i + 1].to(classifier.device.torch)
        asked = ExplainRequest(classifier.architecture.labels[index], domain, request.method, request.clip, request.samples)
        raw = clip_to_spread(attribute(classifier.network, seen, index, asked), request.clip)
        placed = test.views[i].place(raw[:, None])[0, 0].cpu().numpy()
        energy.append(energy_inside(placed, mask.inside, mask.counted))
        chance.append(chance_inside(mask.inside, mask.counted))
        pointing.append(points_inside(placed, mask.inside, mask.counted))
        if i in drawn:
            flat = raw[0].abs().cpu().numpy()

            def say(images: Tensor, index: int = index) -> Tensor:
                return probabilities(classifier.logits(images, domain), classifier.architecture.exclusive)[:, index]

            deletion.append(deletion_curve(say, seen, flat).area)
            insertion.append(insertion_curve(say, seen, flat).area)
        yield Progress(step + 1, len(rows), "Scoring maps")
    return MapScores(
        np.asarray(energy),
        np.asarray(chance),
        np.asarray(pointing),
        np.asarray(deletion),
        np.asarray(insertion),
        test.groups[rows],
        test.groups[[i for i in rows if i in drawn]],
        [test.names[i] for i in rows],
    )


def _summary(scores: MapScores, redraws: int) -> Report:
    def estimate(values: NDArray[np.float64], whose: NDArray[np.intp]) -> dict[str, float]:
        return mean_estimate(values, redraws=redraws, groups=whose).as_dict()

    return {
        "images": len(scores.names),
        "patients": len(np.unique(scores.groups)),
        "energy_inside": estimate(scores.energy, scores.groups),
        "chance": float(np.nanmean(scores.chance)),
        "pointing_game": estimate(scores.pointing, scores.groups),
        "deletion_area": estimate(scores.deletion, scores.drawn),
        "insertion_area": estimate(scores.insertion, scores.drawn),
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

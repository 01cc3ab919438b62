"""The three ways of training beside each other: one table for the paper's claims."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ModelError
from napari_medgen.models.catalogue import list_models
from napari_medgen.models.folder import ModelFolder
from napari_medgen.models.kept import Kept, Opens, opened_here
from napari_medgen.running.gathering import Gathering
from napari_medgen.running.progress import Steps
from napari_medgen.saliency.architecture import ClassifierArchitecture, classifier_architecture
from napari_medgen.saliency.evaluation.answers import answers, answers_under_attack
from napari_medgen.saliency.evaluation.labelled_set import TestSet, find_test_set, named
from napari_medgen.saliency.evaluation.map_set import MapScores, score_maps
from napari_medgen.saliency.evaluation.robustness import class_aucs
from napari_medgen.saliency.model import Classifier, open_classifier
from napari_medgen.statistics.agreement import kappa_estimate
from napari_medgen.statistics.bootstrap import REDRAWS, Estimate, mean_estimate, paired_difference
from napari_medgen.statistics.roc import auc_difference, auc_estimate

_ORDER = ("standard", "adversarial", "dual", "unknown")


@dataclass(frozen=True)
class VariantRow:
    """One way of training, through one batch norm.

    Attributes
    ----------
    model, training, domain
        Which.
    auc
        Clean images. Of a single label its own; otherwise of grades: 2 and above against those below where they are ordinal,
        else the first label's.
    mean_auc
        Mean of the classes.
    kappa
        Quadratic weighted kappa of grades; None for labels that are not.
    attacked
        As ``mean_auc``, under APGD through the same batch norm.
    energy, chance, pointing
        Of the maps, where masks exist; else None.
    """

    model: str
    training: str
    domain: str
    auc: Estimate
    mean_auc: float
    kappa: Estimate | None
    attacked: float
    energy: Estimate | None = None
    chance: float = float("nan")
    pointing: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: value.as_dict() if isinstance(value, Estimate) else value for key, value in vars(self).items()}


@dataclass(frozen=True)
class VariantTable:
    """All rows, differences on the same images with their intervals, and why images could not be used."""

    epsilon: float
    images: int
    attacked_images: int
    rows: list[VariantRow]
    differences: dict[str, Estimate]
    unreadable: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "epsilon": self.epsilon,
            "images": self.images,
            "attacked_images": self.attacked_images,
            "rows": [row.as_dict() for row in self.rows],
            "differences": {name: estimate.as_dict() for name, estimate in self.differences.items()},
            "unreadable": self.unreadable,
        }


def family_members(family: str) -> list[ModelFolder]:
    """Models that were trained alike but for the way: standard, adversarial, dual.

    Raises
    ------
    ModelError
        If there is none.
    """
    found = [folder for folder in list_models("saliency") if folder.card.architecture.get("family") == family]
    if not found:
        known = sorted({str(folder.card.architecture.get("family")) for folder in list_models("saliency")})
        raise ModelError(f"There is no family of classifiers {family}. There are: {', '.join(known) or 'none'}.")
    return sorted(found, key=lambda folder: _ORDER.index(classifier_architecture(folder.card).training))


def compare_variants(
    folders: list[ModelFolder],
    data: Path,
    device: str = "",
    *,
    epsilon: float | None = None,
    attacked_images: int = 400,
    redraws: int = REDRAWS,
    gathering: Gathering | None = None,
) -> Steps[VariantTable]:
    """Measure all variants of a family on the same images.

    Parameters
    ----------
    device
        As it is asked for; the one in force by default.
    epsilon
        Radius of the attack; by default the one that the family was trained against.
    gathering
        Where the images are looked at, and where the numbers are kept.

    Yields
    ------
    Progress
        Steps of what is measured.
    """
    gathering = gathering or Gathering()
    owns = [classifier_architecture(folder.card) for folder in folders]
    trained = [own.attack.epsilon for own in owns if own.attack]
    epsilon = epsilon if epsilon is not None else max(trained, default=0.005)
    every = [Kept.of(open_classifier, folder, device=device) for folder in folders]
    found = find_test_set(opened_here(every[0], gathering.placement), data)
    with gathering.workers():
        answered, unreadable = [], dict[Path, str]()
        for opens, own in zip(every, owns, strict=True):
            test, said = yield from answers(opens, found, range(own.network.domains), gathering)
            answered.append((opens, own, test, said))
            unreadable |= test.unreadable
        # All are measured on the images that all could read.
        test = found.without(unreadable)
        asked = [
            _Asked(opens.folders[0].name, opens, own, domain, said[domain][test.places_in(read)])
            for opens, own, read, said in answered
            for domain in range(own.network.domains)
        ]
        attacked = test.first(attacked_images)
        measured: list[_Measured] = []
        for one in asked:
            measured += [(yield from _measure(one, test, attacked, epsilon, redraws, gathering, unreadable))]
        rows = [one.row for one in measured]
        return VariantTable(
            epsilon, len(test), len(attacked), rows, _differences(measured, test, redraws), named(unreadable)
        )


@dataclass(frozen=True)
class _Asked:
    """A network through one batch norm, and what it says of all images."""

    name: str
    opens: Opens[Classifier]
    own: ClassifierArchitecture
    domain: int
    said: NDArray[np.float64]


@dataclass(frozen=True)
class _Measured:
    row: VariantRow
    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]
    known: NDArray[np.bool_]
    maps: MapScores | None

    @property
    def name(self) -> str:
        return f"{self.row.training} ({self.row.domain})" if self.row.domain else self.row.training


def _binary(own: ClassifierArchitecture, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grades of two and above against those below where there are grades; else the first class."""
    return values[:, 2:].sum(1) if own.ordinal and len(own.labels) > 2 else values[:, 0]


def _measure(
    asked: _Asked,
    test: TestSet,
    attacked: TestSet,
    epsilon: float,
    redraws: int,
    gathering: Gathering,
    unreadable: dict[Path, str],
) -> Steps[_Measured]:
    own, said, truth = asked.own, asked.said, test.targets.double().numpy()
    scores, wanted = _binary(own, said), _binary(own, truth)
    known, positive = ~np.isnan(wanted), wanted > 0
    answered = yield from answers_under_attack(asked.opens, attacked, asked.domain, epsilon, "apgd", gathering)
    under, clean = class_aucs(own.labels, answered, attacked, 1), class_aucs(own.labels, said, test, 1)
    maps = None
    if test.masked:
        maps = yield from score_maps(asked.opens, test, asked.domain, gathering)
        unreadable |= maps.failed
    kappa = None
    if own.ordinal:
        grades = truth.argmax(1), said.argmax(1)
        kappa = kappa_estimate(*grades, len(own.labels), redraws=redraws, groups=test.groups)
    row = VariantRow(
        model=asked.name,
        training=own.training,
        domain=own.domain_names[asked.domain] if own.domain_names else "",
        auc=auc_estimate(scores[known], positive[known], redraws=redraws, groups=test.groups[known]),
        mean_auc=_mean(clean),
        kappa=kappa,
        attacked=_mean(under),
        energy=mean_estimate(maps.energy, redraws=redraws, groups=maps.groups) if maps else None,
        chance=float(np.nanmean(maps.chance)) if maps else float("nan"),
        pointing=mean_estimate(maps.pointing, redraws=redraws, groups=maps.groups) if maps else None,
    )
    return _Measured(row, scores, positive, known, maps)


def _mean(aucs: dict[str, Estimate]) -> float:
    return float(np.nanmean([estimate.value for estimate in aucs.values()]))


def _differences(measured: list[_Measured], test: TestSet, redraws: int) -> dict[str, Estimate]:
    """Each later variant minus each earlier one, on the same images."""
    found = {}
    for i, first in enumerate(measured):
        for second in measured[i + 1 :]:
            name = f"{second.name} - {first.name}"
            known = first.known
            scores = second.scores[known], first.scores[known]
            found[f"AUC: {name}"] = auc_difference(
                *scores, first.positive[known], redraws=redraws, groups=test.groups[known]
            )
            if first.maps and second.maps:
                for what, score in (("energy inside", "energy"), ("pointing game", "pointing")):
                    pair = getattr(second.maps, score), getattr(first.maps, score)
                    found[f"{what}: {name}"] = paired_difference(*pair, redraws=redraws, groups=first.maps.groups)
    return found

"""Scores of the maps of a test set, an image a shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.models.kept import Opens, computed_with
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.attribution import attribute, clip_to_spread
from napari_medgen.saliency.evaluation.answers import Batch, batches
from napari_medgen.saliency.evaluation.images import SeenImage, read_images
from napari_medgen.saliency.evaluation.labelled_set import TestSet
from napari_medgen.saliency.evaluation.map_scores import (
    chance_inside,
    deletion_curve,
    energy_inside,
    insertion_curve,
    points_inside,
)
from napari_medgen.saliency.losses import probabilities
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest

_CURVES = 60  # images whose deletion and insertion curves are drawn
_AT_ONCE = 8  # images a shard


@dataclass(frozen=True)
class MapScores:
    """Scores of the maps of the images that have a mask and a positive class, through one batch norm.

    Attributes
    ----------
    energy, chance, pointing
        (N,) share of energy inside, share of area inside, and pointing game.
    deletion, insertion
        (N,) areas under the curves; NaN where none was drawn.
    groups
        (N,) patient of each image.
    failed
        Why images have no scores although they have a mask: it cannot be read.
    """

    energy: NDArray[np.float64]
    chance: NDArray[np.float64]
    pointing: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    groups: NDArray[np.intp]
    failed: dict[Path, str]

    def __len__(self) -> int:
        return len(self.energy)


def score_maps(
    opens: Opens[Classifier], test: TestSet, domain: int, gathering: Gathering, request: ExplainRequest | None = None
) -> Steps[MapScores]:
    """Score the map of the first positive class of each image that has one and a mask (the paper skips the others).

    Yields
    ------
    Progress
        A step a few images.
    """
    request = request or ExplainRequest()
    rows = [i for i, case in enumerate(test.cases) if case.mask is not None and 1 in case.targets]
    scored = test.rows(rows)
    drawn = frozenset(case.image for case in scored.cases[:: max(len(rows) // _CURVES, 1)])
    work = _ScoresMaps(opens, domain, request, drawn)
    plan = [*computed_with(opens), "maps", domain, vars(request), sorted(map(str, drawn))]
    found = yield from gather(work, batches(scored, _AT_ONCE), gathering, plan, "Scoring maps")
    failed = {Path(path): why for part in found for path, why in part["failed"].items()}
    scores = [row for part in found for row in part["scores"]]
    energy, chance, pointing, deletion, insertion = np.asarray(scores, np.float64).reshape(-1, 5).T
    groups = [test.groups[row] for row in rows if test.cases[row].image not in failed]
    return MapScores(energy, chance, pointing, deletion, insertion, np.asarray(groups, np.intp), failed)


@dataclass(frozen=True)
class _ScoresMaps:
    """Scores the maps of a few images: energy, chance, pointing, deletion and insertion of each."""

    opens: Opens[Classifier]
    domain: int
    request: ExplainRequest
    drawn: frozenset[Path]

    def __call__(self, batch: Batch) -> Steps[dict[str, Any]]:
        classifier = self.opens()
        yield Progress(0, 1)
        failed: dict[Path, str] = {}
        scores = [self._score(classifier, image) for image in read_images(classifier, batch.test, failed, masks=True)]
        return {"scores": scores, "failed": {str(path): why for path, why in failed.items()}}

    def _score(self, classifier: Classifier, image: SeenImage) -> list[float]:
        mask, own = image.mask, classifier.architecture
        assert mask is not None  # images were chosen so
        index = image.case.targets.index(1)
        seen = image.seen.to(classifier.device.torch)
        asked = ExplainRequest(own.labels[index], self.domain, self.request.method, self.request.clip, self.request.samples)
        raw = clip_to_spread(attribute(classifier.network, seen, index, asked), self.request.clip)
        placed = image.view.place(raw[:, None])[0, 0].cpu().numpy()
        scores = [
            energy_inside(placed, mask.inside, mask.counted),
            chance_inside(mask.inside, mask.counted),
            points_inside(placed, mask.inside, mask.counted),
        ]
        if image.case.image not in self.drawn:
            return [*scores, float("nan"), float("nan")]
        flat = raw[0].abs().cpu().numpy()

        def say(images: Tensor) -> Tensor:
            return probabilities(classifier.logits(images, self.domain), own.exclusive)[:, index]

        return [*scores, deletion_curve(say, seen, flat).area, insertion_curve(say, seen, flat).area]

"""What a classifier says of a test set, in batches that are shards: here, or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.models.kept import Opens, computed_with
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Shard
from napari_medgen.running.stamps import file_stamp
from napari_medgen.saliency.evaluation.asking import Attacker, attack, predict
from napari_medgen.saliency.evaluation.images import inputs_of, read_images
from napari_medgen.saliency.evaluation.labelled_set import TestSet
from napari_medgen.saliency.model import Classifier

Said = NDArray[np.float64]
"""Probabilities (images, classes)."""


@dataclass(frozen=True)
class Batch:
    """Images that are looked at together, and the stamps of their files and masks: other files are another batch."""

    test: TestSet
    files: tuple[Any, ...]


def batches(test: TestSet, at_once: int = 64) -> list[Shard[Batch]]:
    """A shard a batch."""
    shards = []
    for first in range(0, len(test), at_once):
        part = test.rows(range(first, min(first + at_once, len(test))))
        files = tuple((_stamp(case.image), _stamp(case.mask)) for case in part.cases)
        shards.append(Shard(f"images {first + 1} to {first + len(part)}", Batch(part, files)))
    return shards


def answers(
    opens: Opens[Classifier], test: TestSet, domains: Sequence[int], gathering: Gathering
) -> Steps[tuple[TestSet, list[Said]]]:
    """The images that can be read, and what is said of them through each batch norm.

    Yields
    ------
    Progress
        A step a batch.
    """
    work = _Answers(opens, tuple(domains))
    plan = [*computed_with(opens), "answers", list(domains)]
    found = yield from gather(work, batches(test), gathering, plan, "Looking at images")
    left = test.without({Path(path): why for one in found for path, why in one["failed"].items()})
    return left, [np.concatenate([one["said"][d] for one in found if one["said"][d]]) for d in range(len(domains))]


def answers_under_attack(
    opens: Opens[Classifier], test: TestSet, domain: int, epsilon: float, attacker: Attacker, gathering: Gathering
) -> Steps[Said]:
    """What is said of images under an attack through the same batch norm.

    Yields
    ------
    Progress
        A step a batch.
    """
    work = _Attacked(opens, domain, epsilon, attacker)
    plan = [*computed_with(opens), "attack", domain, epsilon, attacker]
    found = yield from gather(work, batches(test), gathering, plan, f"Attacking with epsilon {epsilon:g}")
    return np.concatenate(found)


@dataclass(frozen=True)
class _Answers:
    opens: Opens[Classifier]
    domains: tuple[int, ...]

    def __call__(self, batch: Batch) -> Steps[dict[str, Any]]:
        classifier = self.opens()
        yield Progress(0, 1)
        failed: dict[Path, str] = {}
        seen = [image.seen for image in read_images(classifier, batch.test, failed)]
        said = [predict(classifier, torch.cat(seen), domain).tolist() if seen else [] for domain in self.domains]
        return {"said": said, "failed": {str(path): why for path, why in failed.items()}}


@dataclass(frozen=True)
class _Attacked:
    opens: Opens[Classifier]
    domain: int
    epsilon: float
    attacker: Attacker

    def __call__(self, batch: Batch) -> Steps[list[list[float]]]:
        classifier = self.opens()
        yield Progress(0, 1)
        inputs = inputs_of(classifier, batch.test)
        if self.epsilon > 0:
            inputs = attack(classifier, inputs, batch.test.targets, self.epsilon, self.domain, attacker=self.attacker)
        said: list[list[float]] = predict(classifier, inputs, self.domain).tolist()
        return said


def _stamp(path: Path | None) -> Any:
    try:
        return file_stamp(path)
    except OSError:
        return None  # reading it will say what is wrong

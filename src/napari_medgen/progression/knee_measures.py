"""What is measured of one knee whose follow-up is known: the shard of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.kept import Opens
from napari_medgen.progression.cohort.progressors import Outcome
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.grader import expected_grade, normalised, perceptual_distance
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.risk import progression_risk
from napari_medgen.progression.side_check import side_margin
from napari_medgen.progression.trajectories import Extrapolation, ExtrapolationRequest, Mode, extrapolate
from napari_medgen.running.progress import Progress, Steps

_AT_ONCE = 16


class Baseline(Protocol):
    """A supervised classifier of fast progression, which sees the baseline image alone."""

    @property
    def name(self) -> str:
        """Of the model."""

    def risk(self, image: Radiograph) -> float:
        """Probability of fast progression."""


@dataclass(frozen=True)
class Judged:
    """A progression model that is measured, and the supervised classifier that its risk is compared with."""

    extrapolator: Extrapolator
    baseline: Baseline | None = None


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
class Knee:
    """A knee whose follow-up is known: its latent at the baseline, and the files of both images with their stamps."""

    outcome: Outcome
    w: NDArray[np.float32]
    baseline: Path
    followup: Path
    files: tuple[Any, ...]


@dataclass(frozen=True)
class MeasuresKnee:
    """Measures a knee; one whose images cannot be read says why (``failed``)."""

    opens: Opens[Judged]
    request: EvaluationRequest

    def __call__(self, knee: Knee) -> Steps[dict[str, Any]]:
        judged = self.opens()
        yield Progress(0, 1)
        try:
            before, after = (_read(path, knee.outcome.baseline.side) for path in (knee.baseline, knee.followup))
        except ImageError as error:
            return {"failed": str(error)}
        return _measure(knee, before, after, judged, self.request)


def _read(path: Path, side: Any) -> Radiograph:
    return replace(read_radiograph(path), laterality=side)


def _measure(knee: Knee, image: Radiograph, later: Radiograph, judged: Judged, request: EvaluationRequest) -> dict[str, Any]:
    extrapolator, baseline = judged.extrapolator, judged.baseline
    own, w = extrapolator.architecture, knee.w
    asked = ExtrapolationRequest(request.months, request.neighbours, request.mode)
    way = extrapolate(w, extrapolator.known_cohort, asked, side=knee.outcome.baseline.side, mirrored=bool(own.mirror))
    images = _images(extrapolator, w, _changes(way, knee.outcome.months, request))
    before, after = (to_grey(frame_of(one, own)[1]) for one in (image, later))
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
        "supervised": baseline.risk(image) if baseline is not None else None,
        "side_margin": side_margin(extrapolator, image),
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

"""A real later visit beside the predicted one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import CohortError
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.grader import normalised, perceptual_distance
from napari_medgen.progression.model import Extrapolator, ProjectedRadiograph
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.running.progress import Progress, Steps


@dataclass(frozen=True, eq=False)
class VisitComparison:
    """Predicted against real.

    Attributes
    ----------
    months
        After the baseline.
    real, predicted
        (H, W) in [0, 1], as the patient's side shows them.
    real_probabilities, predicted_probabilities
        (grades,).
    predicted_distance, copied_distance
        Perceptual distance of the real visit to the predicted image, and to the projected baseline.
    """

    months: float
    real: NDArray[np.float32]
    predicted: NDArray[np.float32]
    real_probabilities: NDArray[np.float64]
    predicted_probabilities: NDArray[np.float64]
    predicted_distance: float
    copied_distance: float


@torch.no_grad()
def compare_visit(
    extrapolator: Extrapolator,
    projected: ProjectedRadiograph,
    later: Radiograph,
    months: float,
    request: ExtrapolationRequest,
    patient: str = "",
) -> Steps[VisitComparison]:
    """Predict the time of a real later visit, and compare.

    Parameters
    ----------
    later
        The later visit of the same knee; its side is taken from the baseline.

    Yields
    ------
    Progress
        Two steps.

    Raises
    ------
    CohortError
        If the later visit is not later.
    ImageError
        If the later image cannot be projected at all.
    """
    if months <= 0:
        raise CohortError("Visits out of order: the second visit must be later than the baseline.")
    later = replace(later, laterality=projected.image.laterality)
    extrapolator.check(later)
    yield Progress(0, 2, "Predicting the second visit")
    way = extrapolator.extrapolate(projected, replace(request, months=(months,)), patient)
    change = torch.from_numpy(way.change(months)).to(extrapolator.device.torch)
    ws = projected.projection.ws.to(extrapolator.device.torch) + change
    predicted = to_grey(extrapolator.generator.synthesis(ws)).cpu()
    yield Progress(1, 2, "Comparing")
    frame, seen = frame_of(later, extrapolator.architecture)
    real = to_grey(seen)
    grader = extrapolator.grader
    wanted = normalised(grader.features(real))
    far = [
        float(perceptual_distance(wanted, normalised(grader.features(one)))[0])
        for one in (predicted, projected.projection.images)
    ]
    said = grader.probabilities(torch.cat([real, predicted])).double().numpy()
    return VisitComparison(
        months,
        frame.restore(real[0, 0].numpy()),
        projected.frame.restore(predicted[0, 0].numpy()),
        said[0],
        said[1],
        far[0],
        far[1],
    )

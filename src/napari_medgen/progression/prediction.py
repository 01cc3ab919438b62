"""What a knee may look like: frames, grades and risk over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.progression.cohort.latent_reference import LIMIT, LatentReference
from napari_medgen.progression.frames import to_grey
from napari_medgen.progression.grader import Grader
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.risk import Band, progression_risk
from napari_medgen.progression.trajectories import Extrapolation
from napari_medgen.running.progress import Progress, Steps

_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Prediction:
    """Frames of the mean way, and what the classifier says of all ways.

    Attributes
    ----------
    extrapolation
        Where they come from.
    images
        (T, H, W) float32 in [0, 1]; the first is the projected baseline at month 0.
    months
        (T,), the first is 0.
    baseline
        (grades,) probabilities of the real image.
    probabilities
        (T, grades) of the mean way's frames; the first row is the projected baseline's.
    each
        (neighbours, T, grades) of each neighbour's way.
    unusualness
        (T,) share of the cohort's latents that lie nearer to its mean.
    labels
        Name of each grade.
    """

    extrapolation: Extrapolation
    images: NDArray[np.float32]
    months: NDArray[np.float64]
    baseline: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    each: NDArray[np.float64]
    unusualness: NDArray[np.float64]
    labels: tuple[str, ...]

    @property
    def differences(self) -> NDArray[np.float32]:
        """(T, H, W) change of grey values from the projected baseline, -1 to 1."""
        return self.images - self.images[:1]

    @cached_property
    def risk(self) -> Band:
        """Risk of fast progression at each time."""
        real = self.baseline
        return Band.of(progression_risk(real, self.probabilities), progression_risk(real, self.each))

    @cached_property
    def grade(self) -> Band:
        """Mean grade at each time."""
        scale = np.arange(len(self.labels))
        return Band.of(self.probabilities @ scale, self.each @ scale)

    @property
    def baseline_grade(self) -> float:
        """Mean grade of the real image."""
        return float(self.baseline @ np.arange(len(self.labels)))

    @property
    def trusted_months(self) -> float:
        """Until when the latent stays among those of the cohort; the end where it always does."""
        beyond = np.flatnonzero(self.unusualness > LIMIT)
        return float(self.months[-1] if not len(beyond) else self.months[max(beyond[0] - 1, 0)])


def synthesise_prediction(
    baseline: Tensor,
    baseline_probabilities: NDArray[np.floating],
    extrapolation: Extrapolation,
    generator: Generator,
    grader: Grader,
    reference: LatentReference,
) -> Steps[Prediction]:
    """Make the frames and have them graded.

    Parameters
    ----------
    baseline
        (num_ws, w_dim) latents of the projected image; ways are added to all layers.
    baseline_probabilities
        (grades,) of the real image.

    Yields
    ------
    Progress
        The first previews are the frames (T, H, W) of the mean way, NaN where there is none yet; then neighbours follow.
    """
    months = np.array([0.0, *(m for m in extrapolation.request.months if m > 0)])
    ways = [None, *range(len(extrapolation.neighbours))]
    changes = np.stack([np.stack([extrapolation.change(m, way) for m in months]) for way in ways])
    edge, total = generator.sizes.resolution, changes.shape[0] * changes.shape[1]
    frames = np.full((len(months), edge, edge), np.nan, np.float32)
    graded = np.zeros((total, len(grader.labels)))
    flat = torch.from_numpy(changes.reshape(total, -1))
    device = generator.mapping.w_avg.device
    for start in range(0, total, _AT_ONCE):
        part = flat[start : start + _AT_ONCE].to(device)
        with torch.no_grad():
            images = to_grey(generator.synthesis(baseline.to(device)[None] + part[:, None]))
        graded[start : start + len(part)] = grader.probabilities(images).numpy()
        shown = images[: max(len(months) - start, 0), 0]
        frames[start : start + len(shown)] = shown.cpu().numpy()
        preview = frames.copy() if len(shown) else None
        yield Progress(start + len(part), total, "Making frames" if len(shown) else "Following each neighbour", preview)
    graded = graded.reshape(len(ways), len(months), -1)
    mean_way = extrapolation.baseline + changes[0]
    return Prediction(
        extrapolation,
        frames,
        months,
        np.asarray(baseline_probabilities, np.float64),
        graded[0],
        graded[1:],
        reference.unusualness(mean_way),
        tuple(grader.labels),
    )

"""Everything that is known of one knee's future: who said it, of which image, and what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.model import Extrapolator, ProjectedRadiograph
from napari_medgen.progression.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Forecast:
    """Everything that is known of one knee's future.

    Attributes
    ----------
    extrapolator, projected, prediction
        Who said it, of which image, and what.
    """

    extrapolator: Extrapolator
    projected: ProjectedRadiograph
    prediction: Prediction

    @property
    def surrogate(self) -> str:
        """What the cohort's visits really are; empty for real follow-up."""
        return self.extrapolator.known_cohort.surrogate

    def frame(self, index: int) -> NDArray[np.float32]:
        """A predicted frame (H, W) in [0, 1], as the patient's side shows it."""
        return self.projected.frame.restore(self.prediction.images[index])

    def difference(self, index: int) -> NDArray[np.float32]:
        """Its change from the projected baseline, -1 to 1."""
        return self.projected.frame.restore(self.prediction.differences[index])

    def baseline_radiograph(self) -> Radiograph:
        """The real frame: the part of the original image that the networks see."""
        image = self.projected.image
        pixels = np.rint(self.projected.frame.restore(self.projected.seen) * 65535).astype(np.uint16)
        return replace(
            self._framed(pixels), laterality=image.laterality, view=image.view, name=image.name, provenance=image.provenance
        )

    def _framed(self, pixels: NDArray[np.uint16]) -> Radiograph:
        image, frame = self.projected.image, self.projected.frame
        edge = (frame.box[2] - frame.box[0]) / frame.size[0]
        spacing = (image.spacing[0] * edge, image.spacing[1] * edge) if image.spacing else None
        return Radiograph(pixels, (0.0, 65535.0), spacing=spacing, identity=image.identity)

    def radiograph(self, index: int) -> Radiograph:
        """A predicted frame as an image with the size of the part of the original that it shows."""
        pixels = np.rint(self.frame(index) * 65535).astype(np.uint16)
        image = self.projected.image
        months = self.prediction.months[index]
        made = self.projected.provenance
        made = made.model_copy(update={"operation": f"{made.operation}; predicted after {months:g} months"})
        return replace(
            self._framed(pixels),
            identity="removed",  # nothing of the image's own pixels is left
            laterality=image.laterality,
            view=image.view,
            name=f"{image.name} after {months:g} months",
            provenance=made,
        )

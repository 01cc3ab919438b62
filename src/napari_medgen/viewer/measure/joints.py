"""The joint space of a knee, or of every picture of a stack: what is asked for, and what is drawn of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.joint_space import Gap, joint_space
from napari_medgen.imaging.measurements import Drawn
from napari_medgen.imaging.radiograph import Laterality, natural_window
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import RADIOGRAPH, SIDE
from napari_medgen.viewer.layers.place import has_patient_axes

if TYPE_CHECKING:
    from napari.layers import Image

_KNEES = {"L": "left knee", "R": "right knee"}


@dataclass(frozen=True, eq=False)
class Joint:
    """What is measured, taken down when it was asked for.

    Attributes
    ----------
    pixels
        (rows, columns), or a stack of such.
    window
        Black and white of the file: how a picture is windowed on screen must change no number.
    side
        ``L`` or ``R``; empty where nobody says it.
    """

    pixels: Any
    window: tuple[float, float]
    side: str

    @classmethod
    def of(cls, image: Image, said: Laterality) -> Joint:
        """The joint that an image shows.

        Parameters
        ----------
        said
            The side that a person says, where the file does not.

        Raises
        ------
        ImageError
            If the image is no knee's, or the file says another side.
        """
        if image.rgb or has_patient_axes(image) or image.ndim not in (2, 3):
            raise ImageError("A joint space is measured on a grey radiograph of one knee, or on what was predicted of one.")
        about = image.metadata.get(RADIOGRAPH, {})
        known = str(image.metadata.get(SIDE) or about.get("laterality", ""))
        if known in _KNEES and said not in ("", known):
            which = f"The file says that this is a {_KNEES[known]}"
            raise ImageError(f"{which}; which compartment is the medial one follows from that.")
        pixels = finest(image)
        low, high = about.get("window") or natural_window(np.asarray(pixels))
        return cls(pixels, (float(low), float(high)), known if known in _KNEES else said)

    def measure(self) -> Steps[list[tuple[Gap, ...]]]:
        """The gaps of each picture; a step a picture."""
        values = np.asarray(self.pixels)
        frames = values if values.ndim == 3 else values[None]
        low, high = self.window
        found = []
        for number, frame in enumerate(frames):
            yield Progress(number, len(frames), "Measuring the joint space")
            grey = ((frame.astype(np.float32) - low) / max(high - low, 1e-9)).clip(0, 1)
            found.append(joint_space(grey, self.side))
        return found


def drawn_of(found: list[tuple[Gap, ...]], axes: int) -> list[Drawn]:
    """Gaps as measurements on an image of two axes, or of three, whose first counts the pictures."""
    items: list[Drawn] = []
    for frame, gaps in enumerate(found):
        before = (float(frame),) * (axes - 2)
        for gap in gaps:
            if gap.found:
                ends = np.array([[*before, *gap.femur], [*before, *gap.tibia]])
                items.append(Drawn("joint space", ends, (axes - 2, axes - 1), f"{gap.compartment} {gap.place:.2f}"))
    return items

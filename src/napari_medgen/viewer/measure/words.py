"""What is said of an image's lengths, and of where on it something was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import Drawn
from napari_medgen.viewer.layers.owner import RADIOGRAPH

if TYPE_CHECKING:
    from napari.layers import Image

_SLICE = {"S": "axial ", "P": "coronal ", "L": "sagittal "}


def scale_words(image: Image, scale: Scale) -> str:
    """Where an image's lengths come from, and what its file says of them."""
    if scale.source == "calibration":
        return "Lengths in millimetres, by a known length; they hold where that lay, as far from the detector."
    if scale.source == "unknown":
        return "Lengths in pixels: the picture has no spacing. Calibrate it by something of a known size."
    notes = image.metadata.get(RADIOGRAPH, {}).get("notes", ())
    return " ".join(
        ["Lengths in millimetres, by the file's spacing.", *(note for note in notes if note.startswith("Distances"))]
    )


def where(image: Image, item: Drawn) -> str:
    """The slice, or the month, of a drawing; counted from one, as in the reading room. Empty on a picture."""
    words = []
    for axis, place in enumerate(item.slice):
        if place is None:
            continue
        label, step = str(image.axis_labels[axis]), float(image.scale[axis])
        if str(image.units[axis]) == "month":
            words.append(f"month {place * step:g}")
        else:
            words.append(f"{_SLICE.get(label, '')}slice {place + 1}")
    return ", ".join(words)

"""Images of a case as layers that say nothing of what must stay hidden, read in the background."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.errors import ImageError, StudyError
from napari_medgen.imaging.files import read_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.study.material import values_of_map
from napari_medgen.study.protocol import Protocol
from napari_medgen.viewer.explain.map_layers import look
from napari_medgen.viewer.layers.owner import KEY, RADIOGRAPH, SALIENCY, UNIT
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.volumes import LayerData, image_options

IMAGE, AID, MAP = "Image", "Aid", "Map"  # all that a layer of a study is ever called
_OPACITY = 0.6


@dataclass(frozen=True)
class Wanted:
    """What is to be shown of a case.

    Attributes
    ----------
    image, overlay
        Files, relative to the study's folder; no overlay where it is empty.
    """

    image: str
    overlay: str = ""


def load_case(folder: Path, wanted: Wanted, protocol: Protocol) -> Steps[list[LayerData]]:
    """The layers of a case, from below: its image, and the map over it.

    Raises
    ------
    StudyError
        If one cannot be read, is not the one that came into the study, or they do not fit each other.
    """
    yield Progress(0, 0, "Loading")
    image = _read(folder, wanted.image, protocol)
    layers = [image_layer(image, IMAGE, protocol)]
    if wanted.overlay:
        layers.append(map_layer(_read(folder, wanted.overlay, protocol), layers[0]))
    return layers


def load_aid(folder: Path, file: str, protocol: Protocol, below: LayerData) -> Steps[LayerData]:
    """The layer of an aid: an image that stands beside the case's, or a map over it.

    Raises
    ------
    StudyError
        See :func:`load_case`.
    """
    yield Progress(0, 0, "Loading")
    image = _read(folder, file, protocol)
    over = protocol.paired is not None and protocol.paired.placed == "over"
    if not over and (3 if isinstance(image, Volume) else 2) != np.ndim(below[0]):
        raise StudyError("It is of another kind than the image.")
    return map_layer(image, below) if over else image_layer(image, AID, protocol)


def _read(folder: Path, file: str, protocol: Protocol) -> Volume | Radiograph:
    """An image of the study, if it is the one that came into it; no sentence names its file."""
    path, known = folder / file, protocol.checksums.get(file)
    try:
        if known is not None and hashlib.sha256(path.read_bytes()).hexdigest() != known:
            raise StudyError("It was changed since it came into the study.")
        return read_image(path)
    except (ImageError, OSError):
        raise StudyError("It cannot be read.") from None


def image_layer(image: Volume | Radiograph, name: str, protocol: Protocol) -> LayerData:
    """An image as a layer: pixels, size and place, and what the protocol says of it; nothing of where it comes from."""
    told = protocol.hanging
    made = Provenance(software="", synthetic=image.provenance.synthetic and not protocol.blinding.mark)
    clean = replace(image, name=name, notes=(), provenance=made)
    if isinstance(clean, Volume):
        data, options = clean.voxels, image_options(clean)
    else:
        data, options, _ = radiograph_layer(clean)
    about = dict(options["metadata"].get(RADIOGRAPH, {}))
    if told.get("body_part") or told.get("modality"):
        about |= {key: value for key, value in told.items() if value}
    metadata = {key: value for key, value in options["metadata"].items() if key != KEY}
    if about:
        metadata[RADIOGRAPH] = about
    metadata[KEY] = made.model_dump(exclude_none=True)
    return data, options | {"name": name, "metadata": metadata}, "image"


def map_layer(image: Volume | Radiograph, below: LayerData) -> LayerData:
    """A map as a layer over the image of its case.

    Raises
    ------
    StudyError
        If it has another shape than the image.
    """
    values = values_of_map(image)
    if values.shape != np.shape(below[0]):
        raise StudyError(f"A map of this case is {values.shape} large, and its image {np.shape(below[0])}.")
    placed: dict[str, Any] = {
        key: below[1][key] for key in ("scale", "translate", "units", "axis_labels") if key in below[1]
    }
    return (
        values,
        {
            "name": MAP,
            "rgb": False,
            "opacity": _OPACITY,
            "blending": "translucent",
            "interpolation2d": "linear",
            "metadata": {SALIENCY: {"signed": True}, UNIT: "for (red) and against (blue)"},
            **placed,
            **look(signed=True),
        },
        "image",
    )

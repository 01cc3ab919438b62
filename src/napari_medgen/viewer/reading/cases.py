"""The cases of a work list on their way to the screen: read ahead, shown one after the other, forgotten behind."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.compare import Floats, Grid, grey, on_grid
from napari_medgen.imaging.files import read_image
from napari_medgen.imaging.volume import Volume
from napari_medgen.imaging.worklist import Case
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.volumes import LayerData, image_options

if TYPE_CHECKING:
    from napari.layers import Image

THUMBNAIL = 72  # points along its sides


@dataclass
class Entry:
    """A case of the list.

    Attributes
    ----------
    name
        What the list calls it.
    case
        Its file; None of a layer that is in the viewer already.
    layer
        That layer, held weakly.
    thumbnail
        (rows, columns) uint8; None until it was read.
    fault
        Why it cannot be shown.
    """

    name: str
    case: Case | None = None
    layer: weakref.ref[Image] | None = None
    thumbnail: NDArray[np.uint8] | None = None
    fault: str = ""


@dataclass(frozen=True)
class Loaded:
    """A case that was read: what makes its layer, and its thumbnail."""

    layer: LayerData
    thumbnail: NDArray[np.uint8]


@dataclass
class Cases:
    """A list, which case of it is shown, and what was read ahead: at most the case before, this one and the next."""

    entries: list[Entry] = field(default_factory=list)
    index: int = -1
    ahead: dict[int, Loaded] = field(default_factory=dict)

    @classmethod
    def of_files(cls, cases: Sequence[Case]) -> Cases:
        """A list of files."""
        return cls([Entry(case.name, case) for case in cases])

    @classmethod
    def of_layers(cls, layers: Sequence[Image]) -> Cases:
        """A list of images that are in the viewer."""
        return cls([Entry(layer.name, layer=weakref.ref(layer), thumbnail=thumbnail_of_layer(layer)) for layer in layers])

    def keep(self, index: int, loaded: Loaded) -> None:
        """Keep what was read, as long as it is near the case that is shown."""
        self.entries[index].thumbnail = loaded.thumbnail
        self.ahead[index] = loaded
        self.tidy()

    def tidy(self) -> None:
        """Forget what is far from the case that is shown."""
        for far in [one for one in self.ahead if abs(one - self.index) > 1]:
            del self.ahead[far]

    @property
    def wanted(self) -> int | None:
        """Which case should be read ahead now: the next, then the one before; None where all is there."""
        for index in (self.index + 1, self.index - 1):
            if 0 <= index < len(self.entries) and index not in self.ahead:
                entry = self.entries[index]
                if entry.case is not None and not entry.fault:
                    return index
        return None


def read_case(case: Case) -> Steps[Loaded]:
    """Read a case in the background.

    Raises
    ------
    ImageError
        If its file cannot be read.
    """
    yield Progress(0, 0, f"Reading {case.name}")
    image = read_image(case.path)
    layer: LayerData
    if isinstance(image, Volume):
        layer = (image.voxels, image_options(image), "image")
        middle = np.asarray(image.voxels[image.voxels.shape[0] // 2])
        spacing: tuple[float, float] = (image.spacing[1], image.spacing[2])
    else:
        layer = radiograph_layer(image)
        middle = image.pixels
        spacing = image.spacing or (image.aspect, 1.0)
    limits = layer[1]["contrast_limits"]
    return Loaded(layer, thumbnail(middle, spacing, (float(limits[0]), float(limits[1]))))


def thumbnail(picture: NDArray[Any], spacing: tuple[float, float], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """A small square picture (THUMBNAIL, THUMBNAIL) of a slice, its sides in proportion, black around it."""
    every = max(1, min(picture.shape) // (2 * THUMBNAIL))
    small = picture[::every, ::every]
    steps = (spacing[0] * every, spacing[1] * every)
    extent = max(small.shape[0] * steps[0], small.shape[1] * steps[1])
    step = extent / THUMBNAIL
    own = Grid((small.shape[0], small.shape[1]), (0.0, 0.0), steps)
    middle = [(count - 1) * one / 2 for count, one in zip(small.shape, steps, strict=True)]
    first = (middle[0] - step * (THUMBNAIL - 1) / 2, middle[1] - step * (THUMBNAIL - 1) / 2)
    seen: Floats = grey(on_grid(small, own, Grid((THUMBNAIL, THUMBNAIL), first, (step, step))), limits)
    made: NDArray[np.uint8] = np.rint(np.nan_to_num(seen) * 255).astype(np.uint8)
    return made


def thumbnail_of_layer(layer: Image) -> NDArray[np.uint8]:
    """The thumbnail of an image in the viewer: the middle slice of a volume."""
    data = finest(layer)
    picture = np.asarray(data[tuple(length // 2 for length in np.shape(data)[:-2])])
    scale = [float(step) for step in layer.scale[-2:]]
    low, high = layer.contrast_limits
    return thumbnail(picture, (scale[0], scale[1]), (float(low), float(high)))

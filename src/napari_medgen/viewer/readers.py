"""npe2 reader: volumes in patient orientation, with millimetres, units and provenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_volume
from napari_medgen.imaging.nifti import SUFFIXES, count_volumes
from napari_medgen.viewer.layers import LayerData, image_options

_MOST_VOLUMES = 2000


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """The reader, for files whose suffix is known."""
    paths = [path] if isinstance(path, str) else path
    if all(str(p).lower().endswith((*SUFFIXES, ".nrrd")) for p in paths):
        return read_layers
    return None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """One layer a file.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    paths = [path] if isinstance(path, str) else path
    layers = [_read(Path(p)) for p in paths]
    _hang_current_viewer()
    return layers


def _read(path: Path) -> LayerData:
    first = read_volume(path)
    count = count_volumes(path) if path.name.endswith(SUFFIXES) else 1
    options = image_options(first)
    if count == 1:
        return first.voxels, options, "image"
    if count > _MOST_VOLUMES:
        raise ImageError(f"{path.name} holds {count} volumes, more than can be shown.")
    # A slider chooses the volume.
    stack = np.stack([first.voxels, *(read_volume(path, volume=i).voxels for i in range(1, count))])
    options |= {
        "scale": (1, *options["scale"]),
        "translate": (0, *options["translate"]),
        "units": ("pixel", *options["units"]),
        "axis_labels": ("volume", *options["axis_labels"]),
    }
    return stack, options, "image"


def _hang_current_viewer() -> None:
    """Let the viewer that opens the file show the mark and the letters, though no widget of ours is open."""
    import napari

    from napari_medgen.viewer.hanging import hang

    viewer: Any = napari.current_viewer()
    if viewer is not None:
        hang(viewer)

"""npe2 readers: volumes in patient orientation, and radiographs in their own window, with millimetres and provenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import RADIOGRAPH_SUFFIXES, read_radiograph, read_volume
from napari_medgen.imaging.nifti import SUFFIXES, count_volumes
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.viewer.layers import LayerData, image_options
from napari_medgen.viewer.radiograph_layers import radiograph_layer

_MOST_VOLUMES = 2000
Reader = Callable[[str | list[str]], list[LayerData]]


def get_reader(path: str | list[str]) -> Reader | None:
    """The reader of volumes, for files whose suffix is known."""
    return read_layers if _all_end(path, (*SUFFIXES, ".nrrd")) else None


def get_radiograph_reader(path: str | list[str]) -> Reader | None:
    """The reader of radiographs, for files whose suffix is known."""
    return read_radiographs if _all_end(path, RADIOGRAPH_SUFFIXES) else None


def _all_end(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    return all(str(p).lower().endswith(suffixes) for p in _paths(path))


def _paths(path: str | list[str]) -> list[str]:
    return [path] if isinstance(path, str) else path


def read_layers(path: str | list[str]) -> list[LayerData]:
    """One layer a volume file.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    layers = [_read(Path(p)) for p in _paths(path)]
    _hang_current_viewer()
    return layers


def read_radiographs(path: str | list[str]) -> list[LayerData]:
    """One layer a radiograph; what was changed or guessed on reading is in its metadata, and in the widgets that use it.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    images = [read_radiograph(p) for p in _paths(path)]
    _hang_current_viewer()
    return [radiograph_layer(image) for image in images]


def _read(path: Path) -> LayerData:
    first = read_volume(path)
    count = count_volumes(path) if path.name.endswith(SUFFIXES) else 1
    options = image_options(first)
    for note in first.remarks:
        show_warning(f"{path.name}: {note}")
    if count == 1:
        return first.voxels, options, "image"
    require_image_bytes(count * first.voxels.nbytes, path.name)
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

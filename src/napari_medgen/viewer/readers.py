"""npe2 readers: volumes in patient orientation, and radiographs in their own window, with millimetres and provenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import (
    RADIOGRAPH_SUFFIXES,
    VOLUME_SUFFIXES,
    format_of,
    images_in,
    kind_of,
    read_radiograph,
    read_volume,
)
from napari_medgen.imaging.nifti import count_volumes
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.viewer.layers import LayerData, image_options
from napari_medgen.viewer.radiograph_layers import radiograph_layer

_MOST_VOLUMES = 2000
Reader = Callable[[str | list[str]], list[LayerData]]


def get_reader(path: str | list[str]) -> Reader | None:
    """The reader of volumes, for files that are called like one."""
    return read_layers if _all_end(path, VOLUME_SUFFIXES) else None


def get_radiograph_reader(path: str | list[str]) -> Reader | None:
    """The reader of radiographs, for files that are called like one, and of whatever else holds an image that is known.

    Archives and discs call DICOM files as they like, without an ending.
    """
    if _all_end(path, RADIOGRAPH_SUFFIXES):
        return read_radiographs
    return read_any if all(kind_of(Path(p)) for p in _paths(path)) else None


def get_folder_reader(path: str | list[str]) -> Reader | None:
    """The reader of all images that lie in a folder."""
    return read_folders if all(Path(p).is_dir() for p in _paths(path)) else None


def _all_end(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    return all(str(p).lower().endswith(suffixes) for p in _paths(path))


def _paths(path: str | list[str]) -> list[str]:
    return [path] if isinstance(path, str) else path


def read_layers(path: str | list[str]) -> list[LayerData]:
    """A layer for a volume file; one layer for several that are to be a stack.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    layers = [_read(Path(p)) for p in _paths(path)]
    _hang_current_viewer()
    return stacked(layers, [Path(p).name for p in _paths(path)])


def read_radiographs(path: str | list[str]) -> list[LayerData]:
    """A layer for a radiograph; one layer for several that are to be a stack.

    What was changed or guessed on reading is in its metadata, and in the widgets that use it.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    images = [read_radiograph(p) for p in _paths(path)]
    _hang_current_viewer()
    return stacked([radiograph_layer(image) for image in images], [Path(p).name for p in _paths(path)])


def read_any(path: str | list[str]) -> list[LayerData]:
    """A layer for a file whose name does not say what it is.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    layers = [_read(Path(p)) if kind_of(Path(p)) == "volume" else radiograph_layer(read_radiograph(p)) for p in _paths(path)]
    _hang_current_viewer()
    return stacked(layers, [Path(p).name for p in _paths(path)])


def read_folders(path: str | list[str]) -> list[LayerData]:
    """A layer for each image that lies in a folder; what cannot be read is told, and costs nothing else.

    Raises
    ------
    ImageError
        If nothing can be opened.
    """
    layers: list[LayerData] = []
    faults: list[str] = []
    for folder in _paths(path):
        for file in images_in(folder):
            try:
                layers += read_any(str(file))
            except ImageError as error:
                faults.append(str(error))
    if not layers:
        raise ImageError(faults[0])
    for fault in faults:
        show_warning(fault)
    return layers


def stacked(layers: list[LayerData], names: list[str]) -> list[LayerData]:
    """Layers of files that a person opens as a stack: one layer, whose first axis counts the files.

    Raises
    ------
    ImageError
        If their shapes differ.
    """
    if len(layers) == 1:
        return layers
    (first, options, kind), shape = layers[0], layers[0][0].shape
    other = next((name for (data, _, _), name in zip(layers, names, strict=True) if data.shape != shape), "")
    if other:
        raise ImageError(f"{names[0]} and {other} have different sizes; open them one by one, not as a stack.")
    require_image_bytes(len(layers) * first.nbytes, f"The stack of {len(layers)} files")
    limits = [made["contrast_limits"] for _, made, _ in layers]
    options = options | {
        "name": f"{options['name']} and {len(layers) - 1} more",
        "scale": (1, *options["scale"]),
        "units": ("pixel", *options["units"]),
        "axis_labels": ("image", *options["axis_labels"]),
        "contrast_limits": (min(low for low, _ in limits), max(high for _, high in limits)),
    }
    if "translate" in options:
        options["translate"] = (0, *options["translate"])
    return [(np.stack([data for data, _, _ in layers]), options, kind)]


def _read(path: Path) -> LayerData:
    first = read_volume(path)
    count = count_volumes(path) if format_of(path) == "nifti" else 1
    options = image_options(first)
    if first.remarks:
        show_warning(f"{path.name}: {' '.join(first.remarks)}")
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

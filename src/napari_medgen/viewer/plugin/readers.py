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
from napari_medgen.imaging.nifti import count_volumes, read_all_volumes
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.volumes import KEY, LayerData, common_metadata, image_options

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
    return read_layers if all(kind_of(Path(p)) for p in _paths(path)) else None


def get_folder_reader(path: str | list[str]) -> Reader | None:
    """The reader of all images that lie in a folder."""
    return read_folders if all(Path(p).is_dir() for p in _paths(path)) else None


def _all_end(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    return all(str(p).lower().endswith(suffixes) for p in _paths(path))


def _paths(path: str | list[str]) -> list[str]:
    return [path] if isinstance(path, str) else path


def read_layers(path: str | list[str]) -> list[LayerData]:
    """A layer for a file, whatever its name says that it is; one layer for several that are to be a stack.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    layers = [_layer(Path(p)) for p in _paths(path)]
    _hang_viewers()
    return stacked(layers, [Path(p).name for p in _paths(path)])


def read_radiographs(path: str | list[str]) -> list[LayerData]:
    """As :func:`read_layers`, for names of radiographs.

    What was changed or guessed on reading is in its metadata, and in the widgets that use it.
    """
    return read_layers(path)


def _layer(path: Path) -> LayerData:
    kind = kind_of(path)
    if kind == "volume" or (not kind and path.name.lower().endswith(VOLUME_SUFFIXES)):
        return _read(path)
    return radiograph_layer(read_radiograph(path))


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
                layers += read_layers(str(file))
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
    first, options, kind = layers[0]
    for (data, made, _), name in zip(layers, names, strict=True):
        if data.shape != first.shape:
            raise ImageError(f"{names[0]} and {name} have different sizes; open them one by one, not as a stack.")
        same = all(np.allclose(made.get(key, 0), options.get(key, 0), rtol=1e-4) for key in ("scale", "translate"))
        if not same or made["units"] != options["units"] or _affine(made) != _affine(options):
            raise ImageError(f"{names[0]} and {name} lie in different places; open them one by one, not as a stack.")
    require_image_bytes(len(layers) * first.nbytes, f"The stack of {len(layers)} files")
    limits = [made["contrast_limits"] for _, made, _ in layers]
    options = options | {
        "name": f"{options['name']} and {len(layers) - 1} more",
        "scale": (1, *options["scale"]),
        "units": ("pixel", *options["units"]),
        "axis_labels": ("image", *options["axis_labels"]),
        "contrast_limits": (min(low for low, _ in limits), max(high for _, high in limits)),
        "metadata": common_metadata([made["metadata"] for _, made, _ in layers]),
    }
    if "translate" in options:
        options["translate"] = (0, *options["translate"])
    return [(np.stack([data for data, _, _ in layers]), options, kind)]


def _affine(options: dict[str, Any]) -> Any:
    found = options["metadata"].get(f"{KEY}_affine")
    return None if found is None else np.round(found, 3).tolist()


def _read(path: Path) -> LayerData:
    first = read_volume(path)
    count = count_volumes(path) if format_of(path) == "nifti" else 1
    options = image_options(first)
    if first.remarks:
        show_warning(f"{path.name}: {' '.join(first.remarks)}")
    if count == 1:
        return first.voxels, options, "image"
    if count > _MOST_VOLUMES:
        raise ImageError(f"{path.name} holds {count} volumes, more than can be shown.")
    # A slider chooses the volume.
    others = read_all_volumes(path)[1:]
    if more := {note for other in others for note in other.notes} - set(first.notes):
        show_warning(f"{path.name}: {' '.join(sorted(more))}")
    stack = np.stack([first.voxels, *(other.voxels for other in others)])
    options |= {
        "scale": (1, *options["scale"]),
        "translate": (0, *options["translate"]),
        "units": ("pixel", *options["units"]),
        "axis_labels": ("volume", *options["axis_labels"]),
    }
    return stack, options, "image"


def _hang_viewers() -> None:
    """Let the viewer that opens the file show the mark and the letters, though no widget of ours is open.

    A reader is not told which of them it is, and the current one is a guess: each watches its own layers.
    """
    from napari.viewer import Viewer

    from napari_medgen.viewer.canvas.hanging import hang

    for viewer in list(Viewer._instances):
        hang(viewer)

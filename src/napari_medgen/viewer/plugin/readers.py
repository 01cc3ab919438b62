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
from napari_medgen.viewer.canvas.watch import watch_all
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.stack4d import stacked, with_slider
from napari_medgen.viewer.layers.volumes import LayerData, image_options
from napari_medgen.viewer.plugin.series import may_hold_series, read_series
from napari_medgen.viewer.work.aside import Cancelled, aside

_MOST_VOLUMES = 2000
NO_LAYERS: list[Any] = [(None,)]  # as npe2 says it
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
    paths = [Path(p) for p in _paths(path)]
    return read_layers if all(kind_of(p) for p in paths) or may_hold_series(paths) else None


def get_folder_reader(path: str | list[str]) -> Reader | None:
    """The reader of all images that lie in a folder."""
    return read_folders if all(Path(p).is_dir() for p in _paths(path)) else None


def _all_end(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    return all(str(p).lower().endswith(suffixes) for p in _paths(path))


def _paths(path: str | list[str]) -> list[str]:
    return [path] if isinstance(path, str) else path


def read_layers(path: str | list[str]) -> list[LayerData]:
    """A layer for a file, whatever its name says that it is; one layer for several that are to be a stack.

    Of a disc, an archive, or several files that are slices of DICOM series, the user chooses the series. The window lives
    while they are read, behind a dialog with **Cancel**.

    Raises
    ------
    ImageError
        One sentence about the file that cannot be read.
    """
    return _while_the_window_lives(path, _layers_of)


def read_radiographs(path: str | list[str]) -> list[LayerData]:
    """As :func:`read_layers`, for names of radiographs.

    What was changed or guessed on reading is in its metadata, and in the widgets that use it.
    """
    return read_layers(path)


def read_folders(path: str | list[str]) -> list[LayerData]:
    """A layer for each image that lies in a folder, or for the DICOM series in it that the user chooses.

    What cannot be read is told, and costs nothing else.

    Raises
    ------
    ImageError
        If nothing can be opened.
    """
    return _while_the_window_lives(path, _layers_in)


def _while_the_window_lives(
    path: str | list[str], read: Callable[[list[str]], tuple[list[LayerData], list[str]]]
) -> list[LayerData]:
    """Layers that are read in a thread; what there is to say of them is said in the window's own."""
    watch_all()
    paths = _paths(path)
    first = Path(paths[0]).name
    try:
        found = _series_of([Path(p) for p in paths])
        layers, remarks = found or aside(lambda: read(paths), f"Reading {first}" + (" and others" if len(paths) > 1 else ""))
    except Cancelled:
        return NO_LAYERS
    for remark in remarks:
        show_warning(remark)
    return layers


def _series_of(paths: list[Path]) -> tuple[list[LayerData], list[str]] | None:
    """Layers of DICOM series among paths; None where there is none."""
    if not may_hold_series(paths):
        return None
    return read_series(paths, lambda files: [radiograph_layer(read_radiograph(file)) for file in files])


def _layers_of(paths: list[str]) -> tuple[list[LayerData], list[str]]:
    remarks: list[str] = []
    layers = [_layer(Path(path), remarks) for path in paths]
    return stacked(layers, [Path(path).name for path in paths]), remarks


def _layers_in(folders: list[str]) -> tuple[list[LayerData], list[str]]:
    layers: list[LayerData] = []
    remarks: list[str] = []
    faults: list[str] = []
    for folder in folders:
        for file in images_in(Path(folder)):
            try:
                layers.append(_layer(file, remarks))
            except ImageError as error:
                faults.append(str(error))
    if not layers:
        raise ImageError(faults[0])
    return layers, remarks + faults


def _layer(path: Path, remarks: list[str]) -> LayerData:
    kind = kind_of(path)
    if kind == "volume" or (not kind and path.name.lower().endswith(VOLUME_SUFFIXES)):
        return _read(path, remarks)
    return radiograph_layer(read_radiograph(path))


def _read(path: Path, remarks: list[str]) -> LayerData:
    first = read_volume(path)
    count = count_volumes(path) if format_of(path) == "nifti" else 1
    options = image_options(first)
    if first.remarks:
        remarks.append(f"{path.name}: {' '.join(first.remarks)}")
    if count == 1:
        return first.voxels, options, "image"
    if count > _MOST_VOLUMES:
        raise ImageError(f"{path.name} holds {count} volumes, more than can be shown.")
    # A slider chooses the volume.
    others = read_all_volumes(path)[1:]
    if more := {note for other in others for note in other.notes} - set(first.notes):
        remarks.append(f"{path.name}: {' '.join(sorted(more))}")
    stack = np.stack([first.voxels, *(other.voxels for other in others)])
    return stack, with_slider(options, "volume"), "image"

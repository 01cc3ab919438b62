"""DICOM series into layers: what lies in a folder, an archive or among dropped files is found, chosen from and read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom_file import is_dicom
from napari_medgen.imaging.listing import is_meant
from napari_medgen.imaging.series.finding import Entry, Found, dicom_files, find_series, unpacked
from napari_medgen.imaging.series.headers import read_frames
from napari_medgen.imaging.series.reading import name_of, read_stack, thumbnails
from napari_medgen.running.progress import Steps, drive
from napari_medgen.viewer.layers.owner import MODALITY
from napari_medgen.viewer.layers.volumes import LayerData, image_options
from napari_medgen.viewer.plugin.series_dialog import SeriesDialog
from napari_medgen.viewer.work.aside import Cancelled, aside, aside_steps

_INDEX = "DICOMDIR"
_LOOKED_AT = 40  # files of a folder, and folders of a level: one of the first is DICOM where it is a disc
_IN_AN_ARCHIVE = 400
_DEEPEST = 5
_THUMBNAILS = 60
_PICTURES = 100
Pictures = Callable[[Sequence[Path]], list[LayerData]]


def may_hold_series(paths: Sequence[Path]) -> bool:
    """Whether paths are worth a look for series: a disc, an archive or a folder with DICOM in it, many frames or files."""
    if len(paths) == 1:
        path = paths[0]
        if path.is_dir():
            return (path / _INDEX).is_file() or any(is_dicom(file) for file in _first_files(path))
        return path.name.upper() == _INDEX or (_has_frames(path) if is_dicom(path) else _packs_dicom(path))
    return all(path.is_file() and is_dicom(path) for path in paths)


def _first_files(folder: Path) -> list[Path]:
    """Some files of a folder and of each folder in it, the nearest first: a disc's programs may lie before its images."""
    found: list[Path] = []
    level = [folder]
    for _ in range(_DEEPEST):
        deeper: list[Path] = []
        for place in level[:_LOOKED_AT]:
            inside = [path for path in sorted(place.iterdir()) if is_meant(path, folder)]
            found += [path for path in inside if path.is_file()][:_LOOKED_AT]
            deeper += [path for path in inside if path.is_dir() and not path.is_symlink()]
        level = deeper
    return found


def _has_frames(path: Path) -> bool:
    """Whether one file holds many frames, or a mosaic of slices."""
    try:
        return len(read_frames(path)) > 1
    except ImageError:
        return False  # whoever opens it says what is wrong


def _packs_dicom(path: Path) -> bool:
    """Whether one of an archive's first files begins as DICOM files do."""
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            for entry in [one for one in archive.infolist() if not one.is_dir()][:_IN_AN_ARCHIVE]:
                with archive.open(entry) as packed:
                    if packed.read(132)[128:] == b"DICM":
                        return True
    except (OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError):
        return False  # whoever opens it says what is wrong
    return False


def read_series(paths: Sequence[Path], pictures: Pictures) -> tuple[list[LayerData], list[str]] | None:
    """Layers of the series that the user chooses; of the only one without a question.

    Parameters
    ----------
    paths
        A folder, a DICOMDIR, an archive, or several files.
    pictures
        Makes layers of files that are pictures each for itself.

    Returns
    -------
    tuple or None
        Layers, and what there is to say of them; None where there is no volume of several slices, so that the files are
        opened as pictures.

    Raises
    ------
    ImageError
        If what was chosen cannot be read.
    Cancelled
        If nothing was chosen, or the user did not want to wait.
    """
    where = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    with ExitStack() as kept:
        found, thumbnails = aside(lambda: _look(paths, kept), f"Looking for series in {where}")
        entries = found.entries
        if not any(entry.stack is not None and entry.images > 1 for entry in entries):
            if _opens_otherwise(paths):
                return None
            files = sorted({frame.path for entry in entries for frame in entry.frames})
            return aside(lambda: _pictures(files, pictures), f"Reading pictures in {where}")
        chosen, even = _choose(entries, thumbnails, where, len(found.failures))
        return aside_steps(lambda: _layers(chosen, even, pictures), f"Reading {name_of(chosen[0].series)}")


def _opens_otherwise(paths: Sequence[Path]) -> bool:
    """Whether single pictures are opened without us: files, and those that lie in a folder itself."""
    if len(paths) > 1 or (is_dicom(paths[0]) and paths[0].name.upper() != _INDEX):
        return True
    return paths[0].is_dir() and any(is_dicom(path) for path in paths[0].iterdir() if path.is_file())


def _pictures(files: Sequence[Path], pictures: Pictures) -> tuple[list[LayerData], list[str]]:
    """Layers of pictures, each for itself; what cannot be shown costs itself alone."""
    layers: list[LayerData] = []
    faults: list[str] = []
    for file in files[:_PICTURES]:
        try:
            layers += pictures([file])
        except ImageError as error:
            faults.append(str(error))
    if not layers:
        raise ImageError(faults[0])
    if len(files) > _PICTURES:
        faults.append(f"Of {len(files)} pictures the first {_PICTURES} are opened.")
    return layers, faults


def _look(paths: Sequence[Path], kept: ExitStack) -> tuple[Found, list[NDArray[np.uint8] | None]]:
    files = dicom_files(kept.enter_context(unpacked(paths[0]))) if len(paths) == 1 else list(paths)
    found = drive(find_series(files))
    entries = found.entries
    if len(entries) == 1:
        return found, [None]
    pictures = thumbnails([entry.frames for entry in entries[:_THUMBNAILS]])
    return found, [*pictures, *[None] * (len(entries) - len(pictures))]


def _choose(
    entries: list[Entry], thumbnails: Sequence[NDArray[np.uint8] | None], where: str, failures: int
) -> tuple[list[Entry], bool]:
    """What the user wants, and whether uneven slices are resampled."""
    if len(entries) == 1 and (entries[0].stack is None or entries[0].stack.even):
        return entries, False
    dialog = SeriesDialog(entries, thumbnails, where, failures, QApplication.activeWindow())
    accepted = dialog.exec()
    chosen, even = dialog.chosen, dialog.even.isChecked()
    dialog.deleteLater()
    if not accepted or not chosen:
        raise Cancelled
    return chosen, even


def _layers(chosen: list[Entry], even: bool, pictures: Pictures) -> Steps[tuple[list[LayerData], list[str]]]:
    layers: list[LayerData] = []
    remarks: list[str] = []
    faults: list[str] = []
    for entry in chosen:
        try:
            if entry.stack is None:
                shown, said = _pictures(sorted({frame.path for frame in entry.frames}), pictures)
                layers += shown
                faults += said
                continue
            volume = yield from read_stack(entry.series, entry.stack, even=even)
        except ImageError as error:
            faults.append(f"{name_of(entry.series)}: {error}")
            continue
        options = image_options(volume)
        options["metadata"][MODALITY] = entry.series.modality
        layers.append((volume.voxels, options, "image"))
        if volume.remarks:
            remarks.append(f"{volume.name}: {' '.join(volume.remarks)}")
    if not layers:
        raise ImageError(faults[0])
    return layers, remarks + faults

"""The DICOM files of a folder, of the disc that a DICOMDIR describes, of a zip archive, or those that were chosen."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom_file import is_dicom, may_be_dicom
from napari_medgen.imaging.listing import list_files
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.series.frame import Frame
from napari_medgen.imaging.series.grouping import Series, series_of
from napari_medgen.imaging.series.headers import read_frames
from napari_medgen.imaging.series.stack import Stack
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.running.progress import Progress, Steps

_INDEX = "DICOMDIR"
_CHUNK = 2**20


@dataclass(frozen=True)
class Entry:
    """One line of a list of series: a volume, or the pictures of a series that are none.

    Attributes
    ----------
    series
        What it is of.
    stack
        The volume; None for pictures.
    """

    series: Series
    stack: Stack | None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Its images."""
        return self.series.images if self.stack is None else self.stack.frames

    @property
    def images(self) -> int:
        """How many."""
        return len(self.frames)

    @property
    def title(self) -> str:
        """What to call it on screen."""
        apart = self.stack.apart if self.stack else ""
        return f"{self.series.number}  {self.series.title}" + (f", {apart}" if apart else "")

    @property
    def size(self) -> str:
        """Rows and columns."""
        return f"{self.frames[0].rows} x {self.frames[0].columns}"

    @property
    def steps(self) -> str:
        """Millimetres from slice to slice, row to row and column to column; empty where nobody knows."""
        first = self.frames[0]
        if self.stack is None or first.spacing is None:
            return ""
        places = self.stack.places
        apart = float(np.median(np.diff(places))) if len(places) > 1 else first.thickness
        return " x ".join(f"{step:.3g}" for step in (apart, *first.spacing) if step)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about it, in sentences."""
        if self.stack is None:
            return ("Pictures without a place in the patient.",)
        if not self.stack.even:
            return (*self.stack.notes, "Slices are unevenly apart.")
        try:
            return self.stack.layout().notes
        except ImageError as error:
            return (str(error),)


@dataclass(frozen=True)
class Found:
    """What lies somewhere.

    Attributes
    ----------
    series
        In the order of their numbers.
    failures
        A sentence for each file that could not be read.
    """

    series: list[Series]
    failures: list[str]

    @property
    def entries(self) -> list[Entry]:
        """All volumes and pictures, a line each."""
        lines: list[Entry] = []
        for series in self.series:
            lines += [Entry(series, stack) for stack in series.stacks]
            lines += [Entry(series, None)] if series.images else []
        return lines


def find_series(files: Iterable[Path]) -> Steps[Found]:
    """Read the headers of files and find which are one series.

    Yields
    ------
    Progress
        A step a file.

    Raises
    ------
    ImageError
        If none of them holds an image.
    """
    paths = list(files)
    frames: list[Frame] = []
    failures = []
    for done, path in enumerate(paths, 1):
        try:
            frames += read_frames(path)
        except ImageError as error:
            # Without a preamble it only looked like one.
            failures += [str(error)] if is_dicom(path) else []
        yield Progress(done, len(paths), "Reading headers")
    if not frames:
        raise ImageError(failures[0] if failures else "There is no DICOM image.")
    return Found(series_of(frames), failures)


def dicom_files(source: str | Path) -> list[Path]:
    """The DICOM files of a folder and the folders in it, in the order of their names; a file stands for itself.

    A DICOMDIR stands for the disc that it lies on: what it says of files is in the files too, and theirs is newer.

    Raises
    ------
    ImageError
        If there is none.
    """
    source = Path(source)
    if not source.exists():
        raise ImageError(f"{source.name} does not exist.")
    if source.is_file() and source.name.upper() != _INDEX:
        return [source]
    folder = source if source.is_dir() else source.parent
    with opened_image(folder, "a folder"):
        found = [path for path in list_files(folder, "**/*") if path.name.upper() != _INDEX and may_be_dicom(path)]
    if not found:
        raise ImageError(f"{folder.name} holds no DICOM file.")
    return found


@contextmanager
def unpacked(source: str | Path) -> Iterator[Path]:
    """A zip archive's files in a folder that is gone afterwards; anything else as it is.

    Raises
    ------
    ImageError
        If the archive is damaged, locked by a password, or unpacks to more than is allowed.
    """
    source = Path(source)
    if not source.is_file() or not zipfile.is_zipfile(source):
        yield source
        return
    with TemporaryDirectory(prefix="napari-medgen-") as folder:
        _unpack(source, Path(folder))
        yield Path(folder)


def _unpack(source: Path, folder: Path) -> None:
    made = 0
    with opened_image(source, "a zip archive", foreign=(zipfile.BadZipFile,)), zipfile.ZipFile(source) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if any(entry.flag_bits & 1 for entry in entries):
            raise ImageError(f"{source.name} is locked by a password; unpack it first.")
        require_image_bytes(sum(entry.file_size for entry in entries), source.name)
        for number, entry in enumerate(entries):
            # By number: what a name in an archive may do to a disk is nothing that is wanted.
            with archive.open(entry) as packed, _written(folder / f"{number:06d}", source) as file:
                while chunk := packed.read(_CHUNK):
                    made += len(chunk)
                    require_image_bytes(made, source.name)
                    file.write(chunk)


@contextmanager
def _written(path: Path, source: Path) -> Iterator[IO[bytes]]:
    """A temporary file; a disk that is full is no damaged archive."""
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ImageError(f"{source.name} cannot be unpacked: there is no room for it in {path.parent.parent}.") from None

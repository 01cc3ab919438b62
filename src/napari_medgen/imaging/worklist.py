"""A list of cases to look at one after the other: the images of a folder, or the lines of a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import RADIOGRAPH_SUFFIXES, VOLUME_SUFFIXES, kind_of
from napari_medgen.imaging.listing import is_meant

_PATHS = ("path", "file", "image", "filename")
_NAMES = ("name", "case", "id", "title")


@dataclass(frozen=True)
class Case:
    """One image to look at.

    Attributes
    ----------
    name
        What the list calls it.
    path
        Its file.
    """

    name: str
    path: Path


def read_worklist(source: str | Path) -> list[Case]:
    """Cases of a folder in the order of their names, or of a CSV table in the order of its lines.

    A table has a column ``path`` (or ``file``, ``image``, ``filename``) and may have one called ``name`` (or ``case``,
    ``id``, ``title``); paths count from the table's own folder.

    Raises
    ------
    ImageError
        If nothing can be looked at there: no image in the folder, no such column, a line whose file does not exist.
    """
    source = Path(source)
    return _of_folder(source) if source.is_dir() else _of_table(source)


def _of_folder(folder: Path) -> list[Case]:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and is_meant(path, folder))
    except OSError as error:
        raise ImageError(f"{folder.name} cannot be read: {error.strerror or error}.") from None
    # Of names that say it, no file is opened: a folder may hold thousands, on a network.
    known = (*VOLUME_SUFFIXES, *RADIOGRAPH_SUFFIXES)
    found = [path for path in files if path.name.lower().endswith(known) or (not path.suffix and kind_of(path))]
    found = [path for path in found if not path.name.lower().endswith((".img", ".img.gz"))]  # a header stands for both
    if not found:
        raise ImageError(f"{folder.name} holds no NIfTI, NRRD, DICOM, PNG or JPEG file.")
    return [Case(_stem(path), path) for path in found]


def _of_table(table: Path) -> list[Case]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
            header = list(lines[0]) if lines else []
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ImageError(f"{table.name} is not a table of cases (CSV).") from None
    columns = {str(name).strip().lower(): name for name in header}
    path = next((columns[name] for name in _PATHS if name in columns), None)
    if path is None:
        raise ImageError(f"{table.name} has no column path, so that nobody knows where its images are.")
    name = next((columns[one] for one in _NAMES if one in columns), None)
    cases = []
    for number, line in enumerate(lines, start=2):
        entry = str(line[path] or "").strip()
        if not entry:
            raise ImageError(f"{table.name}, line {number}: no file is named.")
        file_of = (table.parent / entry).resolve()
        if not file_of.is_file():
            raise ImageError(f"{table.name}, line {number}: {entry} does not exist.")
        said = str(line[name] or "").strip() if name else ""
        cases.append(Case(said or _stem(file_of), file_of))
    return cases


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".hdr.gz", ".img.gz"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem

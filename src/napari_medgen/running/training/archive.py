"""Prepared training data as one small file: what travels to the machine that trains, instead of the folder of images.

A NumPy archive of arrays, and of a note that says by which part of a recipe they were prepared.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import RecipeError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import write_whole
from napari_medgen.validity import parse_json

SUFFIX = ".npz"
Arrays = dict[str, NDArray[Any]]
About = dict[str, Any]
T = TypeVar("T")


def pack(path: Path, prepared_by: About, about: About, arrays: Arrays, *, compressed: bool) -> None:
    """Write an archive; ``path`` ends in ``.npz``, and is whole or absent.

    Parameters
    ----------
    prepared_by
        The part of the recipe that what is in it depends on.
    about, arrays
        What is in it, for JSON and as arrays.
    compressed
        Whether to compress the arrays; images that are compressed already only take time.

    Raises
    ------
    RecipeError
        If the file cannot be written.
    """
    said = json.dumps(about | {"recipe": prepared_by}).encode()
    whole: dict[str, Any] = {**arrays, "about": np.frombuffer(said, np.uint8)}
    save = np.savez_compressed if compressed else np.savez
    # Array by array from where it lies, which may be a mapped file larger than the memory.
    write_whole(path, lambda file: save(file, **whole), RecipeError)


def unpack(path: Path, kind: str, names: Sequence[str], prepared_by: About, build: Callable[[About, Arrays], T]) -> T:
    """Read what :func:`pack` wrote.

    Parameters
    ----------
    kind
        What it should hold, for a sentence: "images".
    names
        Of its arrays.
    prepared_by
        As the recipe at hand has it; JSON has no tuples, nor has this.
    build
        Makes of note and arrays what is wanted; raises ValueError, KeyError or TypeError where they do not fit.

    Raises
    ------
    RecipeError
        If it is no such file, is damaged, or was prepared by a recipe that prepares otherwise.
    """
    if not path.is_file():
        raise RecipeError(f"There is no file {path}.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in (*names, "about")}
        about = parse_json(arrays.pop("about").tobytes())
        if about["recipe"] == json.loads(json.dumps(prepared_by)):
            return build(about, arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error):
        raise RecipeError(f"{path.name} is no archive of prepared {kind} (napari-medgen prepare makes one).") from None
    raise RecipeError(f"{path.name} was prepared by another recipe; prepare it anew with this one.")


def prepare_file(out: Path, prepared: Steps[T], write: Callable[[T], None]) -> Steps[Path]:
    """Prepare a folder as an archive.

    Yields
    ------
    Progress
        A step an image that has to be prepared.

    Raises
    ------
    RecipeError
        If the data cannot be used, or the file cannot be written.
    """
    dataset = yield from prepared
    yield Progress(0, 1, f"Writing {out.name}")
    write(dataset)
    yield Progress(1, 1, f"Wrote {out.name}")
    return out


def from_folder_or_file(data: Path, work: Path, from_folder: Callable[[], Steps[T]], from_file: Callable[[], T]) -> Steps[T]:
    """What a training takes: a folder of images, or the archive that was made of it."""
    if data.suffix != SUFFIX or data.is_dir():
        return (yield from from_folder())
    yield Progress(0, 1, f"Reading {data.name}")
    work.mkdir(parents=True, exist_ok=True)
    return from_file()

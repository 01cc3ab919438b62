"""Prepared volumes on disk: each is made once, and again only where its file, its mask or the preparation changed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.stamps import file_stamp, fingerprint
from napari_medgen.volumes.training.recipe import DataRecipe

if TYPE_CHECKING:
    from napari_medgen.volumes.training.dataset import Case

_NOTED = 8  # volumes between two notes of what is done: so many are made again after a kill
# What of a recipe's data does not change a prepared volume: the split, and what is done to volumes later.
_LATER = ("validation", "held_out", "subject", "table", "table_key", "range", "flip", "rotation", "scaling", "shift", "copies")


def fill_store(cases: Sequence[Case], recipe: DataRecipe, work: Path) -> Steps[tuple[NDArray[np.float16], str]]:
    """Volumes (N, S, P, L) of all cases as a file that is mapped, and the fingerprint of what they were made of.

    A preparation that is stopped goes on where it was: what is done is noted beside the volumes.

    Yields
    ------
    Progress
        A step a volume that has to be made.
    """
    from napari_medgen.volumes.training.dataset import load_case

    work.mkdir(parents=True, exist_ok=True)
    how = recipe.model_dump(mode="json", exclude=set(_LATER))
    stamps = [[case.name, file_stamp(case.image), file_stamp(case.mask)] for case in cases]
    store, note = work / "volumes.npy", work / "volumes.json"
    known = _known(store, note, how)
    if not known or [row[0] for row in known] != [row[0] for row in stamps]:
        known = _moved(store, note, how, known, stamps, (len(cases), *recipe.shape))
    todo = [index for index, stamp in enumerate(stamps) if known[index] != stamp]
    volumes = np.lib.format.open_memmap(store, mode="r+") if todo else None
    for done, index in enumerate(todo, 1):
        assert volumes is not None
        volumes[index] = load_case(cases[index], recipe).voxels
        known[index] = stamps[index]
        if done % _NOTED == 0 or done == len(todo):
            volumes.flush()
            _write(note, how, known)
        yield Progress(done, len(todo), f"Preparing {cases[index].image.name}")
    return np.load(store, mmap_mode="r"), fingerprint([how, stamps])


Row = list[Any]


def _known(store: Path, note: Path, how: dict[str, Any]) -> list[Row]:
    """Stamps of the volumes that an earlier run left, in its order; empty where they were made in another way."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        rows: list[Row] = content["rows"]
        found = np.load(store, mmap_mode="r")
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return rows if content.get("how") == how and len(found) == len(rows) else []


def _moved(
    store: Path, note: Path, how: dict[str, Any], known: list[Row], stamps: list[Row], shape: tuple[int, ...]
) -> list[Row]:
    """Lay out a store for another list of files; volumes that are in both are taken over."""
    part = store.with_suffix(".part.npy")
    volumes = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape)
    rows: list[Row] = [[stamp[0], None, None] for stamp in stamps]
    old = np.load(store, mmap_mode="r") if known else None
    places = {json.dumps(row): index for index, row in enumerate(known)}
    for index, stamp in enumerate(stamps):
        place = places.get(json.dumps(stamp))
        if place is not None and old is not None:
            volumes[index] = old[place]
            rows[index] = stamp
    volumes.flush()
    del volumes, old
    note.unlink(missing_ok=True)
    os.replace(part, store)
    _write(note, how, rows)
    return rows


def _write(note: Path, how: dict[str, Any], rows: list[Row]) -> None:
    part = note.with_suffix(".part")
    part.write_text(json.dumps({"how": how, "rows": rows}), encoding="utf-8")
    os.replace(part, note)

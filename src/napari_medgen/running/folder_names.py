"""What the files of a folder, and the pictures that are made of them, are called."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection, Sequence
from pathlib import Path

from napari_medgen.running.naming import plain


def names_of(files: Sequence[Path]) -> dict[Path, str]:
    """Names that tell files apart: without their folders, where that is enough."""
    if len({file.name for file in files}) == len(files):
        return {file: file.name for file in files}
    try:
        root = os.path.commonpath([file.parent for file in files])
        return {file: file.relative_to(root).as_posix() for file in files}
    except ValueError:  # of two drives, or some relative and some not
        return {file: file.as_posix() for file in files}


def stems_of(files: Sequence[Path]) -> dict[Path, str]:
    """Beginnings of pictures' names that differ, also for a disk that takes large letters for small ones.

    Images in two formats, or of two folders, may be called alike, and so may names of which nothing but plain letters is
    kept. Where it is so, the ending or the folder is part of the name, or at last a number.
    """
    names = names_of(files)
    short = {file: plain(file.stem) for file in files}
    long = {file: plain(names[file]) for file in files}
    seen: dict[str, int] = {}
    for stem in short.values():
        seen[stem.casefold()] = seen.get(stem.casefold(), 0) + 1
    found: dict[Path, str] = {}
    taken: set[str] = set()
    for file in files:
        wanted = short[file] if short[file] and seen[short[file].casefold()] == 1 else long[file]
        stem, number = wanted or "image", 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{wanted or 'image'}-{number}"
        taken.add(stem.casefold())
        found[file] = stem
    return found


def free_suffix(out: Path, stems: Collection[str]) -> str:
    """What tells a run's pictures from those that are there: nothing, or a number."""
    there = sorted(path.name.casefold() for path in out.glob("*.png")) if out.is_dir() else []

    def taken(stem: str) -> bool:
        place = bisect_left(there, f"{stem}_")
        return place < len(there) and there[place].startswith(f"{stem}_")

    number, suffix = 1, ""
    while any(taken(f"{stem}{suffix}".casefold()) for stem in stems):
        number += 1
        suffix = f"-{number}"
    return suffix

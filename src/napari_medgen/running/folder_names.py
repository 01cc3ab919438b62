"""What the files of a folder, and the pictures that are made of them, are called."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_medgen.running.naming import plain


def names_of(files: Sequence[Path]) -> dict[Path, str]:
    """Names that tell files apart: without their folders, where that is enough."""
    if len({file.name for file in files}) == len(files):
        return {file: file.name for file in files}
    root = os.path.commonpath([file.parent for file in files])
    return {file: file.relative_to(root).as_posix() for file in files}


def stems_of(files: Sequence[Path], suffix: str) -> dict[Path, str]:
    """Beginnings of pictures' names, which differ though images in two formats, or of two folders, may be called alike."""
    names = names_of(files)
    count = Counter(file.stem for file in files)
    return {file: plain(file.stem if count[file.stem] == 1 else names[file]) + suffix for file in files}


def free_suffix(out: Path, files: Sequence[Path]) -> str:
    """What tells a run's pictures from those that are there: nothing, or a number."""
    there = sorted(path.name for path in out.glob("*.png")) if out.is_dir() else []

    def taken(stem: str) -> bool:
        place = bisect_left(there, f"{stem}_")
        return place < len(there) and there[place].startswith(f"{stem}_")

    number, suffix = 1, ""
    while any(map(taken, stems_of(files, suffix).values())):
        number += 1
        suffix = f"-{number}"
    return suffix

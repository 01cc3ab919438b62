"""Names of files that are written: of plain characters, and never those of files that are there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def plain(name: str) -> str:
    """A name as part of a file's: letters, digits, dots and dashes; all else becomes one underscore."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")


def shown(name: str) -> str:
    """A name that can be shown and written: what no alphabet holds, as on an old disc, becomes a question mark."""
    return name.encode("utf-8", "replace").decode()


def with_ending(path: Path, endings: tuple[str, ...]) -> Path:
    """The path itself if its name has one of the endings, in whatever case; else with the first of them added."""
    return path if path.name.lower().endswith(endings) else path.with_name(path.name + endings[0])


def unused(folder: Path, stem: str, endings: Iterable[str]) -> str:
    """The stem, or the stem with a number, such that no file of the folder has it with one of the endings.

    Exports of two images that are called alike thus lie beside each other, and none replaces the other.
    """
    wanted = tuple(endings)
    number, found = 1, stem
    while any((folder / f"{found}{ending}").exists() for ending in wanted):
        number += 1
        found = f"{stem}-{number}"
    return found

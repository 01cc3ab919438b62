"""Which files of a folder are meant: those that a person put there, not what systems leave beside them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

# macOS writes "._scan.nii" and "__MACOSX" when it packs a folder, Jupyter ".ipynb_checkpoints" with copies of files.
_LEFT_BEHIND = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def is_meant(path: Path, root: Path) -> bool:
    """Whether neither the file nor a folder between it and ``root`` is hidden or left behind by a system."""
    return not any(part.startswith(".") or part in _LEFT_BEHIND for part in path.relative_to(root).parts)


def list_files(root: Path, pattern: str = "*", suffixes: Collection[str] = ()) -> list[Path]:
    """Files below a folder, in the order of their names.

    Parameters
    ----------
    root
        Where to look.
    pattern
        Glob relative to ``root``, for example ``**/*.nii*``.
    suffixes
        Endings that a name must have one of, in lower case; their case in the name does not matter. Empty for any.

    Returns
    -------
    list of Path
        Without hidden files, files in hidden folders, and what systems leave behind.
    """
    wanted = tuple(suffixes)
    return sorted(
        path
        for path in root.glob(pattern)
        if path.is_file() and is_meant(path, root) and (not wanted or path.name.lower().endswith(wanted))
    )

"""One way to write: files appear whole or not at all, and nothing else is touched.

The content is made in memory, goes to a file beside its place, to the disk, and takes its place in one step. Whatever goes
wrong before leaves what was there. A link is followed; a file that is write-protected is refused, though its folder would
let it be replaced.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medgen.errors import MedGenError

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_whole(path: Path, content: bytes, kind: type[MedGenError] = MedGenError) -> Path:
    """Write one file; see :func:`write_all`."""
    return write_all({path: content}, kind)[0]


def write_all(contents: Mapping[Path, bytes], kind: type[MedGenError] = MedGenError) -> list[Path]:
    """Write files that belong together: all of them are on the disk before the first takes its place.

    Parameters
    ----------
    contents
        Bytes by path; missing folders are made.
    kind
        Of the error.

    Returns
    -------
    list of Path
        The paths, in order.

    Raises
    ------
    MedGenError
        If one cannot be written: what was there is there still. The sentence says why.
    """
    parts: list[tuple[Path, Path]] = []
    kept: dict[Path, Path | None] = {}
    path = Path()
    try:
        for path, content in contents.items():
            parts.append(_prepared(path, content, kind))
        for path, (part, place) in zip(contents, parts, strict=True):  # noqa: B007  # named in the sentence
            if len(parts) > 1:
                kept[place] = _kept(place)
            os.replace(part, place)
        kept, over = {}, kept
        _forget(over)
    except (OSError, ValueError) as error:
        raise kind(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from None
    finally:
        for place, earlier in kept.items():
            with contextlib.suppress(OSError):
                place.unlink() if earlier is None else os.replace(earlier, place)
        for part, _ in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    for folder in {place.parent for _, place in parts}:
        _settle(folder)
    return list(contents)


def _kept(place: Path) -> Path | None:
    """Another name for the file that is there, until all that belong together are in place; None where there is none."""
    if not place.exists():
        return None
    earlier = place.parent / f".writing-{secrets.token_hex(8)}"
    try:
        os.link(place, earlier)
    except OSError:  # a disk that knows no links
        shutil.copy2(place, earlier)
    return earlier


def _forget(kept: Mapping[Path, Path | None]) -> None:
    for earlier in kept.values():
        if earlier is not None:
            with contextlib.suppress(OSError):
                earlier.unlink()


def _prepared(path: Path, content: bytes, kind: type[MedGenError]) -> tuple[Path, Path]:
    """A file beside its place with the content on the disk, and the place itself."""
    place = Path(os.path.realpath(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    mode, owner = None, None
    if place.exists():
        if not place.is_file():
            raise kind(f"{path} is {'a folder; name a file in it' if place.is_dir() else 'not an ordinary file'}.")
        there = place.stat()
        mode, owner = stat.S_IMODE(there.st_mode), (there.st_uid, there.st_gid)
        if not mode & stat.S_IWUSR or not os.access(place, os.W_OK):
            raise kind(f"{path} is write-protected; choose another name.")
    part = place.parent / f".writing-{secrets.token_hex(8)}"
    try:
        # The system takes the usual rights off those that are asked for.
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb"
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if owner is not None and hasattr(os, "chown"):
            with contextlib.suppress(OSError):  # only an administrator may
                os.chown(part, *owner)
        if mode is not None:
            part.chmod(mode)
        if len(os.fsencode(place.name)) > 255:  # said before anything takes its place
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part, place


def _settle(folder: Path) -> None:
    """Have a folder's new entries on the disk, where the system knows how."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def text_bytes(text: str) -> bytes:
    """A text for a file, UTF-8; what no alphabet holds, as in a file's name from an old disc, becomes a question mark."""
    return text.encode("utf-8", "replace")


def json_bytes(content: Any) -> bytes:
    """Content as a JSON file for people."""
    return text_bytes(json.dumps(content, indent=2) + "\n")


def harmless(cell: Any) -> Any:
    """A cell of a CSV file that a spreadsheet shows and does not compute: a text that looks like a formula is quoted.

    Numbers are left as they are, the negative ones too.
    """
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell

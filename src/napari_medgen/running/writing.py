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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from napari_medgen.errors import MedGenError, WritingError

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


Content = bytes | Callable[[IO[bytes]], object]
"""What a file holds, or what writes it into an open one: for what is larger than the memory."""


def write_whole(path: Path, content: Content, kind: type[MedGenError] = MedGenError) -> Path:
    """Write one file; see :func:`write_all`."""
    return write_all({path: content}, kind)[0]


def write_all(contents: Mapping[Path, Content], kind: type[MedGenError] = MedGenError) -> list[Path]:
    """Write files that belong together: all of them are on the disk before the first takes its place.

    Parameters
    ----------
    contents
        By path; missing folders are made.
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
    kept: list[tuple[Path, Path | None]] = []
    placed: list[Path] = []
    made: list[Path] = []
    path, whole = Path(), False
    try:
        for path, content in contents.items():
            made += _make_folder(Path(os.path.realpath(path)).parent)
            parts.append(_prepared(path, content, kind))
        for path, (part, place) in zip(contents, parts, strict=True):  # noqa: B007  # named in the sentence
            if len(parts) > 1:
                kept.append((place, place.parent / _name() if place.exists() else None))
                _keep(*kept[-1])
            os.replace(part, place)
            placed.append(place)
        whole = True
    except (OSError, ValueError) as error:
        raise kind(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from None
    finally:
        if not whole:
            _put_back(kept, placed)
        for one in [part for part, _ in parts] + [earlier for _, earlier in kept if earlier is not None]:
            with contextlib.suppress(OSError):
                one.unlink(missing_ok=True)
        for folder in reversed([] if whole else made):
            with contextlib.suppress(OSError):  # something else lies there by now
                folder.rmdir()
    for folder in {place.parent for _, place in parts}:
        _settle(folder)
    return list(contents)


def make_folder(folder: Path) -> Path:
    """Make a folder for results, with those above it.

    Raises
    ------
    WritingError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WritingError(f"The folder {folder} cannot be made: {error.strerror or error}.") from None
    return folder


def _name() -> str:
    return f".writing-{secrets.token_hex(8)}"


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; those that were not there."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _keep(place: Path, earlier: Path | None) -> None:
    """Give the file that is there another name, until all that belong together are in place."""
    if earlier is None:
        return
    try:
        os.link(place, earlier)
    except OSError:  # a disk that knows no links
        shutil.copy2(place, earlier)


def _put_back(kept: list[tuple[Path, Path | None]], placed: list[Path]) -> None:
    for place, earlier in reversed(kept):
        if place in placed:
            with contextlib.suppress(OSError):
                place.unlink() if earlier is None else os.replace(earlier, place)


def _prepared(path: Path, content: Content, kind: type[MedGenError]) -> tuple[Path, Path]:
    """A file beside its place with the content on the disk, and the place itself."""
    place = Path(os.path.realpath(path))
    mode, owner = None, None
    if place.exists():
        if not place.is_file():
            raise kind(f"{path} is {'a folder; name a file in it' if place.is_dir() else 'not an ordinary file'}.")
        there = place.stat()
        mode, owner = stat.S_IMODE(there.st_mode), (there.st_uid, there.st_gid)
        if _is_anothers(place, there):
            raise kind(f"{path} is somebody else's, in a folder where each may replace only their own; choose another name.")
        if not mode & stat.S_IWUSR or not os.access(place, os.W_OK):
            raise kind(f"{path} is write-protected; choose another name.")
    part = place.parent / _name()
    try:
        # The system takes the usual rights off those that are asked for.
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb"
        ) as file:
            file.write(content) if isinstance(content, bytes) else content(file)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None and owner is not None:
            part.chmod(mode if _give(part, *owner) else mode & ~stat.S_IRWXG)
        if len(os.fsencode(place.name)) > 255:  # said before anything takes its place
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part, place


def _is_anothers(place: Path, there: os.stat_result) -> bool:
    """Whether the system would not let this user replace the file: in a folder like /tmp, only its owner may."""
    if not hasattr(os, "geteuid"):
        return False
    folder, user = place.parent.stat(), os.geteuid()
    return bool(folder.st_mode & stat.S_ISVTX) and user not in (0, there.st_uid, folder.st_uid)


def _give(part: Path, owner: int, group: int) -> bool:
    """Give a file to the owner, or at least to the group, of the one that it replaces; whether its group is right."""
    for wanted in ((owner, group), (-1, group)):
        try:
            os.chown(part, *wanted)
        except (OSError, AttributeError):
            continue
        return True
    return not hasattr(os, "chown") or part.stat().st_gid == group


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

"""SQLite as a store that is only added to: how it is opened, and why so.

One connection writes, in its own process, and holds the file alone (SQLite before 3.51.3 can damage a WAL that two
connections checkpoint at the same instant; two windows of one reader are a mistake anyway). On a disk of this machine the
journal is a WAL, synchronised at each commit: an acknowledged answer is there after a power cut, for one sync. A WAL does
not work on drives of other machines, and parts from its file on those that are pulled out, so there the journal is
deleted at each commit and the folder synchronised too (``EXTRA``), which takes longer.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_medgen.errors import StudyError

APPLICATION = 0x4D475253  # "MGRS", so that file managers and SQLite itself know whose it is
FORMAT = 1
JOURNALS = ("-wal", "-journal")  # endings of what SQLite writes beside a file
_OTHER_MACHINES = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ncp",
    "webdav",
    "davfs",
    "fuse.sshfs",
    "fuse.rclone",
    "vboxsf",
    "afpfs",
)
_PULLED_OUT = ("/media/", "/run/media/", "/Volumes/")
_SCHEMA = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    monotonic_ns INTEGER NOT NULL,
    wall TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
CREATE TRIGGER event_is_kept BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""


@dataclass(frozen=True)
class Place:
    """Where a store lies, and what that allows.

    Attributes
    ----------
    journal, synchronous
        As SQLite names them.
    warning
        What a reader should know of the place; empty for a disk of this machine.
    """

    journal: str = "wal"
    synchronous: str = "full"
    warning: str = ""


def place_of(folder: Path) -> Place:
    """What the disk of a folder allows, by its file system."""
    whole = str(folder.resolve())
    disks = sorted(psutil.disk_partitions(all=True), key=lambda disk: len(disk.mountpoint))
    disk = next((one for one in reversed(disks) if Path(whole).is_relative_to(one.mountpoint)), None)
    if disk is not None and (disk.fstype.lower().startswith(_OTHER_MACHINES) or "remote" in disk.opts.split(",")):
        told = f"{folder} lies on another machine ({disk.fstype}): answers are kept in the slower way that is safe there."
        return Place("delete", "extra", told)
    if whole.startswith(_PULLED_OUT) or (disk is not None and "removable" in disk.opts):
        told = f"{folder} lies on a drive that can be pulled out: answers are kept in the slower way that is safe there."
        return Place("delete", "extra", told)
    return Place()


def connect(path: Path, place: Place, *, new: bool) -> sqlite3.Connection:
    """The one writing connection of a store.

    Raises
    ------
    StudyError
        If another window has it open, it is no store, is damaged, or cannot be written.
    """
    if not new and not path.is_file():
        raise StudyError(f"There is no file {path}.")
    try:
        database = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    except sqlite3.Error as error:
        raise StudyError(f"{path} cannot be opened: {error}.") from None
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # before the first access: no shared memory beside the file
        _require_mode(database, path, place)
        for setting in ("fullfsync = 1", "checkpoint_fullfsync = 1", "foreign_keys = ON", "trusted_schema = OFF"):
            database.execute(f"PRAGMA {setting}")
        database.execute(f"PRAGMA synchronous = {place.synchronous}")
        database.execute("BEGIN IMMEDIATE")  # takes the lock now, and not with the first answer
        if new:
            for statement in _statements():
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
        database.execute("COMMIT")
        if new:  # a WAL that is cut before its first commit would leave no table at all
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        require_store(database, path)
    except sqlite3.Error as error:
        database.close()
        raise StudyError(explained(error, path)) from None
    except BaseException:
        database.close()
        raise
    return database


def _require_mode(database: sqlite3.Connection, path: Path, place: Place) -> None:
    (mode,) = database.execute(f"PRAGMA journal_mode = {place.journal}").fetchone()
    if mode != place.journal:
        raise StudyError(f"{path} lies where SQLite cannot keep a journal ({mode}); copy the study to another disk.")


def _statements() -> list[str]:
    statements, part = [], ""
    for line in _SCHEMA.strip().splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            statements.append(part)
            part = ""
    return statements


def require_store(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is no store of ours, or one of a later version.

    Raises
    ------
    StudyError
        If it is not.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StudyError(f"{path} is no store of a reader study.")
    if version != FORMAT:
        raise StudyError(f"{path} was written by another version of this program (format {version}); use that one.")


def explained(error: sqlite3.Error, path: Path) -> str:
    """What went wrong, for a reader."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path.name} is open in another window; close it there, and nothing is lost."
    if name.startswith("SQLITE_FULL"):
        return f"The disk is full: make room on the disk of {path.parent} and answer once more; all answers before are kept."
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"{path} cannot be written; ask for the right to write there, or copy the study elsewhere."
    if name.startswith("SQLITE_IOERR"):
        return f"The disk of {path.parent} failed ({name}): this answer was not kept, all before are; answer once more."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return f"{path.name} is damaged; napari-medgen study check says what of it is whole."
    return f"{path.name} cannot be used: {error}."


@contextlib.contextmanager
def copied(path: Path) -> Iterator[Path]:
    """A copy of a store with its journal, so that a window that has it open is not disturbed; gone afterwards.

    Raises
    ------
    StudyError
        If it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="medgen-study-") as folder:
        copy = Path(folder) / path.name
        try:
            for ending in ("", *JOURNALS):
                if (part := path.with_name(path.name + ending)).is_file():
                    shutil.copyfile(part, copy.with_name(copy.name + ending))
        except OSError as error:
            raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from None
        yield copy


def close(database: sqlite3.Connection) -> None:
    """Close, so that one file is left to copy."""
    with contextlib.suppress(sqlite3.Error):
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with contextlib.suppress(sqlite3.Error):
        database.close()

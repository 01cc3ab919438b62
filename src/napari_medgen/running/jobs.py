"""Jobs: commands that run by themselves, whoever started them, and are found again by any window of the same user.

A job is a command line of this package in a process of its own, and a folder that says what it is (``job.json``), how far it
is (``progress.json``), what its process is (``process.json``) and how it ended (``end.json``). The process writes the last
three (:class:`JobReport`); nobody needs to be there.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
import psutil

from napari_medgen.errors import JobError
from napari_medgen.running.progress import Progress
from napari_medgen.running.settings import as_environment
from napari_medgen.running.writing import json_bytes, write_whole

State = Literal["running", "finished", "failed", "cancelled", "lost"]

_FOLDER = "NAPARI_MEDGEN_JOB"  # in the environment of a job's process: its folder
_CANCEL = "cancel"
_EVERY = 0.5  # seconds between two words of how far it is
_SILENT = 900.0  # seconds without a word, after which a job of another machine is taken for lost
_STARTING = 120.0  # seconds after which a process that never spoke is taken for lost
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Job:
    """What was asked for.

    Attributes
    ----------
    folder
        Where the job is kept.
    title
        For a person.
    arguments
        Of the command line.
    out
        Folder of the results.
    begun
        Seconds since 1970.
    """

    folder: Path
    title: str
    arguments: tuple[str, ...]
    out: Path
    begun: float

    @property
    def when(self) -> datetime.datetime:
        """When it was begun, in this place's time."""
        return datetime.datetime.fromtimestamp(self.begun).astimezone()


@dataclass(frozen=True)
class JobStatus:
    """How a job is.

    Attributes
    ----------
    state
        ``lost`` is one whose process is gone without a word: killed, or the machine was switched off.
    step, total, message
        How far it is; ``total`` is zero where nobody can say.
    sentence
        Why it failed.
    """

    job: Job
    state: State
    step: int = 0
    total: int = 0
    message: str = ""
    sentence: str = ""


def jobs_folder() -> Path:
    """Where jobs are kept: in the user's data folder; ``NAPARI_MEDGEN_JOBS`` names another."""
    return Path(os.environ.get("NAPARI_MEDGEN_JOBS") or platformdirs.user_data_path("napari-medgen") / "jobs")


def start_job(title: str, arguments: Sequence[str], out: Path) -> Job:
    """Start a command in a process of its own, which goes on when this one ends.

    Raises
    ------
    JobError
        If it cannot be written down, or no process can be started.
    """
    now = time.time()
    folder = jobs_folder() / f"{datetime.datetime.fromtimestamp(now):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    job = Job(folder, title, tuple(arguments), out, now)
    content = asdict(job) | {"folder": str(folder), "out": str(out)}
    write_whole(folder / "job.json", json_bytes(content), JobError)
    try:
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "napari_medgen", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | as_environment() | {_FOLDER: str(folder), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # what closes a window, or a terminal, does not end it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise JobError(f"The job cannot be started: {error.strerror or error}.") from None
    _started.append(process)
    return job


def list_jobs() -> list[JobStatus]:
    """All jobs of this user and how they are, the newest first."""
    try:
        folders = sorted((path for path in jobs_folder().iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return []
    return [status for folder in folders if (status := status_of(folder)) is not None]


def status_of(folder: Path) -> JobStatus | None:
    """How a job is; None for a folder that holds none."""
    said = _read(folder / "job.json")
    try:
        arguments = tuple(map(str, said["arguments"]))
        job = Job(folder, str(said["title"]), arguments, Path(said["out"]), float(said["begun"]))
    except (KeyError, TypeError, ValueError):
        return None
    _started[:] = [process for process in _started if process.poll() is None]  # what ended here is not kept by the system
    alive = _alive(folder, job)  # before its end is looked for: it may end meanwhile
    progress, end = _read(folder / "progress.json"), _read(folder / "end.json")
    state: State = (
        end["state"] if end.get("state") in ("finished", "failed", "cancelled") else "running" if alive else "lost"
    )
    return JobStatus(
        job,
        state,
        int(progress.get("step", 0)),
        int(progress.get("total", 0)),
        str(progress.get("message", "")),
        str(end.get("sentence", "")),
    )


def cancel_job(job: Job) -> None:
    """Ask a job to end: it stops at its next step, takes back what waits, and keeps what is done."""
    with contextlib.suppress(OSError):
        (job.folder / _CANCEL).touch()


def forget_job(job: Job) -> None:
    """Take a job off the list; its results stay.

    Raises
    ------
    JobError
        If it is running.
    """
    status = status_of(job.folder)
    if status is not None and status.state == "running":
        raise JobError("A job that is running cannot be taken off the list; cancel it first.")
    shutil.rmtree(job.folder, ignore_errors=True)


class JobReport:
    """What a job's own process says of itself; silent in a process that is none.

    Parameters
    ----------
    folder
        Of the job; None where there is none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._last = -_EVERY
        if folder is not None:
            own = psutil.Process()
            self._write("process.json", {"pid": own.pid, "created": own.create_time(), "machine": platform.node()})

    @classmethod
    def of_this_process(cls) -> JobReport:
        """That of the job whose process this is; what this process starts is none."""
        folder = os.environ.pop(_FOLDER, "")
        return cls(Path(folder) if folder and Path(folder).is_dir() else None)

    def __call__(self, what: str, progress: Progress) -> None:
        """Say how far it is.

        Raises
        ------
        KeyboardInterrupt
            If somebody asked the job to end.
        """
        if self._folder is None:
            return
        if (self._folder / _CANCEL).exists():
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        self._last = now
        message = f"{what}: {progress.message}" if progress.message else what
        self._write("progress.json", {"step": progress.step, "total": progress.total, "message": message})

    def end(self, state: State, sentence: str = "") -> None:
        """Say how it ended."""
        if self._folder is not None:
            self._write("end.json", {"state": state, "sentence": sentence})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        assert self._folder is not None
        part = self._folder / f"{name}.part"
        with contextlib.suppress(OSError):  # a full disk ends no job that writes elsewhere
            part.write_bytes(json_bytes(content))
            os.replace(part, self._folder / name)


def _alive(folder: Path, job: Job) -> bool:
    """Whether a job's process is there; of one on another machine only its words are known."""
    said = _read(folder / "process.json")
    if not said:
        return time.time() - job.begun < _STARTING
    if said.get("machine") != platform.node():
        newest = max((path.stat().st_mtime for path in folder.glob("*.json")), default=0.0)
        return time.time() - newest < _SILENT
    try:
        process = psutil.Process(int(said["pid"]))
        return abs(process.create_time() - float(said["created"])) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

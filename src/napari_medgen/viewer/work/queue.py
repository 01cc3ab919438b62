"""Background work: one heavy computation at a time in a thread of its own, the rest queue.

A job is a function that returns :class:`Steps`. It is called in the thread, driven there, and closed there when it is
cancelled. The queue forgets a job, and with it every array and model that it held, before its result is delivered.
napari's own workers are not used, since napari keeps each one's arguments for as long as the window is open.
"""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_medgen.running.progress import Progress, Steps

_BETWEEN_REPORTS = 0.1  # seconds: nobody reads faster, and each costs the window a repaint
_NICENESS = 10
_now = time.monotonic
_LAST_SECONDS = 20.0  # that a step of the work may take when the program ends


@dataclass(frozen=True)
class Wait:
    """What stands before a job: how many others, and seconds until they are over (None where nobody can say)."""

    before: int = 0
    seconds: float | None = None


class _Pace:
    """How fast a job goes, from the first moment at which it said how far it was."""

    def __init__(self, progress: Progress) -> None:
        self._first, self._begun = progress.fraction, _now()
        self._last = self._first

    def tell(self, progress: Progress) -> None:
        self._last = progress.fraction

    @property
    def left(self) -> float | None:
        """Seconds until the end; None while nobody can say."""
        if not self._first < self._last < 1:
            return None
        return (_now() - self._begun) * (1 - self._last) / (self._last - self._first)


@dataclass(frozen=True)
class Job:
    """What to run and whom to tell; the functions are called in the thread of the window.

    Attributes
    ----------
    title
        For a person.
    steps
        Called in the background; makes the computation.
    kind
        Jobs of one kind take about as long as each other; empty where nobody can say.
    on_progress, on_result, on_error, on_end
        A progress; the result; an exception; and in any case, once, that the job is over.
    """

    title: str
    steps: Callable[[], Steps[Any]]
    kind: str = ""
    on_progress: Callable[[Progress], None] = lambda progress: None
    on_result: Callable[[Any], None] = lambda result: None
    on_error: Callable[[Exception], None] = lambda error: None
    on_end: Callable[[], None] = lambda: None
    cancelled: threading.Event = field(default_factory=threading.Event)


class WorkQueue(QObject):
    """Runs jobs one after the other.

    Parameters
    ----------
    patient
        Whether what waits is done before the program ends, as files must be that somebody saved.

    The number that :meth:`submit` returns is the job's generation: what a cancelled job still sends is dropped, because
    its number is no longer known.

    Signals
    -------
    changed
        A job came, began or is over, so that others wait for less or for more.
    """

    changed = Signal()
    _sent = Signal(int, str, object)

    def __init__(self, *, patient: bool = False) -> None:
        super().__init__()
        self.patient = patient
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._waiting: deque[int] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._paces: dict[int, _Pace] = {}
        self._begun: dict[int, float] = {}
        self._took: dict[str, float] = {}  # seconds of the last job of a kind
        self._sent.connect(self._receive)

    def submit(self, job: Job) -> int:
        """Run a job when those before it are over."""
        number = next(self._numbers)
        with self._lock:
            self._jobs[number] = job
            self._waiting.append(number)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="napari-medgen work", daemon=True)
                self._thread.start()
        self.changed.emit()
        return number

    def cancel(self, number: int) -> None:
        """End a job at its next step, or before it starts; nothing of it is delivered any more but its end."""
        with self._lock:
            job = self._jobs.pop(number, None)
            if job is not None:
                job.cancelled.set()
                if number in self._waiting:
                    self._waiting.remove(number)
        if job is not None:
            self._paces.pop(number, None)
            self._begun.pop(number, None)
            job.on_end()
            self.changed.emit()

    def let_finish(self, number: int, on_error: Callable[[Exception], None]) -> None:
        """Do what a job does, and tell nobody of it any more but of its failure."""
        with self._lock:
            if number in self._jobs:
                job = self._jobs[number]
                self._jobs[number] = Job(job.title, job.steps, job.kind, on_error=on_error, cancelled=job.cancelled)

    def wait_of(self, number: int) -> Wait:
        """What stands before a job in the queue; nothing for the one that runs."""
        with self._lock:
            if number not in self._waiting:
                return Wait()
            waiting = list(self._waiting)
            running = [other for other in self._jobs if other not in waiting]
            kinds = {other: self._jobs[other].kind for other in waiting if other in self._jobs}
        before = waiting[: waiting.index(number)]
        parts = [self.left(other) for other in running] + [self._took.get(kinds.get(other, "")) for other in before]
        known = [part for part in parts if part is not None]
        return Wait(len(running) + len(before), sum(known) if len(known) == len(parts) else None)

    def left(self, number: int) -> float | None:
        """Seconds until a job that runs is over; None where nobody can say."""
        pace = self._paces.get(number)
        if pace is not None and pace.left is not None:
            return pace.left
        job = self._jobs.get(number)
        if job is None or number not in self._begun or job.kind not in self._took:
            return None
        return max(self._took[job.kind] - (_now() - self._begun[number]), 0.0)

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return self._thread is not None

    def finish(self) -> None:
        """End all work and wait for the thread: PyTorch's threads must not be at work when the program ends."""
        if self.patient:
            self.wait(_LAST_SECONDS)
        for number in list(self._jobs):
            with self._lock:
                job = self._jobs.pop(number, None)
                if job is not None:
                    job.cancelled.set()
        self._waiting.clear()
        self.wait(_LAST_SECONDS)

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to be idle; whether it is. For the end of the program and for tests."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    # -- in the background thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        _be_nice()
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                number = self._waiting.popleft()
                job = self._jobs.get(number)
            if job is not None:
                self._run(number, job)
            del job
            _free()

    def _run(self, number: int, job: Job) -> None:
        self._sent.emit(number, "begin", None)
        try:
            result, ended = self._drive(number, job)
        except Exception as error:
            # The frames of the traceback hold the arrays of the failed work.
            self._sent.emit(number, "error", error)
        else:
            self._sent.emit(number, "result" if ended else "end", result)

    def _drive(self, number: int, job: Job) -> tuple[Any, bool]:
        """Run a job to its end or until it is cancelled: its result, and whether it came to its end."""
        last = 0.0
        with closing(job.steps()) as steps:
            while not job.cancelled.is_set():
                try:
                    progress = next(steps)
                except StopIteration as stop:
                    return stop.value, True
                now = _now()
                if now - last >= _BETWEEN_REPORTS:
                    last = now
                    self._sent.emit(number, "progress", progress.looked_at())
        return None, False

    # -- in the window's thread -----------------------------------------------------------------------------------------

    def _receive(self, number: int, kind: str, content: object) -> None:
        under_way = kind in ("begin", "progress")
        job = self._jobs.get(number) if under_way else self._jobs.pop(number, None)
        if job is None:
            return
        if kind == "begin":
            self._begun[number] = _now()
            self.changed.emit()
            return
        if kind == "progress" and isinstance(content, Progress):
            if content.total:
                self._paces.setdefault(number, _Pace(content)).tell(content)
            job.on_progress(content)
            return
        self._paces.pop(number, None)
        begun = self._begun.pop(number, None)
        if begun is not None and kind == "result" and job.kind:
            self._took[job.kind] = _now() - begun
        try:
            if kind == "result":
                job.on_result(content)
            elif kind == "error" and isinstance(content, Exception):
                job.on_error(content)
        finally:
            job.on_end()
            self.changed.emit()


def _be_nice() -> None:
    """Let the window go first: on Linux, priority is a thread's, and those that it starts for PyTorch inherit it."""
    if sys.platform.startswith("linux"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _free() -> None:
    """Return freed memory to the system, without importing PyTorch for it."""
    if "torch" in sys.modules:
        from napari_medgen.running.devices import free_memory

        free_memory()


_queues: dict[str, WorkQueue] = {}


def shared_queue() -> WorkQueue:
    """The queue of this process for models: all widgets use one, as they use one device."""
    return _queue("models")


def file_queue() -> WorkQueue:
    """The queue of this process for files: what is saved does not wait for a model that computes for minutes."""
    return _queue("files")


def _queue(name: str) -> WorkQueue:
    if name not in _queues:
        queue = _queues[name] = WorkQueue(patient=name == "files")
        atexit.register(queue.finish)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(queue.finish)
    return _queues[name]

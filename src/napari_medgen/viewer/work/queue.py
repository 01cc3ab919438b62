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

from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal

from napari_medgen.running.progress import Progress, Steps

_BETWEEN_REPORTS = 0.1  # seconds: nobody reads faster, and each costs the window a repaint
_NICENESS = 10
_LAST_SECONDS = 20.0  # that a step of the work may take when the program ends


@dataclass(frozen=True)
class Job:
    """What to run and whom to tell; the functions are called in the thread of the window.

    Attributes
    ----------
    title
        For a person.
    steps
        Called in the background; makes the computation.
    on_progress, on_result, on_error, on_end
        A progress; the result; an exception; and in any case, once, that the job is over.
    """

    title: str
    steps: Callable[[], Steps[Any]]
    on_progress: Callable[[Progress], None] = lambda progress: None
    on_result: Callable[[Any], None] = lambda result: None
    on_error: Callable[[Exception], None] = lambda error: None
    on_end: Callable[[], None] = lambda: None
    cancelled: threading.Event = field(default_factory=threading.Event)


class WorkQueue(QObject):
    """Runs jobs one after the other.

    The number that :meth:`submit` returns is the job's generation: what a cancelled job still sends is dropped, because
    its number is no longer known.
    """

    changed = Signal()
    _sent = Signal(int, str, object)

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._waiting: deque[int] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._sent.connect(self._receive, Qt.ConnectionType.QueuedConnection)

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
            job.on_end()
            self.changed.emit()

    def position(self, number: int) -> int:
        """Jobs before this one in the queue; zero for the one that runs."""
        return self._waiting.index(number) + 1 if number in self._waiting else 0

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return self._thread is not None

    def finish(self) -> None:
        """End all work and wait for the thread: PyTorch's threads must not be at work when the program ends."""
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
                now = time.monotonic()
                if now - last >= _BETWEEN_REPORTS:
                    last = now
                    self._sent.emit(number, "progress", progress)
        return None, False

    # -- in the window's thread -----------------------------------------------------------------------------------------

    def _receive(self, number: int, kind: str, content: object) -> None:
        job = self._jobs.get(number) if kind == "progress" else self._jobs.pop(number, None)
        if job is None:
            return
        if kind == "progress" and isinstance(content, Progress):
            job.on_progress(content)
            return
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


_shared: WorkQueue | None = None


def shared_queue() -> WorkQueue:
    """The queue of this process: all widgets use one, as they use one device."""
    global _shared
    if _shared is None:
        _shared = WorkQueue()
        atexit.register(_shared.finish)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(_shared.finish)
    return _shared

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work import queue as module
from napari_medgen.viewer.work.queue import Job, Wait, WorkQueue


@pytest.fixture
def queue(qtbot: QtBot) -> Iterator[WorkQueue]:
    made = WorkQueue()
    yield made
    for number in list(made._jobs):
        made.cancel(number)
    assert made.wait(5)


class Log:
    """A computation that says what happens to it, and waits until it may go on."""

    def __init__(self, steps: int = 3) -> None:
        self.events: list[object] = []
        self.steps, self.go = steps, threading.Event()
        self.go.set()
        self.thread: int | None = None

    def run(self) -> Steps[str]:
        self.thread = threading.get_ident()
        try:
            for step in range(self.steps):
                self.go.wait(5)
                yield Progress(step + 1, self.steps)
                time.sleep(0.12)
        finally:
            self.events.append("closed")
        return "result"

    def job(self, **more: object) -> Job:
        add = self.events.append
        return Job(
            "log",
            self.run,
            on_progress=lambda p: add(p.step),
            on_result=lambda r: add((r, threading.get_ident())),
            on_error=lambda e: add(str(e)),
            on_end=lambda: add("end"),
        )


def test_a_job_runs_beside_the_window_and_reports_in_it(queue: WorkQueue, qtbot: QtBot) -> None:
    log = Log()
    queue.submit(log.job())
    qtbot.waitUntil(lambda: "end" in log.events, timeout=5000)
    assert log.events[-2:] == [("result", threading.get_ident()), "end"]
    assert {1, 2, 3} <= set(log.events) - {("result", threading.get_ident())}
    assert log.thread != threading.get_ident()


def test_cancelling_closes_the_computation_and_drops_what_it_sends(queue: WorkQueue, qtbot: QtBot) -> None:
    log = Log(steps=100)
    number = queue.submit(log.job())
    qtbot.waitUntil(lambda: 1 in log.events, timeout=5000)
    queue.cancel(number)
    assert log.events[-1] == "end"
    assert queue.wait(5)
    qtbot.wait(50)
    assert log.events[-1] == "closed"
    assert log.events.count("end") == 1


def test_jobs_wait_for_each_other_and_may_be_cancelled_while_they_wait(queue: WorkQueue, qtbot: QtBot) -> None:
    logs = [Log(), Log(), Log()]
    logs[0].go.clear()
    numbers = [queue.submit(log.job()) for log in logs]
    qtbot.waitUntil(lambda: queue.wait_of(numbers[0]).before == 0, timeout=2000)
    assert [queue.wait_of(number).before for number in numbers] == [0, 1, 2]
    queue.cancel(numbers[1])
    logs[0].go.set()
    qtbot.waitUntil(lambda: "end" in logs[2].events, timeout=5000)
    assert logs[1].events == ["end"]
    assert not queue.wait(0) or not queue.busy


def test_a_job_says_what_it_waits_for_and_each_counts_from_its_own_beginning(
    queue: WorkQueue, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(module, "_now", lambda: clock[0])
    monkeypatch.setattr(module, "_BETWEEN_REPORTS", 0.0)
    go = {name: threading.Semaphore(0) for name in ("first", "second", "other")}
    told: list[tuple[str, int]] = []

    def submit(name: str, kind: str) -> int:
        def steps() -> Steps[None]:
            for step in range(4):
                yield Progress(step, 4)
                assert go[name].acquire(timeout=20)

        return queue.submit(Job(name, steps, kind=kind, on_progress=lambda p: told.append((name, p.step))))

    first, other, second = submit("first", "a"), submit("other", "b"), submit("second", "a")
    qtbot.waitUntil(lambda: ("first", 0) in told, timeout=10_000)
    assert queue.wait_of(first) == Wait()
    assert queue.wait_of(second) == Wait(2, None)  # nobody knows yet how long either takes
    clock[0] = 110.0
    go["first"].release()
    qtbot.waitUntil(lambda: ("first", 1) in told, timeout=10_000)
    assert queue.left(first) == pytest.approx(30.0)
    assert queue.wait_of(other) == Wait(1, pytest.approx(30.0))
    clock[0] = 140.0
    go["first"].release(3)
    qtbot.waitUntil(lambda: ("other", 0) in told, timeout=10_000)
    assert queue.wait_of(second) == Wait(1, None)
    go["other"].release(4)
    qtbot.waitUntil(lambda: ("second", 0) in told, timeout=10_000)
    clock[0] = 145.0
    assert queue.left(second) == pytest.approx(35.0)  # as long as the first took, before it has got anywhere
    go["second"].release()
    qtbot.waitUntil(lambda: ("second", 1) in told, timeout=10_000)
    assert queue.left(second) == pytest.approx(15.0)  # not counted from when it was queued
    go["second"].release(3)
    qtbot.waitUntil(lambda: not queue._jobs, timeout=10_000)


def test_an_error_is_delivered_and_the_next_job_runs(queue: WorkQueue, qtbot: QtBot) -> None:
    def fail() -> Steps[None]:
        yield Progress(1, 2)
        raise ValueError("broken")

    errors: list[str] = []
    queue.submit(Job("bad", fail, on_error=lambda error: errors.append(str(error))))
    log = Log()
    queue.submit(log.job())
    qtbot.waitUntil(lambda: "end" in log.events, timeout=5000)
    assert errors == ["broken"]


def test_nothing_is_held_when_a_job_is_over(queue: WorkQueue, qtbot: QtBot) -> None:
    held: list[weakref.ref[np.ndarray]] = []
    ends: list[int] = []

    def make(cancelled: bool) -> Job:
        array = np.zeros(10)
        held.append(weakref.ref(array))

        def steps() -> Steps[None]:
            own = array
            for step in range(50 if cancelled else 2):
                yield Progress(step, 50, preview=own)
                time.sleep(0.02)

        return Job("array", steps, on_end=lambda: ends.append(1))

    queue.submit(make(False))
    qtbot.waitUntil(lambda: len(ends) == 1, timeout=5000)
    number = queue.submit(make(True))
    qtbot.wait(150)
    queue.cancel(number)
    assert queue.wait(5)
    qtbot.wait(100)
    assert [ref() for ref in held] == [None, None]

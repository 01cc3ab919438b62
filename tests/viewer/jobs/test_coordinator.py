"""Jobs are found by any window, and their volumes opened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_medgen.running.jobs import JobReport, start_job
from napari_medgen.running.progress import Progress
from napari_medgen.viewer.jobs.coordinator import JobsCoordinator
from napari_medgen.viewer.jobs.view import JobsView
from napari_medgen.viewer.work.queue import WorkQueue


@pytest.fixture
def coordinator(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsCoordinator]:
    monkeypatch.setenv("NAPARI_MEDGEN_JOBS", str(tmp_path / "jobs"))
    view, queue = JobsView(), WorkQueue()
    qtbot.addWidget(view)
    made = JobsCoordinator(view, ViewerModel(), queue)
    yield made
    made.close()
    assert queue.wait(10)


def texts(coordinator: JobsCoordinator, column: int) -> list[str]:
    return [line[column] for line in coordinator.view.table.texts]


def enabled(coordinator: JobsCoordinator) -> set[str]:
    buttons = ("Open results", "Open folder", "Cancel job", "Show log", "Remove")
    return {text for text in buttons if coordinator.view.buttons[text].isEnabled()}


def test_where_nothing_was_sent_it_says_so(coordinator: JobsCoordinator, qtbot: QtBot) -> None:
    assert "Nothing was sent" in coordinator.view.details.text()
    assert enabled(coordinator) == set()


def test_a_job_of_another_window_is_seen_cancelled_and_removed(
    coordinator: JobsCoordinator, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true" if os.name == "posix" else sys.executable)
    job = start_job("Two volumes", ["sample"], tmp_path / "out")
    report = JobReport(job.folder)
    report("Sampling", Progress(1, 2, "Seed 0 is done"))
    qtbot.waitUntil(lambda: texts(coordinator, 1) == ["1 of 2"], timeout=10_000)
    assert texts(coordinator, 0) == ["Running"]
    assert coordinator.view.details.text().startswith("Sampling: Seed 0 is done. Sent on")
    assert enabled(coordinator) == {"Open results", "Open folder", "Cancel job", "Show log"}
    coordinator.view.buttons["Cancel job"].click()
    with pytest.raises(KeyboardInterrupt):
        report("Sampling", Progress(2, 2))
    report.end("failed", "There is no room.")
    qtbot.waitUntil(lambda: texts(coordinator, 0) == ["Failed"], timeout=10_000)
    assert coordinator.view.fault.text() == "There is no room."
    assert "Remove" in enabled(coordinator)
    coordinator.view.buttons["Remove"].click()
    qtbot.waitUntil(lambda: not texts(coordinator, 0), timeout=10_000)


def test_the_volumes_of_a_job_are_opened(
    coordinator: JobsCoordinator, qtbot: QtBot, tiny_model: Path, tmp_path: Path
) -> None:
    command = ["sample", "--model", str(tiny_model), "--count", "2", "--steps", "1", "--device", "cpu"]
    start_job("Two volumes", [*command, "--out", str(tmp_path / "out")], tmp_path / "out")
    qtbot.waitUntil(lambda: texts(coordinator, 0) == ["Finished"], timeout=120_000)
    coordinator.view.open_requested.emit()
    qtbot.waitUntil(lambda: len(coordinator.viewer.layers) == 2, timeout=10_000)
    assert sum(layer.visible for layer in coordinator.viewer.layers) == 1


def test_the_choice_stays_where_it_was(
    coordinator: JobsCoordinator, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true" if os.name == "posix" else sys.executable)
    for number, title in enumerate(("first", "second")):
        folder = start_job(title, ["version"], tmp_path / "out").folder
        folder.rename(folder.with_name(f"2026010{number}-000000-abc"))
    qtbot.waitUntil(lambda: texts(coordinator, 2) == ["second", "first"], timeout=10_000)
    coordinator.view.table.selectRow(1)
    for _ in range(3):
        coordinator.look()
        time.sleep(0.1)
        qtbot.waitUntil(lambda: not coordinator.work.runs("look"), timeout=10_000)
    assert coordinator.view.chosen is not None
    assert coordinator.view.chosen.job.title == "first"
    start_job("third", ["version"], tmp_path / "out")  # what is sent is what somebody wants to see
    qtbot.waitUntil(lambda: len(texts(coordinator, 2)) == 3, timeout=10_000)
    assert coordinator.view.chosen.job.title == "third"

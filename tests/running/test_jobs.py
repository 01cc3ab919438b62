"""A job runs without whoever started it, and is found again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_medgen.errors import JobError
from napari_medgen.running.jobs import JobReport, JobStatus, cancel_job, forget_job, list_jobs, start_job, status_of
from napari_medgen.running.progress import Progress


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_MEDGEN_JOBS", str(tmp_path / "jobs"))
    return tmp_path / "jobs"


def until(happens: Callable[[JobStatus], bool], folder: Path, seconds: float = 120) -> JobStatus:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = status_of(folder)
        if status is not None and happens(status):
            return status
        time.sleep(0.1)
    raise AssertionError(status)


def sampling(model: Path, out: Path, count: int, steps: int = 2) -> list[str]:
    what = ["sample", "--model", str(model), "--count", str(count), "--steps", str(steps), "--device", "cpu"]
    return [*what, "--out", str(out)]


def test_a_job_says_how_far_it_is_and_that_it_is_done(tiny_model: Path, tmp_path: Path) -> None:
    job = start_job("Three volumes", sampling(tiny_model, tmp_path / "out", 3), tmp_path / "out")
    assert [one.job for one in list_jobs()] == [job]
    done = until(lambda status: status.state != "running", job.folder)
    assert done.state == "finished", (job.folder / "log.txt").read_text()
    assert done.total == 3
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 3
    forget_job(job)
    assert list_jobs() == []
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 3  # the results stay


def test_a_job_that_is_cancelled_keeps_what_is_done(tiny_model: Path, tmp_path: Path) -> None:
    job = start_job("Many volumes", sampling(tiny_model, tmp_path / "out", 5000), tmp_path / "out")
    until(lambda status: status.step > 0, job.folder)
    with pytest.raises(JobError, match="cancel it first"):
        forget_job(job)
    cancel_job(job)
    assert until(lambda status: status.state != "running", job.folder).state == "cancelled"
    assert list((tmp_path / "out").glob("*.nii.gz"))


def test_a_job_that_fails_says_why_and_one_that_was_killed_is_lost(tiny_model: Path, tmp_path: Path) -> None:
    wrong = start_job("Wrong", ["sample", "--model", "no such model", "--out", str(tmp_path)], tmp_path)
    killed = start_job("Killed", sampling(tiny_model, tmp_path / "out", 5000), tmp_path / "out")
    failed = until(lambda status: status.state != "running", wrong.folder)
    assert failed.state == "failed"
    assert "no such model" in failed.sentence
    until(lambda status: status.step > 0, killed.folder)
    psutil.Process(json.loads((killed.folder / "process.json").read_text())["pid"]).kill()
    assert until(lambda status: status.state != "running", killed.folder).state == "lost"
    assert [status.job.title for status in list_jobs()] in (["Killed", "Wrong"], ["Wrong", "Killed"])  # of one second


def test_a_process_that_is_no_job_says_nothing(tmp_path: Path) -> None:
    report = JobReport(None)
    report("Sampling", Progress(1, 2))
    report.end("finished")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_no_job_is_passed_over(jobs: Path) -> None:
    (jobs / "empty").mkdir(parents=True)
    (jobs / "odd").mkdir()
    (jobs / "odd" / "job.json").write_text('{"title": 3}')
    assert list_jobs() == []

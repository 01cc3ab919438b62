"""A folder in one go: what is done is kept, and an image that cannot be used is a row."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cluster_support
from napari_medgen.errors import ClusterError, WritingError
from napari_medgen.running import folder_rows
from napari_medgen.running.console import PlainLines
from napari_medgen.running.folder_rows import Row
from napari_medgen.running.folders import FolderJob, Item, work_through
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.shards import Placement


def job(out: Path, plan: str = "grades", where: str = "") -> FolderJob:
    return FolderJob("table", out, plan, cluster_support.Grades(out), Placement(where, 1))


def images(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return [folder / name for name in names]


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_image_is_a_row_and_one_that_fails_says_why(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "bad.png", "c.png")
    report = drive(work_through(files, job(tmp_path / "out")))
    found = rows(report.table)
    assert [one["file"] for one in found] == ["a.png", "bad.png", "c.png"]
    assert found[1]["remark"] == "bad.png cannot be read."
    assert found[0]["grade"] == "1.5"
    assert found[0]["class"] == "'=cmd"  # no spreadsheet runs it
    assert list(found[0])[-1] == "remark"
    assert report.failures == {"bad.png": "bad.png cannot be read."}
    assert rows(tmp_path / "out" / "failures.csv") == [{"file": "bad.png", "remark": "bad.png cannot be read."}]
    assert report.summary == "2 of 3 images; 1 could not be used, and the table says why"
    assert sorted(made(tmp_path / "out")) == ["a_grade.png", "c_grade.png", "failures.csv", "table.csv"]


def test_who_ends_the_work_keeps_what_is_done_and_goes_on_from_there(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "bad.png", "c.png", "d.png")
    drive(work_through(files, job(tmp_path / "whole")))
    steps = work_through(files, job(tmp_path / "out"))
    while next(steps).step < 2:
        pass
    steps.close()
    assert [one["file"] for one in rows(tmp_path / "out" / "table.csv")] == ["a.png", "bad.png"]
    (tmp_path / "out" / "c_grade.png").write_text("of a worker that was killed before its row was kept")
    before = (tmp_path / "out" / "a_grade.png").stat().st_mtime_ns
    report = drive(work_through(files, job(tmp_path / "out")))
    assert report.before == 1  # what failed is tried again
    assert report.summary.startswith("3 of 4 images, 1 of them before")
    assert (tmp_path / "out" / "a_grade.png").stat().st_mtime_ns == before
    assert made(tmp_path / "out") == made(tmp_path / "whole")  # nothing is lost, nothing there twice


def test_what_changed_or_went_away_is_made_anew(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "b.png", "c.png", "d.png")
    steps = work_through(files, job(tmp_path / "out"))
    while next(steps).step < 3:
        pass
    steps.close()
    files[0].write_text("another image")
    (tmp_path / "out" / "b_grade.png").unlink()
    journal = tmp_path / "out" / "table.unfinished"
    journal.write_bytes(journal.read_bytes()[:-9])  # a kill in the middle of the third row
    assert drive(work_through(files, job(tmp_path / "out"))).before == 0


def test_another_request_has_a_table_and_pictures_of_its_own(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "a.jpg")
    first = drive(work_through(files, job(tmp_path / "out")))
    kept = made(tmp_path / "out")
    assert sorted(kept) == ["a.jpg_grade.png", "a.png_grade.png", "table.csv"]
    steps = work_through(files, job(tmp_path / "out", "others"))
    next(steps)
    steps.close()
    drive(work_through(files, job(tmp_path / "out", "others of others")))
    second = drive(work_through(files, job(tmp_path / "out", "others")))
    assert (first.table.name, second.table.name) == ("table.csv", "table-2.csv")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in kept} == kept
    assert (tmp_path / "out" / "table-3.csv").is_file()


def test_images_of_two_folders_may_be_called_alike(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "left/a.png", "right/a.png")
    report = drive(work_through(files, job(tmp_path / "out"), {files[0]: "medial"}))
    assert [row["file"] for row in report.rows] == ["left/a.png", "right/a.png"]
    assert [path.name for path in report.pictures] == ["left_a.png_grade.png", "right_a.png_grade.png"]
    assert report.rows[0]["about"] == "medial"


def test_no_two_images_have_a_picture_of_one_name(tmp_path: Path) -> None:
    names = ("knee 1.png", "knee_1.png", "a.png", "a.jpg", "a.png.bmp", "A.png", "_.png", "  .png")
    report = drive(work_through(images(tmp_path / "in", *names), job(tmp_path / "out")))
    assert len({path.name.casefold() for path in report.pictures}) == len(names)
    for row, path in zip(report.rows, report.pictures, strict=True):
        assert path.read_text() == row["file"]


def test_files_that_came_later_replace_nobody_s_pictures(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "b.png", "c.png")
    steps = work_through(files[:1], job(tmp_path / "out"))
    next(steps)
    steps.close()
    (tmp_path / "out" / "b_grade.png").write_text("somebody else's")
    report = drive(work_through(files, job(tmp_path / "out")))
    assert (tmp_path / "out" / "b_grade.png").read_text() == "somebody else's"
    assert [path.name for path in report.pictures] == ["a_grade.png", "b-2_grade.png", "c-2_grade.png"]


def test_the_images_own_folder_is_refused(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png")
    with pytest.raises(WritingError, match="another folder than that of the images"):
        drive(work_through(files, job(tmp_path / "in")))


def test_a_run_that_is_going_on_is_not_taken_up_by_another(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "b.png")
    first = work_through(files, job(tmp_path / "out"))
    next(first)
    code = "import sys, pathlib; from napari_medgen.running.journal import Journal; Journal(pathlib.Path(sys.argv[1]), {})"
    command = [sys.executable, "-c", code, str(tmp_path / "out" / "table.unfinished")]
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "is being worked on by another run" in other.stderr
    first.close()
    assert subprocess.run(command, check=False).returncode == 0


def test_the_last_ones_may_all_fail_alike(tmp_path: Path) -> None:
    names = ["a.png", *(f"missing{n}.png" for n in range(12))]
    files = images(tmp_path / "in", *names)
    steps = work_through(files, job(tmp_path / "out"))
    while next(steps).step < 1:
        pass
    steps.close()
    report = drive(work_through(files, job(tmp_path / "out")))
    assert len(report.failures) == 12


def test_workers_come_to_the_same_files(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "bad slow.png", "bad.png", "c.png", "odd.png")
    drive(work_through(files, job(tmp_path / "here")))
    drive(work_through(files, job(tmp_path / "there", where="local:2")))
    assert made(tmp_path / "there") == made(tmp_path / "here")


def test_a_model_that_is_not_there_ends_all(tmp_path: Path) -> None:
    files = images(tmp_path / "in", *(f"{n}.png" for n in range(20)))
    with pytest.raises(ClusterError, match=r"first 10 all failed alike: There is no model\.$"):
        drive(work_through(files, FolderJob("table", tmp_path / "out", "plan", cluster_support.no_model)))


def test_a_long_folder_s_table_is_not_written_for_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write = folder_rows.write_whole
    monkeypatch.setattr(
        folder_rows, "write_whole", lambda path, content, kind: written.append(1) or write(path, content, kind)
    )
    files = images(tmp_path / "in", *(f"{n:03d}.png" for n in range(300)))
    drive(work_through(files, job(tmp_path / "out")))
    assert len(written) < 60
    assert len(rows(tmp_path / "out" / "table.csv")) == 300


def test_a_journal_says_what_was_asked(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "a.png", "b.png")
    steps = work_through(files, job(tmp_path / "out"))
    next(steps)
    steps.close()
    first, second = (json.loads(line) for line in (tmp_path / "out" / "table.unfinished").read_text().split("\n")[:2])
    assert first["files"] == ["a.png", "b.png"]
    assert second == {"suffix": ""}


def test_a_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = PlainLines("train", every=0)
    for step in (0, 1, 2):
        lines(Progress(step, 4, "Learning"))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "train: Learning, step 0 of 4"
    assert said[2].startswith("train: Learning, step 2 of 4, about 0 s left")


def test_what_nobody_foresaw_ends_no_folder_and_a_full_disk_does(tmp_path: Path) -> None:
    files = images(tmp_path / "in", "odd.png", "a.png")
    report = drive(work_through(files, job(tmp_path / "out")))
    assert [bool(row.get("remark")) for row in report.rows] == [True, False]

    def full(item: Item) -> Steps[Row]:
        yield Progress(0, 1)
        raise WritingError("The disk is full.")

    with pytest.raises(WritingError):
        drive(work_through(files, FolderJob("other", tmp_path / "out", "plan", full)))

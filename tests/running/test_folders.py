"""A folder in one go: what is done is kept, and an image that cannot be used is a row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from napari_medgen.errors import ImageError, WritingError
from napari_medgen.running.console import PlainLines
from napari_medgen.running.folders import Row, work_through
from napari_medgen.running.progress import Progress, Steps, drive


def work(file: Path) -> Steps[Row]:
    yield Progress(0, 1)
    if "odd" in file.name:
        raise ZeroDivisionError("nobody foresaw this")
    if "bad" in file.name:
        raise ImageError(f"{file.name} cannot be read.")
    return Row({"grade": 1.5, "class": "=cmd"})


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_image_is_a_row_and_one_that_fails_says_why(tmp_path: Path) -> None:
    files = [Path("a.png"), Path("bad.png"), Path("c.png")]
    report = drive(work_through(files, tmp_path / "out" / "table.csv", work))
    found = rows(report.table)
    assert [one["file"] for one in found] == ["a.png", "bad.png", "c.png"]
    assert found[1]["remark"] == "bad.png cannot be read."
    assert found[0]["grade"] == "1.5"
    assert found[0]["class"] == "'=cmd"  # no spreadsheet runs it
    assert list(found[0])[-1] == "remark"
    assert report.failed == ["bad.png"]
    assert report.summary == "2 of 3 images; 1 could not be used, and the table says why"


def test_who_ends_the_work_keeps_what_is_done(tmp_path: Path) -> None:
    steps = work_through([Path("a.png"), Path("b.png"), Path("c.png")], tmp_path / "table.csv", work)
    while next(steps).step < 2:
        pass
    steps.close()
    assert [one["file"] for one in rows(tmp_path / "table.csv")] == ["a.png", "b.png"]


def test_a_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = PlainLines("train", every=0)
    for step in (0, 1, 2):
        lines(Progress(step, 4, "Learning"))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "train: Learning, step 0 of 4"
    assert said[2].startswith("train: Learning, step 2 of 4, about 0 s left")


def test_what_nobody_foresaw_ends_no_folder_and_a_full_disk_does(tmp_path: Path) -> None:
    report = drive(work_through([Path("odd.png"), Path("a.png")], tmp_path / "table.csv", work))
    assert [bool(row.get("remark")) for row in report.rows] == [True, False]

    def full(file: Path) -> Steps[Row]:
        yield Progress(0, 1)
        raise WritingError("The disk is full.")

    with pytest.raises(WritingError):
        drive(work_through([Path("a.png")], tmp_path / "other.csv", full))

"""Every knee of a folder extrapolated."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medgen.imaging.files import radiographs_in
from napari_medgen.progression.folder import extrapolate_files, side_in_name
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.running.progress import drive
from progression_support import loaded, radiograph, three_visit_cohort


def test_a_table_and_a_picture_each(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(radiograph(1).pixels).save(folder / "9001_L.png")
    Image.fromarray(radiograph(2).pixels).save(folder / "nobody.png")
    Image.fromarray(np.concatenate([radiograph(3).pixels] * 2, 1)).save(folder / "both_R.png")
    model = loaded(tmp_path / "tiny", three_visit_cohort(), surrogate="surrogate progression, made up")
    steps = extrapolate_files(
        model,
        radiographs_in(folder),
        tmp_path / "out",
        ExtrapolationRequest((12.0, 24.0), 2),
        ProjectionRequest("fast", 3),
        anyway=True,  # random weights reproduce nothing
    )
    report = drive(steps)
    with report.table.open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["9001_L.png"]["side"] == "L"
    assert 0 <= float(rows["9001_L.png"]["risk of two grades or more after 24 months"]) <= 1
    assert "left or a right knee" in rows["nobody.png"]["remark"]
    assert "both knees" in rows["both_R.png"]["remark"]
    assert [path.name for path in report.pictures] == [rows["9001_L.png"]["picture"]]
    with Image.open(report.pictures[0]) as picture:
        assert "SYNTHETIC" in picture.info["Description"]


@pytest.mark.parametrize(
    ("stem", "side"),
    [("9001_L", "L"), ("9001R", "R"), ("knee_left", "L"), ("a-r", "R"), ("DETAIL", ""), ("skull", ""), ("12", "")],
)
def test_a_side_in_a_name(stem: str, side: str) -> None:
    assert side_in_name(stem) == side

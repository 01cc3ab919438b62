"""Every knee of a folder extrapolated."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medgen.errors import CohortError
from napari_medgen.imaging.files import radiographs_in
from napari_medgen.models.kept import Opened
from napari_medgen.progression.folder import ExtrapolateWay, extrapolate_files, side_in_name
from napari_medgen.progression.knee_table import Knee, knees_of_table
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
    # Random weights reproduce nothing, and are asked all the same.
    way = ExtrapolateWay(ExtrapolationRequest((12.0, 24.0), 2), ProjectionRequest("fast", 3), anyway=True)
    steps = extrapolate_files(
        Opened(model, "tiny"),
        radiographs_in(folder),
        tmp_path / "out",
        way,
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


def test_a_table_says_side_and_patient(tmp_path: Path) -> None:
    Image.fromarray(radiograph(1).pixels).save(tmp_path / "one.png")
    Image.fromarray(radiograph(2).pixels).save(tmp_path / "two.png")
    table = tmp_path / "knees.csv"
    table.write_text("image,side,patient\none.png,right,9003\ntwo.png,L,\n")
    knees = knees_of_table(table)
    assert list(knees.values()) == [Knee("R", "9003"), Knee("L", "")]
    model = loaded(tmp_path / "tiny", three_visit_cohort(), surrogate="surrogate progression, made up")
    way = ExtrapolateWay(ExtrapolationRequest((12.0,), 2), ProjectionRequest("fast", 3), anyway=True)
    report = drive(extrapolate_files(Opened(model, "tiny"), list(knees), tmp_path / "out", way, knees=knees))
    assert [row["side"] for row in report.rows] == ["R", "L"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("side\nL\n", "needs a column image"),
        ("image,side\na.png,up\n", "line 2: the side is 'up'"),
        ("image\na.png\na.png\n", "line 3: a.png stands there twice"),
    ],
)
def test_a_table_that_is_none_says_so(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "knees.csv").write_text(text)
    with pytest.raises(CohortError, match=says):
        knees_of_table(tmp_path / "knees.csv")


@pytest.mark.parametrize(
    ("stem", "side"),
    [("9001_L", "L"), ("9001R", "R"), ("knee_left", "L"), ("a-r", "R"), ("DETAIL", ""), ("skull", ""), ("12", "")],
)
def test_a_side_in_a_name(stem: str, side: str) -> None:
    assert side_in_name(stem) == side

"""Every image of a folder explained."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from napari_medgen.imaging.files import radiographs_in
from napari_medgen.models.folder import open_folder
from napari_medgen.models.kept import Kept
from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement
from napari_medgen.saliency.folder import explain_files
from napari_medgen.saliency.model import open_classifier
from saliency_support import write_classifier


def test_a_table_and_a_picture_each(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        grey = np.random.default_rng(0).integers(0, 255, (60, 50)).astype(np.uint8)
        Image.fromarray(grey).save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not meant")
    write_classifier(tmp_path / "tiny")
    opens = Kept.of(open_classifier, open_folder(tmp_path / "tiny"), device="cpu")
    report = drive(explain_files(opens, radiographs_in(folder), tmp_path / "out"))
    with report.table.open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"a.png", "b.png", "broken.png"}
    assert "broken.png" in rows["broken.png"]["remark"]
    assert rows["a.png"]["class"] in ("none", "some", "much")
    total = sum(float(rows["a.png"][f"probability of {name}"]) for name in ("none", "some", "much"))
    assert abs(total - 1) < 1e-4
    with Image.open(tmp_path / "out" / rows["a.png"]["picture"]) as picture:
        assert picture.size == (100, 60)  # the image, and the map over it
    again = drive(explain_files(opens, radiographs_in(folder), tmp_path / "out"))
    assert again.table != report.table  # nothing is overwritten
    there = drive(explain_files(opens, radiographs_in(folder), tmp_path / "there", placement=Placement("local:1", 1)))
    assert [path.name for path in there.pictures] == [path.name for path in report.pictures]
    assert there.table.read_bytes() == report.table.read_bytes()

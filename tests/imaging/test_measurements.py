"""Measurements as values, and the files that keep them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import (
    Drawn,
    Measurements,
    is_measurements,
    read_measurements,
    spoken,
    write_measurements,
    write_table,
)

SCALE = Scale((3.0, 0.5, 0.25))
PIXELS = np.arange(4 * 40 * 40, dtype=np.float32).reshape(4, 40, 40)


def drawn(kind: str, *points: tuple[float, float, float], plane: tuple[int, int] = (1, 2), name: str = "") -> Drawn:
    return Drawn(kind, np.array(points, float), plane, name)


def every_kind() -> tuple[Drawn, ...]:
    return (
        drawn("length", (2, 10, 10), (2, 10, 30)),
        drawn("angle", (2, 0, 10), (2, 10, 10), (2, 10, 30)),
        drawn("Cobb angle", (2, 0, 0), (2, 0, 20), (2, 10, 0), (2, 20, 20)),
        drawn("hip-knee-ankle angle", (2, 0, 10), (2, 10, 10), (2, 20, 10)),
        drawn("outline", (2, 9.5, 9.5), (2, 9.5, 19.5), (2, 19.5, 19.5), (2, 19.5, 9.5)),
        drawn("ellipse", (2, 5, 5), (2, 5, 25), (2, 15, 25), (2, 15, 5), name="lesion"),
        drawn("joint space", (2, 10, 10), (2, 16, 10), name="medial 0.15"),
    )


def kept(items: tuple[Drawn, ...] = ()) -> Measurements:
    return Measurements(
        items or every_kind(), "a knee", PIXELS.shape, SCALE, "abc", True, "a model", {"scale": [3, 0.5, 0.25]}
    )


def test_each_kind_has_its_value_in_millimetres() -> None:
    found = [item.values(PIXELS, SCALE) for item in every_kind()]
    assert [values[0].value for values in found[:4]] == pytest.approx([5.0, 90.0, 45.0, 0.0])
    assert [values[0].unit for values in found[:4]] == ["mm", "°", "°", "°"]
    outline = {value.name: value for value in found[4]}
    inside = PIXELS[2, 10:20, 10:20]
    assert outline["mean"].value == pytest.approx(inside.mean())
    assert outline["standard deviation"].value == pytest.approx(inside.std(), rel=1e-6)
    assert outline["area"].value == pytest.approx(10 * 0.5 * 10 * 0.25)
    assert {value.name: value for value in found[5]}["area"].value == pytest.approx(np.pi * 2.5 * 2.5)
    assert found[6][0].value == pytest.approx(3.0)


def test_a_plane_across_the_slices_has_its_own_steps() -> None:
    item = drawn("length", (0, 20, 5), (3, 20, 17), plane=(0, 2))
    assert item.values(None, SCALE)[0].value == pytest.approx(np.hypot(9, 3))
    assert item.slice == (None, 20, None)
    region = drawn("outline", (0, 20, 0), (0, 20, 4), (3, 20, 4), (3, 20, 0), plane=(2, 0))
    values = {value.name: value.value for value in region.values(PIXELS, SCALE)}
    assert values["smallest"] >= PIXELS[:, 20].min()
    assert values["area"] == pytest.approx(9 * 1)


def test_without_its_image_a_region_has_an_area_alone() -> None:
    assert [value.name for value in every_kind()[4].values(None, SCALE)] == ["area"]
    outside = drawn("outline", (9, 0, 0), (9, 0, 5), (9, 5, 5))
    assert [value.name for value in outside.values(PIXELS, SCALE)] == ["area"]


def test_words_beside_a_drawing_are_short() -> None:
    assert spoken(every_kind()[0].values(PIXELS, SCALE)) == "5.0 mm"
    text = spoken(every_kind()[4].values(PIXELS, SCALE))
    assert "±" in text
    assert text.endswith("12.5 mm²")


@pytest.mark.parametrize(
    ("kind", "points", "plane"),
    [
        ("length", [(0, 0, 0)], (1, 2)),
        ("outline", [(0, 0, 0), (0, 1, 1)], (1, 2)),
        ("length", [(0, 0, np.nan), (0, 0, 1)], (1, 2)),
        ("length", [(0, 0, 0), (0, 0, 1)], (1, 1)),
        ("length", [(0, 0, 0), (0, 0, 1)], (1, 3)),
    ],
)
def test_what_is_no_measurement_is_refused(kind: str, points: list, plane: tuple[int, int]) -> None:
    with pytest.raises(ImageError):
        Drawn(kind, np.array(points, float), plane)


def test_a_file_gives_everything_back(tmp_path: Path) -> None:
    path = write_measurements(tmp_path / "knee", kept(), PIXELS)
    assert path.name == "knee.json"
    assert is_measurements(path)
    found = read_measurements(path)
    assert (found.image, found.shape, found.scale, found.content) == ("a knee", PIXELS.shape, SCALE, "abc")
    assert (found.synthetic, found.model, found.layer) == (True, "a model", {"scale": [3, 0.5, 0.25]})
    for one, other in zip(found.items, every_kind(), strict=True):
        assert (one.kind, one.plane, one.name) == (other.kind, other.plane, other.name)
        np.testing.assert_array_equal(one.points, other.points)


def test_a_file_says_the_values_to_other_programs(tmp_path: Path) -> None:
    said = json.loads(write_measurements(tmp_path / "knee.json", kept(), PIXELS).read_text())
    assert said["measurements"][0]["values"] == [{"name": "length", "value": 5.0, "unit": "mm"}]
    assert said["image"]["synthetic"] is True


def test_a_table_has_a_line_a_value(tmp_path: Path) -> None:
    items = (*every_kind(), drawn("length", (1, 3, 3), (1, 3, 3), name="=1+1"))
    path = write_table(tmp_path / "knee.csv", kept(items), PIXELS)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 4 + 5 + 5 + 1 + 1
    assert rows[0]["value"] == "5"
    assert (rows[0]["unit"], rows[0]["slice index"], rows[0]["scale from"]) == ("mm", "2", "file")
    assert rows[0]["made by a model"] == "yes: a model"
    assert rows[-1]["name"] == "'=1+1"  # no formula
    undefined = drawn("angle", (1, 3, 3), (1, 3, 3), (1, 4, 4))
    (row,) = csv.DictReader(write_table(path, kept((undefined,)), PIXELS).read_text(encoding="utf-8-sig").splitlines())
    assert row["value"] == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "something else"}, "holds no measurements"),
        ({"version": 2}, "newer version"),
        (
            {"measurements": [{"kind": "weight", "name": "", "plane": [1, 2], "points": [[0, 0, 0]]}]},
            "no kind that is known",
        ),
        (
            {"measurements": [{"kind": "length", "name": "", "plane": [0, 1], "points": [[0, 0], [1, 1]]}]},
            "not of this image",
        ),
        ({"measurements": [{"kind": "length"}]}, "missing or of the wrong kind"),
        ({"measurements": "none"}, "cannot be read"),
        ({"scale": {"steps": [1, 1, -1], "unit": "mm", "source": "file"}}, "its scale is none"),
        ({"image": {"name": "x", "shape": "large"}}, "cannot be read"),
        ({"image": {"name": "x", "shape": [-5, -1]}}, "no size"),
        ({"image": {"name": "x", "shape": [1e308, 1, 1]}}, "no size"),
        ({"measurements": [{"kind": "length", "name": "", "plane": [1, 2], "points": [[10**400, 0, 0]]}]}, "cannot be read"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_a_sentence(tmp_path: Path, change: dict, words: str) -> None:
    path = write_measurements(tmp_path / "knee.json", kept())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ImageError, match=words) as caught:
        read_measurements(path)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"format": NaN}'])
def test_another_file_holds_no_measurements(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    assert not is_measurements(path)
    with pytest.raises(ImageError, match="holds no measurements"):
        read_measurements(path)


def test_words_of_a_file_are_of_one_line(tmp_path: Path) -> None:
    path = write_measurements(tmp_path / "knee.json", kept())
    said = json.loads(path.read_text())
    said["image"] |= {"model": "\n=HYPERLINK(1)", "name": "a\nb"}
    path.write_text(json.dumps(said))
    found = read_measurements(path)
    assert "\n" not in found.model + found.image


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    assert not is_measurements(tmp_path / "none.json")
    with pytest.raises(ImageError, match=r"none\.json cannot be read"):
        read_measurements(tmp_path / "none.json")

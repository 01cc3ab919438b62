"""Measurements by napari's own menus: dropped into a window, saved from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Shapes

from napari_medgen.errors import ImageError
from napari_medgen.viewer.layers.measured import measured_layer
from napari_medgen.viewer.plugin.measurements import get_reader, read_layers, write_layer


def drawn() -> Shapes:
    data, options = measured_layer(Image(np.zeros((30, 40)), scale=(0.5, 0.5), units=("mm", "mm"), name="knee"))
    layer = Shapes(data, **options)
    layer.add(np.array([[0, 0], [0, 20.0]]), shape_type="line")
    return layer


def test_a_layer_is_written_and_read_again(tmp_path: Path) -> None:
    data, meta, _ = drawn().as_layer_data_tuple()
    (path,) = write_layer(str(tmp_path / "knee.json"), data, meta)
    assert json.loads(Path(path).read_text())["measurements"][0]["values"] == [
        {"name": "length", "value": 10.0, "unit": "mm"}
    ]
    assert get_reader(path) is read_layers
    ((points, options, kind),) = read_layers(path)
    assert kind == "shapes"
    np.testing.assert_array_equal(points[0], [[0, 0], [0, 20]])
    assert Shapes(points, **options).name.startswith("Measurements of image ")  # never a file's name


def test_other_json_files_are_somebody_else_s(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"a": 1}))
    assert get_reader(str(path)) is None
    assert get_reader([str(path)]) is None
    assert get_reader(str(tmp_path / "missing.json")) is None


def test_shapes_of_somebody_else_are_no_measurements(tmp_path: Path) -> None:
    data, meta, _ = Shapes([np.zeros((4, 2))], name="mine").as_layer_data_tuple()
    with pytest.raises(ImageError, match="mine holds no measurements"):
        write_layer(str(tmp_path / "a.json"), data, meta)

"""Layers are chosen by identity: names change, layers go, others come."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
from napari.components import ViewerModel

from napari_medgen.viewer.widgets.fields import LayerField


def field(viewer: ViewerModel) -> tuple[LayerField, list[Any]]:
    told: list[Any] = []
    return LayerField(viewer, lambda layer: layer._type_string == "image", told.append), told


def test_a_renamed_layer_stays_chosen() -> None:
    viewer = ViewerModel()
    made, told = field(viewer)
    layer = viewer.add_image(np.zeros((4, 5)), name="a")
    assert told == [layer]
    made.choose(layer)
    layer.name = "b"
    assert (made.layer, made.name, made.names) == (layer, "b", ["b"])
    assert told == [layer, None]


def test_a_removed_layer_leaves_nothing_chosen() -> None:
    viewer = ViewerModel()
    made, _ = field(viewer)
    first, second = viewer.add_image(np.zeros((4, 5)), name="a"), viewer.add_image(np.zeros((4, 5)), name="b")
    made.choose_name("a")
    assert made.layer is first
    viewer.layers.remove(first)
    assert made.layer is None
    assert (made.name, made.names) == ("", ["b"])
    second.name = "a"
    assert made.layer is None  # another layer that is called so is another layer


def test_other_kinds_of_layers_do_not_count() -> None:
    viewer = ViewerModel()
    made, told = field(viewer)
    viewer.add_points(np.zeros((1, 2)))
    assert (made.layers, told) == ([], [None])


def test_a_closed_field_leaves_nothing_behind() -> None:
    viewer = ViewerModel()
    made, told = field(viewer)
    layer = viewer.add_image(np.zeros((4, 5)), name="a")  # without a name, napari keeps the caller's variables
    made.choose(layer)
    made.close()
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
    told.clear()
    layer.name = "other"
    viewer.add_image(np.zeros((4, 5)))
    assert not told

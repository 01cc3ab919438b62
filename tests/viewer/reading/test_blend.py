from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.reading.furniture import furniture_of
from napari_medgen.viewer.reading.room import Room

SIZE = (300.0, 400.0)


def slope(shape: tuple[int, int, int], spacing: tuple[float, float, float], origin: np.ndarray, factor: float) -> Volume:
    """Values that follow from the place alone, so that any grid must see the same there."""
    axes = [first + step * np.arange(n) for n, step, first in zip(shape, spacing, origin, strict=True)]
    s, p, l = np.meshgrid(*axes, indexing="ij")
    return Volume.on_grid((100 + s + 2 * p + 3 * l).astype(np.float32) * np.float32(factor), spacing)


def compared(second_moved: float = 0.0) -> tuple[ViewerModel, Room, Any, Any]:
    viewer = ViewerModel()
    first = slope((20, 30, 40), (2, 1, 1), np.array((-19, -14.5, -19.5)), 1.0)
    second = slope((14, 22, 26), (2.5, 1.3, 1.4), np.array((-16.25, -13.65, -17.5)), 2.0)
    layers = [viewer.add_image(one.voxels, **image_options(one, (0.0, 400.0))) for one in (first, second)]
    if second_moved:
        layers[1].translate = np.asarray(layers[1].translate) + second_moved
    stage = stage_of(viewer)
    stage.set_scene("test", [(Shown(layers[0], "one"),), (Shown(layers[1], "two"),)], left=lambda: None)
    room = Room(viewer)
    room.refresh()
    for pane in room.panes:
        room.sight.resized(pane, SIZE)
    viewer._kept = stage  # type: ignore[attr-defined]
    return viewer, room, *layers


def shown(room: Room) -> Any:
    (layer,) = [layer for layer in room.panes[0].model.layers if layer.visible]
    return layer


def test_images_that_are_compared_show_the_same_millimetre_on_their_own_grids() -> None:
    _, room, _first, _second = compared()
    assert [pane.caption for pane in room.panes] == ["one", "two"]
    room.scroll(3)
    points = [pane.model.dims.point[0] for pane in room.panes]
    assert points[0] == points[1]
    assert room.slices(room.panes[0]) != room.slices(room.panes[1])
    assert room.slices(room.panes[1])[1] == 14


def test_a_difference_is_that_at_the_same_place_on_a_symmetric_scale() -> None:
    _, room, first, second = compared()
    room.set_blend("difference")
    room.scroll(2)
    made = shown(room)
    assert tuple(made.contrast_limits) == (-200, 200)
    values = np.asarray(made.data)[0]
    index = room.slices(room.panes[0])[0]
    place = float(first.translate[0]) + 2 * index
    nearest = int(np.floor((place - float(second.translate[0])) / 2.5 + 0.5))
    s = float(second.translate[0]) + 2.5 * nearest
    rows = float(first.translate[1]) + np.arange(30)
    columns = float(first.translate[2]) + np.arange(40)
    p, l = np.meshgrid(rows, columns, indexing="ij")
    expected = 2 * (100 + s + 2 * p + 3 * l) - (100 + place + 2 * p + 3 * l)
    inside = np.isfinite(values)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(values[3:-3, 4:-4][inside[3:-3, 4:-4]], expected[3:-3, 4:-4][inside[3:-3, 4:-4]], atol=0.05)


def test_a_swipe_shows_both_and_its_line_can_be_moved() -> None:
    _, room, _first, _second = compared()
    room.set_blend("swipe")
    assert room.shown == [0]
    edge = furniture_of(room, 0).swipe
    assert edge == pytest.approx(room.panes[0].to_canvas(np.zeros(3), SIZE)[0], abs=1)
    before = np.asarray(shown(room).data).copy()
    room.swipe_to(room.panes[0], edge + 40)
    assert furniture_of(room, 0).swipe == pytest.approx(edge + 40, abs=1)
    assert not np.array_equal(before, shown(room).data)
    room.set_blend(None)
    assert room.shown == [0, 1]
    assert [layer.visible for layer in room.panes[0].model.layers] == [True]


def test_a_blink_shows_one_and_then_the_other_and_says_which() -> None:
    _, room, first, second = compared()
    room.blink()
    assert furniture_of(room, 0).upper[0] == second.name
    room.blink()
    assert furniture_of(room, 0).upper[0] == first.name


def test_images_of_quite_another_place_are_laid_middle_on_middle_and_it_says_so() -> None:
    _, room, _first, _second = compared(second_moved=500.0)
    assert any("middle on middle" in line for line in furniture_of(room, 1).upper)
    assert room.slices(room.panes[1])[0] in (6, 7)
    room.set_blend("difference")
    assert np.isfinite(shown(room).data).mean() > 0.6


def test_the_mark_says_that_one_of_two_is_synthetic() -> None:
    _, room, _first, second = compared()
    second.metadata = second.metadata | {"napari_medgen": {"synthetic": True, "software": "x"}}
    assert [furniture_of(room, index).mark for index in (0, 1)] == ["", "SYNTHETIC"]
    room.set_blend("checkerboard")
    assert furniture_of(room, 0).mark == "SYNTHETIC in part"


def test_an_image_that_is_removed_ends_what_it_was_laid_into() -> None:
    viewer, room, _first, second = compared()
    room.set_blend("swipe")
    viewer.layers.remove(second)
    room.layer_removed(type("Event", (), {"value": second})())
    room.refresh()
    assert room.blend is None
    assert not room.compared
    assert all(layer.name != "swipe" for pane in room.panes for layer in pane.model.layers)


def test_windows_of_images_that_are_compared_are_set_together_unless_somebody_parts_them() -> None:
    _, room, first, second = compared()
    assert set(room.window_targets(room.panes[0])) == {first, second}
    room.windows_together = False
    assert room.window_targets(room.panes[0]) == [first]


def test_two_pictures_in_one_end_with_their_comparison() -> None:
    viewer, room, first, _second = compared()
    room.set_blend("swipe")
    stage_of(viewer).show(first)
    room.refresh()
    assert room.blend is None
    assert all(layer.name != "swipe" for pane in room.panes for layer in pane.model.layers)


def test_beyond_the_first_image_the_second_is_seen_and_beyond_both_nothing() -> None:
    _, room, first, second = compared(second_moved=10.0)
    room.set_blend("swipe")
    place = np.array(room.place)
    place[0] = float(second.extent.world[1][0]) - 1
    assert place[0] > first.extent.world[1][0] + 2
    room.set_place(place)
    picture = np.asarray(shown(room).data).squeeze()
    assert not picture[:, :12].any()
    assert picture[:, 24:].any()
    place[0] += 20
    room.set_place(place)
    assert not np.asarray(shown(room).data).any()


def test_another_plane_has_its_own_steps() -> None:
    _, room, _first, _second = compared()
    room.set_blend("checkerboard")
    room.set_plane("coronal")
    made = shown(room)
    assert made.data.shape == (20, 1, 40)
    np.testing.assert_allclose(np.asarray(made.scale)[[0, 2]], (2, 1))
    assert furniture_of(room, 0).edges["top"] == "S"


def test_values_are_those_of_the_images_that_are_seen() -> None:
    _, room, _first, second = compared()
    room.set_blend("swipe")
    said = furniture_of(room, 0).lower
    assert said[-2].startswith("first: voxel")
    assert said[-1].startswith("second: voxel")
    room.set_blend("blink")
    own = furniture_of(room, 0).lower[-1]
    room.blink()
    assert furniture_of(room, 0).lower[-1] != own
    second.colormap = "gray_r"
    room.windows_changed()
    assert shown(room).colormap.name == "gray_r"


def test_images_that_were_turned_are_not_laid_into_one() -> None:
    _, room, _first, second = compared()
    second.rotate = 20
    room.refresh()
    assert room.pair is None
    room.set_blend("swipe")
    assert room.blend is None

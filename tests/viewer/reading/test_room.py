from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.files import read_volume
from napari_medgen.imaging.hanging import rules_file
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.reading.furniture import furniture_of
from napari_medgen.viewer.reading.hang import best_shape
from napari_medgen.viewer.reading.room import Room, Slab

ALL_48 = [
    tuple(pair[sign] for pair, sign in zip(order, signs, strict=True))
    for order in itertools.permutations(("RL", "AP", "SI"))
    for signs in itertools.product((0, 1), repeat=3)
]
SIZE = (300.0, 400.0)


def add(viewer: ViewerModel, volume: Volume) -> Any:
    return viewer.add_image(volume.voxels, **image_options(volume))


def a_volume(
    shape: tuple[int, int, int] = (12, 16, 20), spacing: tuple[float, float, float] = (3, 2, 1), **about: Any
) -> Volume:
    voxels = np.random.default_rng(0).integers(0, 1000, shape).astype(np.int16)
    return Volume.on_grid(voxels, spacing, provenance=Provenance(**about))


def room_of(viewer: ViewerModel) -> Room:
    room = Room(viewer)
    room.refresh()
    for pane in list(room.panes):
        room.sight.resized(pane, SIZE)
    return room


def pane_of(room: Room, plane: str) -> Any:
    return next(pane for pane in room.panes if pane.plane.name == plane)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


# -- orientation ----------------------------------------------------------------------------------------------------------


def marked(codes: tuple[str, ...], path: Path) -> dict[str, np.ndarray]:
    """Write a volume in some storage orientation, a bright voxel far at three sides; where nibabel says that they lie."""
    shape = tuple({"R": 11, "L": 11, "A": 13, "P": 13, "S": 15, "I": 15}[code] for code in codes)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, code in enumerate(codes):
        row = next(i for i, pair in enumerate(("RL", "AP", "SI")) if code in pair)
        affine[row, column] = 2.0 if code in "RAS" else -2.0
    affine[:3, 3] = np.array((3.1, -2.3, 5.7)) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    voxels = np.zeros(shape, np.int16)
    placed = {}
    for value, side in zip((100, 200, 300), "LAS", strict=True):
        axis = next(i for i, code in enumerate(codes) if side in {code, _other(code)})
        where = [length // 2 for length in shape]
        where[axis] = shape[axis] - 1 if codes[axis] == side else 0
        voxels[tuple(where)] = value
        placed[side] = np.array(where)
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    stored = nib.load(path)
    assert nib.aff2axcodes(stored.affine) == codes
    return {side: nib.affines.apply_affine(stored.affine, where) for side, where in placed.items()}


def _other(code: str) -> str:
    return code.translate(str.maketrans("LRPAIS", "RLAPSI"))


@pytest.mark.parametrize("codes", ALL_48, ids="".join)
def test_a_marker_at_a_side_of_the_patient_is_at_the_edge_with_its_letter(codes: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "marked.nii"
    true = marked(codes, path)
    viewer = ViewerModel()
    layer = add(viewer, read_volume(path))
    room = room_of(viewer)
    letters = [furniture_of(room, index).edges for index in range(4)]
    assert [set(edges.values()) for edges in letters] == [set("RLAP"), set("SIAP"), set("RLSI"), set("RLSI")]
    assert letters[0]["left"] == letters[2]["left"] == "R"  # the patient's right is on the left of the screen
    assert letters[1]["top"] == letters[2]["top"] == "S"
    for value, side in zip((100, 200, 300), "LAS", strict=True):
        (where,) = np.argwhere(np.asarray(layer.data) == value)
        world = np.asarray(layer.data_to_world(where))
        for pane, edges in zip(room.panes, letters, strict=True):
            right, down = pane.to_canvas(world, SIZE)
            wide, high = right - SIZE[1] / 2, down - SIZE[0] / 2
            apart = {"left": -wide, "right": wide, "top": -high, "bottom": high}
            for edge, letter in edges.items():
                assert (apart[edge] > 20) == (letter == side), (codes, side, pane.plane.name, edges, apart)
        room.set_place(world)
        says = {said[0]: float(said[2:]) for said in furniture_of(room, 0).lower[0].removesuffix(" mm").split("  ")}
        for axis, (more, less) in enumerate(("RL", "AP", "SI")):
            assert says.get(more, -says.get(less, 0)) == pytest.approx(true[side][axis], abs=0.06)


def test_an_oblique_scan_has_letters_of_its_own_axes_and_says_so(viewer: ViewerModel) -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-2.0, -2.0, 2.0])
    add(viewer, Volume.of(np.zeros((20, 20, 20), np.int16), affine))
    room = room_of(viewer)
    axial = furniture_of(room, 0)
    assert axial.edges == {"top": "AL", "bottom": "PR", "left": "RA", "right": "LP"}
    assert any("along its own axes: rotated by 30.0" in line for line in axial.upper)


def test_a_volume_that_does_not_say_how_it_lies_has_question_marks(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((9, 9, 9)), rgb=False)
    room = room_of(viewer)
    assert set(furniture_of(room, 0).edges.values()) == {"?"}
    assert furniture_of(room, 0).lower == ("voxel 4 4 4   value 0",)


# -- views ----------------------------------------------------------------------------------------------------------------


def test_all_views_share_one_array(viewer: ViewerModel) -> None:
    layer = add(viewer, a_volume())
    room = room_of(viewer)
    assert [pane.plane.name for pane in room.panes] == ["axial", "sagittal", "coronal", "3d"]
    for pane in room.panes:
        (twin,) = pane.model.layers
        assert np.shares_memory(twin.data, layer.data)


def test_the_whole_of_a_large_volume_is_thinner_and_the_same_array(viewer: ViewerModel) -> None:
    layer = add(viewer, Volume.on_grid(np.zeros((300, 40, 40), np.uint8), (1, 1, 1)))
    room = room_of(viewer)
    (twin,) = pane_of(room, "3d").model.layers
    assert max(twin.data.shape) <= 128
    assert np.shares_memory(twin.data, layer.data)
    np.testing.assert_allclose(np.asarray(twin.extent.world), np.asarray(layer.extent.world), atol=3)


def test_a_wheel_moves_the_crosshair_and_only_its_own_plane_is_cut_again(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    axial, coronal = pane_of(room, "axial"), pane_of(room, "coronal")
    cut: list[str] = []
    axial.model.layers[0].events.set_data.connect(lambda event: cut.append("axial"))
    coronal.model.layers[0].events.set_data.connect(lambda event: cut.append("coronal"))
    before = room.slices(axial)
    room.scroll(2, axial)
    assert room.slices(axial)[0] == before[0] + 2
    assert "axial" in cut
    assert "coronal" not in cut
    room.go_to_slice(0, axial)
    room.scroll(-5, axial)
    assert room.slices(axial) == (0, 12)
    room.go_to_slice(99, axial)
    assert room.slices(axial) == (11, 12)


def test_the_crosshair_is_where_the_pointer_was_in_every_view(viewer: ViewerModel) -> None:
    layer = add(viewer, a_volume())
    room = room_of(viewer)
    room.sight.zoom_by(1.7)
    room.sight.pan_by(room.panes[1], 13, -7)
    for pane in room.panes[:3]:
        voxel = np.array([4, 9, 3])
        world = np.asarray(layer.data_to_world(voxel))
        aimed = room.place.copy()
        for axis in pane.plane.displayed:
            aimed[axis] = world[axis]
        right, down = pane.to_canvas(aimed, SIZE)
        room.point_at(pane, right + 0.2, down - 0.2)
        for axis in pane.plane.displayed:
            assert room.place[axis] == pytest.approx(world[axis])
    np.testing.assert_allclose(room.place, layer.data_to_world((4, 9, 3)))
    for pane in room.panes[:3]:
        lines = furniture_of(room, room.panes.index(pane)).lines
        right, down = pane.to_canvas(room.place, SIZE)
        assert {line.start[1] for line in lines if line.start[1] == line.end[1]} == {down}
        assert {line.start[0] for line in lines if line.start[0] == line.end[0]} == {right}


def test_lines_have_the_colours_of_the_planes_that_they_stand_for(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    colours = {pane.plane.name: pane.plane.colour for pane in room.panes}
    axial = furniture_of(room, 0).lines
    assert {line.colour for line in axial if line.start[1] == line.end[1]} == {colours["coronal"]}
    assert {line.colour for line in axial if line.start[0] == line.end[0]} == {colours["sagittal"]}
    room.crosshair = False
    assert furniture_of(room, 0).lines == ()


def test_a_millimetre_is_as_long_in_every_view_and_zoom_keeps_what_is_under_the_pointer(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    assert len({pane.model.scene.camera.zoom for pane in room.panes[:3]}) == 1
    pane = pane_of(room, "sagittal")
    under = pane.from_canvas(250, 90, SIZE, room.place)
    room.sight.zoom_by(2.0, pane, (250, 90))
    np.testing.assert_allclose(pane.from_canvas(250, 90, SIZE, room.place), under, atol=1e-6)
    assert len({round(pane.model.scene.camera.zoom, 9) for pane in room.panes[:3]}) == 1
    room.sight.reset()
    assert room.sight.zoom == 1
    assert not room.sight.offset.any()


def test_views_that_are_not_linked_go_their_own_way_and_come_together_again(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    room.link(False)
    room.sight.zoom_by(3.0, room.panes[0])
    zooms = [pane.model.scene.camera.zoom for pane in room.panes[:3]]
    assert zooms[0] == pytest.approx(3 * zooms[1])
    room.link(True)
    assert room.sight.zoom == pytest.approx(3.0)
    assert len({round(pane.model.scene.camera.zoom, 9) for pane in room.panes[:3]}) == 1


def test_labels_maps_and_drawings_are_in_every_view_and_can_be_hidden(viewer: ViewerModel) -> None:
    volume = a_volume()
    add(viewer, volume)
    labels = viewer.add_labels((volume.voxels > 500).astype(np.uint8), scale=volume.spacing, translate=volume.origin)
    points = viewer.add_points([[0, 0, 0]])
    room = room_of(viewer)
    for pane in room.panes:
        assert len([layer for layer in pane.model.layers if layer.visible]) == 3
        (twin,) = [layer for layer in pane.model.layers if type(layer) is type(labels)]
        assert twin.data.shape[-3:] == labels.data.shape
    labels.opacity = 0.3
    assert all(layer.opacity == 0.3 for pane in room.panes for layer in pane.model.layers if type(layer) is type(labels))
    room.show_overlays(False)
    assert all(len([layer for layer in pane.model.layers if layer.visible]) == 1 for pane in room.panes)
    assert labels.visible
    assert points.visible
    room.show_overlays(True)
    viewer.layers.remove(labels)
    room.layer_removed(type("Event", (), {"value": labels})())
    room.refresh()
    assert all(type(layer) is not type(labels) for pane in room.panes for layer in pane.model.layers)


def test_what_changes_in_the_viewer_changes_in_every_view(viewer: ViewerModel) -> None:
    layer = add(viewer, a_volume())
    room = room_of(viewer)
    layer.contrast_limits = (10, 20)
    layer.colormap = "magma"
    layer.gamma = 0.5
    layer.data = np.full(layer.data.shape, 7, np.int16)
    for pane in room.panes:
        (twin,) = pane.model.layers
        assert tuple(twin.contrast_limits) == (10, 20)
        assert twin.colormap.name == "magma"
        assert twin.gamma == 0.5
        assert (np.asarray(twin.data) == 7).all()


def test_another_image_of_the_same_kind_keeps_slice_and_zoom_and_uses_the_same_layers(viewer: ViewerModel) -> None:
    first = add(viewer, a_volume())
    room = room_of(viewer)
    room.scroll(3, room.panes[0])
    room.sight.zoom_by(2.0)
    place, twins = room.place.copy(), [pane.model.layers[0] for pane in room.panes]
    second = add(viewer, Volume.on_grid(np.ones((12, 16, 20), np.int16), (3, 2, 1)))
    first.visible = False
    room.refresh()
    np.testing.assert_allclose(room.place, place)
    assert room.sight.zoom == 2.0
    for pane, twin in zip(room.panes, twins, strict=True):
        assert [layer for layer in pane.model.layers if layer.visible] == [twin]  # nothing of the canvas was made anew
        assert np.shares_memory(twin.data, second.data)
    first.gamma = 0.1
    assert all(twin.gamma == 1 for twin in twins)  # it follows the other now


def test_another_kind_of_image_is_hung_anew(viewer: ViewerModel) -> None:
    file = rules_file()
    file.parent.mkdir(parents=True)
    file.write_text(
        '[[rule]]\nwhen = { modality = "CT" }\n'
        'hang = { layout = "1x3", window = "Bone", slice = [0.0, 0.5, 1.0], zoom = 2.0 }\n'
    )
    head = add(viewer, a_volume())
    room = room_of(viewer)
    room.sight.zoom_by(3.0)
    head.visible = False
    ct = add(viewer, Volume.on_grid(np.linspace(-1000, 2000, 8000).reshape(20, 20, 20).astype(np.int16), (1, 1, 1)))
    room.refresh()
    assert [pane.plane.name for pane in room.panes] == ["axial", "coronal", "sagittal"]
    assert room.sight.zoom == 2.0
    assert [room.slices(pane)[0] for pane in room.panes] == [0, 10, 19]
    assert tuple(ct.contrast_limits) == (480 - 1250, 480 + 1250)
    ct.contrast_limits = (0, 100)
    ct.visible, head.visible = False, True
    room.refresh()
    ct.visible, head.visible = True, False
    room.refresh()
    assert tuple(ct.contrast_limits) == (0, 100)  # a window that somebody set is not hung over


def test_layouts_and_one_view_alone(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    for layout, planes in (("1x1", 1), ("1x2", 2), ("1x3", 3), ("2x2", 4)):
        room.set_layout(layout)  # type: ignore[arg-type]
        assert len(room.panes) == planes
        assert room.grid == tuple(int(part) for part in layout.split("x"))
    room.maximise(2)
    assert room.shown == [2]
    assert room.grid == (1, 1)
    room.maximise(None)
    assert room.shown == [0, 1, 2, 3]
    room.use(1)
    room.set_plane("coronal")
    assert room.panes[1].plane.name == "coronal"


def test_a_slab_is_the_brightest_the_mean_or_the_darkest_of_its_slices(viewer: ViewerModel) -> None:
    layer = add(viewer, a_volume(spacing=(1, 1, 1)))
    room = room_of(viewer)
    room.set_layout("1x1")
    room.go_to_slice(6)
    pane = room.panes[0]
    for kind, of in (("mip", np.max), ("minip", np.min), ("mean", np.mean)):
        room.set_slab(Slab(4.0, kind))  # type: ignore[arg-type]
        shown = np.asarray(pane.model.layers[0]._slice.image.raw)
        expected = of(np.asarray(layer.data)[4:9], axis=0)
        np.testing.assert_allclose(shown, expected, atol=1.0)
    room.set_slab(Slab())
    np.testing.assert_array_equal(np.asarray(pane.model.layers[0]._slice.image.raw), np.asarray(layer.data)[6])


def test_the_viewers_own_sliders_follow_and_are_followed(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    room.use(2)
    room.scroll(2, room.panes[2])
    room.tell_viewer()
    np.testing.assert_allclose(viewer.dims.point, room.place)
    assert viewer.dims.not_displayed == (1,)  # the plane of the view that is used
    before = tuple(viewer.dims.point)
    viewer.dims.set_point(0, before[0] + 6)
    room.follow(before, viewer.dims.point)
    assert room.place[0] == pytest.approx(before[0] + 6)


def test_the_mark_is_in_every_view_of_something_synthetic(viewer: ViewerModel) -> None:
    add(viewer, a_volume(synthetic=True))
    room = room_of(viewer)
    assert [furniture_of(room, index).mark for index in range(4)] == ["SYNTHETIC"] * 4


def test_a_radiograph_says_its_side_and_its_pixel(viewer: ViewerModel) -> None:
    image = Radiograph(np.arange(600, dtype=np.uint16).reshape(20, 30), (0.0, 599.0), (0.5, 0.25), laterality="R")
    data, options, _ = radiograph_layer(image)
    viewer.add_image(data, **options)
    room = room_of(viewer)
    (pane,) = room.panes
    assert pane.plane.name == "picture"
    right, down = pane.to_canvas(np.array([4 * 0.5, 9 * 0.25]), SIZE)
    room.point_at(pane, right, down)
    said = furniture_of(room, 0)
    assert "right side" in said.upper
    assert said.lower == ("2.0 down  2.2 right mm", "pixel 4 9   value 129")
    assert said.edges == {}
    assert said.ruler is not None


# -- as a value -------------------------------------------------------------------------------------------------------------


def test_a_view_is_captured_and_restored(viewer: ViewerModel) -> None:
    layer = add(viewer, a_volume())
    room = room_of(viewer)
    room.set_layout("1x3")
    room.sight.zoom_by(2.0)
    room.sight.pan_by(room.panes[0], 10, 20)
    room.scroll(2, room.panes[1])
    room.set_slab(Slab(6.0, "mean"))
    layer.contrast_limits = (100, 300)
    room.use(1)
    kept = room.capture()
    room.set_layout("2x2")
    room.sight.reset()
    room.set_slab(Slab())
    room.go_to_slice(0, room.panes[0])
    layer.contrast_limits = (0, 5)
    room.restore(kept)
    assert room.capture() == kept
    assert tuple(layer.contrast_limits) == (100, 300)
    assert [pane.plane.name for pane in room.panes] == ["axial", "coronal", "sagittal"]


def test_nothing_to_show_is_an_invitation(viewer: ViewerModel) -> None:
    room = room_of(viewer)
    assert "Open an image" in furniture_of(room, 0).upper[0]
    room.scroll(1)
    room.sight.zoom_by(2)
    room.maximise(0)
    room.set_layout("1x3")
    room.point_at(room.panes[0], 5, 5)


@pytest.mark.parametrize(("count", "room", "picture", "shape"), [
    (3, (700, 1000), (1, 1), (2, 2)),
    (3, (300, 1000), (1, 1), (1, 3)),
    (2, (700, 1000), (2, 1), (1, 2)),
    (4, (700, 1000), (1, 1), (2, 2)),
])  # fmt: skip
def test_pictures_are_laid_out_as_large_as_they_can_be(
    count: int, room: tuple[float, float], picture: tuple[float, float], shape: tuple[int, int]
) -> None:
    assert best_shape(count, room, picture) == shape


# -- layers that are not what they were -----------------------------------------------------------------------------------


def test_a_drawing_that_is_drawn_on_is_drawn_on_in_every_view(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    points = viewer.add_points([[0, 0, 0]])
    shapes = viewer.add_shapes([np.array([[0, 0, 0], [0, 0, 5], [0, 5, 5.0]])], shape_type="polygon")
    room = room_of(viewer)
    points.add([[1, 1, 1]])
    shapes.add([np.array([[1, 0, 0], [1, 0, 5], [1, 5, 5.0]])], shape_type="polygon")
    points.face_color = "red"
    room.refresh()
    for pane in room.panes:
        drawn = {type(layer).__name__: layer for layer in pane.model.layers}
        assert len(drawn["Points"].data) == len(drawn["Shapes"].data) == 2
        np.testing.assert_allclose(drawn["Points"].face_color[0], (1, 0, 0, 1))


def test_colour_pictures_levels_of_detail_and_changed_arrays_are_followed(viewer: ViewerModel) -> None:
    coloured: Any = viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True)
    room = room_of(viewer)
    coloured.data = np.full((20, 30, 3), 255, np.uint8)
    assert room.panes[0].model.layers[0].data.max() == 255
    coloured.visible = False
    levels = [np.full((16, 16, 16), 7, np.int16), np.full((8, 8, 8), 7, np.int16)]
    detailed: Any = viewer.add_image(levels, multiscale=True)
    room.refresh()
    assert [pane.plane.name for pane in room.panes] == ["axial", "sagittal", "coronal", "3d"]
    assert "value 7" in furniture_of(room, 0).lower[-1]
    detailed.visible = False
    volume = add(viewer, a_volume())
    room.refresh()
    again: list[str] = []
    room.panes[0].model.layers[-1].events.set_data.connect(lambda event: again.append("axial"))
    volume.data[:] = 0
    volume.refresh()
    assert again  # what was written into the array is drawn


def test_an_image_that_is_placed_by_an_affine_is_read_where_it_lies(viewer: ViewerModel) -> None:
    data = np.zeros((20, 30, 40), np.int16)
    data[10, 20, 30] = 9
    affine = np.diag([3.0, 2, 2, 1])
    affine[:3, 3] = 5, 6, 7
    layer: Any = viewer.add_image(data, affine=affine)
    room = room_of(viewer)
    place = np.asarray(layer.data_to_world((10, 20, 30)))
    room.set_place(place)
    assert furniture_of(room, 0).lower == ("voxel 10 20 30   value 9",)
    for pane in room.panes[:2]:
        right, down = pane.to_canvas(place, SIZE)
        room.point_at(pane, right + 1, down + 1)
        np.testing.assert_allclose(room.place, place)


def test_several_volumes_of_one_file_are_gone_through(viewer: ViewerModel) -> None:
    stack = np.arange(3)[:, None, None, None] * np.ones((1, 8, 9, 10))
    viewer.add_image(stack.astype(np.int16), rgb=False, contrast_limits=(0, 3), scale=(2.5, 1, 1, 1))
    room = room_of(viewer)
    room.place[0] = 0
    room.step_ahead(1, room.panes[0])
    assert "volume 2 of 3" in furniture_of(room, 0).upper
    assert furniture_of(room, 0).lower[-1].endswith("value 1")
    room.step_ahead(5, room.panes[0])
    assert furniture_of(room, 0).lower[-1].endswith("value 2")


def test_a_view_that_was_kept_of_another_image_stays_within_this_one(viewer: ViewerModel) -> None:
    first = add(viewer, Volume.on_grid(np.zeros((40, 40, 40), np.float32), (3, 3, 3)))
    first.contrast_limits = (-0.5, 0.2)
    room = room_of(viewer)
    room.go_to_slice(39, room.panes[0])
    kept = room.capture()
    first.visible = False
    second = add(viewer, a_volume())
    second.contrast_limits = (0, 1000)
    room.refresh()
    room.restore(kept)
    assert tuple(second.contrast_limits) == (0, 1000)
    assert "outside" not in furniture_of(room, 0).lower[-1]


def test_rules_that_cannot_be_read_are_told_and_those_that_are_shipped_hold(viewer: ViewerModel) -> None:
    file = rules_file()
    file.parent.mkdir(parents=True)
    file.write_text("[[rule]]\nhang = { slice = [nan, 0.5, 2.0] }\n")
    add(viewer, a_volume())
    room = room_of(viewer)
    assert len(room.panes) == 4
    assert "hangings.toml is not a valid file" in room.fault


def test_what_the_pointer_is_over_is_read_after_a_step(viewer: ViewerModel) -> None:
    add(viewer, a_volume())
    room = room_of(viewer)
    room.hover = (room.panes[0], (200.0, 150.0))
    before = furniture_of(room, 0).lower[-1].split()[1]
    room.scroll(2, room.panes[0])
    assert int(furniture_of(room, 0).lower[-1].split()[1]) == int(before) + 2

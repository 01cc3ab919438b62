"""What is on the canvas, as a figure shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.canvas.snapshot import snapshot
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.owner import made_by
from napari_medgen.viewer.layers.volumes import image_options


@pytest.fixture
def viewer() -> ViewerModel:
    made = ViewerModel()
    watch(made)
    return made


def test_a_slice_in_its_own_colours_and_opacity(viewer: ViewerModel) -> None:
    stack = np.stack([np.full((4, 6), value, np.float32) for value in (0, 50, 100)])
    viewer.add_image(stack, contrast_limits=(0, 100), opacity=0.5, scale=(1, 2, 2), units=("mm",) * 3)
    viewer.dims.set_current_step(0, 1)
    ((picture,),) = snapshot(viewer)
    colours = picture.sheets[0].colours
    assert colours.shape == (4, 6, 4)
    assert np.allclose(colours[0, 0], [0.5, 0.5, 0.5, 0.5], atol=0.01)
    assert picture.sheets[0].box == (-1, 11, 7, -1)
    assert picture.millimetres == 1.0


def test_a_coronal_slice_is_upright_and_has_its_letters(viewer: ViewerModel) -> None:
    volume = Volume.on_grid(np.random.default_rng(0).random((4, 5, 6)).astype(np.float32), (3, 2, 1), "brain")
    viewer.add_image(volume.voxels, **image_options(volume))
    viewer.dims.order = (1, 0, 2)
    ((picture,),) = snapshot(viewer)
    assert picture.upward
    assert picture.letters == ("R", "L", "S", "I")
    assert picture.sheets[0].colours.shape == (4, 6, 4)
    viewer.dims.order = (1, 2, 0)  # napari's transposed view
    ((picture,),) = snapshot(viewer)
    assert picture.sheets[0].colours.shape == (6, 4, 4)


def test_each_cell_is_a_picture_with_its_caption_and_mark(viewer: ViewerModel) -> None:
    real = viewer.add_image(np.zeros((8, 8), np.float32), name="a")
    made = viewer.add_image(np.zeros((8, 8), np.float32), name="b", metadata=made_by(Provenance(synthetic=True)))
    stage_of(viewer).set_scene("me", [(Shown(real, "real"),), (Shown(made, "made"),)], left=lambda: None)
    pictures = [one for row in snapshot(viewer) for one in row]
    assert [(one.caption, one.mark) for one in pictures] == [("real", ""), ("made", "SYNTHETIC")]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_of_any_depth(viewer: ViewerModel, kind: Any) -> None:
    top = np.iinfo(kind).max
    viewer.add_image(np.full((4, 4, 3), top // 2, kind), rgb=True)
    ((picture,),) = snapshot(viewer)
    assert np.allclose(picture.sheets[0].colours[..., :3], 0.5, atol=0.01)


def test_an_image_of_several_scales(viewer: ViewerModel) -> None:
    large = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    viewer.add_image([large, large[::2, ::2]], multiscale=True, contrast_limits=(0, 1))
    ((picture,),) = snapshot(viewer)
    assert picture.sheets[0].colours.shape == (64, 64, 4)


def test_mixed_units_have_no_scale_bar(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((4, 4), np.float32), units=("mm", "mm"), opacity=0.5)
    viewer.add_image(np.zeros((4, 4), np.float32), units=("um", "um"), opacity=0.5)
    ((picture,),) = snapshot(viewer)
    assert picture.millimetres is None


def test_nothing_on_the_canvas_is_no_picture(viewer: ViewerModel) -> None:
    assert snapshot(viewer) == []
    layer = viewer.add_image(np.zeros((4, 4), np.float32))
    layer.visible = False
    assert snapshot(viewer) == []


def test_who_zoomed_in_gets_that_part(viewer: ViewerModel) -> None:
    viewer.canvas.size = (100, 100)
    viewer.add_image(np.zeros((100, 100), np.float32))
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 50, 50), 4.0
    ((picture,),) = snapshot(viewer)
    left, right, bottom, top = picture.window
    assert right - left == pytest.approx(25)
    assert bottom - top == pytest.approx(25)

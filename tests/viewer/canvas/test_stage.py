"""The stage: what is chosen is what is shown, and a cell shows its own layers only."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.viewer.canvas.captions import caption_of, mark_of
from napari_medgen.viewer.canvas.marks import marks_of
from napari_medgen.viewer.canvas.stage import Shown, Stage, stage_of
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.owner import FUTURE, made_by


class _Widget:
    pass


@pytest.fixture
def viewer() -> ViewerModel:
    made = ViewerModel()
    watch(made)
    return made


def image(viewer: ViewerModel, name: str, *, synthetic: bool = False, ours: bool = False, **options: Any) -> Any:
    metadata: dict[str, Any] = made_by(Provenance(synthetic=True)) if synthetic else {}
    metadata |= {FUTURE: name} if ours else {}
    return viewer.add_image(np.ones((20, 30), np.float32), name=name, metadata=metadata, **options)


def shown(viewer: ViewerModel) -> list[str]:
    return [layer.name for layer in viewer.layers if layer.visible]


@pytest.fixture
def held(viewer: ViewerModel) -> tuple[Stage, _Widget]:
    stage, widget = stage_of(viewer), _Widget()
    stage.hold(widget)
    return stage, widget


def test_without_a_widget_of_ours_the_viewer_is_naparis(viewer: ViewerModel) -> None:
    image(viewer, "a")
    image(viewer, "b")
    assert shown(viewer) == ["a", "b"]


def test_what_is_opened_or_chosen_is_alone(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    first, second = image(viewer, "a"), image(viewer, "b")
    assert shown(viewer) == ["b"]
    assert stage.subject is second
    stage.show(first)
    assert shown(viewer) == ["a"]
    viewer.layers.remove(first)
    assert stage.subject is None


def test_what_was_drawn_over_a_subject_goes_and_comes_with_it(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    first = image(viewer, "a")
    viewer.add_labels(np.zeros((20, 30), int), name="mask")
    second = image(viewer, "b")
    assert shown(viewer) == ["b"]
    stage.show(first)
    assert shown(viewer) == ["a", "mask"]
    stage.show(second)
    assert shown(viewer) == ["b"]


def scene(viewer: ViewerModel, stage: Stage) -> tuple[Any, Any, list[str]]:
    told: list[str] = []
    left, right = image(viewer, "left", ours=True), image(viewer, "right", ours=True, synthetic=True)
    stage.set_scene("me", [(Shown(left, "real"),), (Shown(right, "made"),)], left=lambda: told.append("left"), single=None)
    return left, right, told


def test_a_cell_shows_its_own_layer_only(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    image(viewer, "patient")
    left, right, told = scene(viewer, stage)
    assert shown(viewer) == ["left", "right"]
    newcomer = image(viewer, "newcomer")
    assert not newcomer.visible
    viewer.layers.move(viewer.layers.index(newcomer), 0)
    viewer.layers.move(viewer.layers.index(right), 0)
    assert [layer.name for layer in viewer.layers[:2]] == ["left", "right"]
    left.name = "made"  # a name is no caption
    assert (caption_of(left), caption_of(right)) == ("real", "made")
    left.visible = False
    assert (caption_of(left), caption_of(right)) == ("", "made")
    left.visible = True
    viewer.layers.remove(left)
    assert shown(viewer) == ["right"]
    assert caption_of(right) == "made"
    assert told == []


def test_who_makes_another_image_visible_leaves_the_cells(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    patient = image(viewer, "patient")
    left, right, told = scene(viewer, stage)
    patient.visible = True
    assert shown(viewer) == ["patient"]
    assert told == ["left"]
    assert not viewer.canvas.grid.enabled
    assert (caption_of(left), caption_of(right)) == ("", "")


def test_the_grid_button_leaves_nothing_on_top_of_each_other(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    image(viewer, "patient")
    scene(viewer, stage)
    viewer.canvas.grid.enabled = False
    assert shown(viewer) == ["patient"]


def test_who_draws_gets_one_picture(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    image(viewer, "patient")
    scene(viewer, stage)
    viewer.add_shapes(np.zeros((1, 4, 2)), name="line")
    assert shown(viewer) == ["patient", "line"]


def test_what_is_drawn_over_a_scene_of_one_picture_comes_and_goes_with_it(
    viewer: ViewerModel, held: tuple[Stage, _Widget]
) -> None:
    stage, _ = held
    patient = image(viewer, "patient")
    left, right = image(viewer, "left"), image(viewer, "right")
    stage.show(patient)

    def together() -> None:
        stage.set_scene("me", [(Shown(left, "left"), Shown(right, "right"))], left=lambda: None, single=together)

    stage.set_scene("me", [(Shown(left, "left"),), (Shown(right, "right"),)], left=lambda: None, single=together)
    line = viewer.add_shapes(np.zeros((1, 4, 2)), name="line")
    assert shown(viewer) == ["left", "right", "line"]
    stage.set_scene("me", [(Shown(left, "left"),), (Shown(right, "right"),)], left=lambda: None, single=together)
    assert shown(viewer) == ["left", "right"]
    together()
    assert shown(viewer) == ["left", "right", "line"]
    line.visible = False
    together()
    assert shown(viewer) == ["left", "right"]
    line.visible = True
    stage.show(patient)
    assert shown(viewer) == ["patient"]


def test_each_cell_has_its_own_mark(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    image(viewer, "patient")
    left, right, _ = scene(viewer, stage)
    assert (mark_of(left), mark_of(right)) == ("", "SYNTHETIC")
    stage.leave("me")
    assert marks_of(viewer) == []


def test_napari_s_own_grid_gets_names_and_marks(viewer: ViewerModel) -> None:
    real, made = image(viewer, "real"), image(viewer, "made", synthetic=True)
    viewer.canvas.grid.enabled = True
    assert (caption_of(real), caption_of(made)) == ("real", "made")
    assert (mark_of(real), mark_of(made)) == ("", "SYNTHETIC")
    made.name = "renamed"
    assert caption_of(made) == "renamed"
    viewer.canvas.grid.enabled = False
    assert (caption_of(real), caption_of(made)) == ("", "")


def test_a_detail_that_is_looked_at_stays_in_view(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    first, second = image(viewer, "a"), image(viewer, "b")
    larger = viewer.add_image(np.ones((200, 300), np.float32), name="larger")
    viewer.scene.camera.zoom = 40
    stage.show(second)
    fitted = viewer.scene.camera.zoom
    assert fitted != 40
    viewer.scene.camera.zoom = 50
    stage.show(first)
    assert viewer.scene.camera.zoom == 50
    stage.show(larger)
    assert viewer.scene.camera.zoom < fitted


def test_what_was_drawn_comes_back_after_a_scene(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    image(viewer, "patient")
    viewer.add_shapes(np.zeros((1, 4, 2)), name="line")
    scene(viewer, stage)
    assert shown(viewer) == ["left", "right"]
    stage.leave("me")
    assert shown(viewer) == ["patient", "line"]


def test_who_hides_the_subject_and_looks_at_another_has_chosen_it(viewer: ViewerModel, held: tuple[Stage, _Widget]) -> None:
    stage, _ = held
    first, second = image(viewer, "a"), image(viewer, "b")
    first.visible = True
    assert stage.subject is second  # both are looked at
    second.visible = False
    assert stage.subject is first


def test_a_stage_does_not_keep_its_viewer() -> None:
    viewer = ViewerModel()
    watch(viewer)
    stage, widget = stage_of(viewer), _Widget()
    stage.hold(widget)
    image(viewer, "patient")
    scene(viewer, stage)
    gone = weakref.ref(viewer)
    del viewer, stage
    gc.collect()
    assert gone() is None

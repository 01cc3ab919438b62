"""**Overlay saliency**: the view alone, and the coordinator with a viewer's model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.saliency.analyses.randomisation import Survival
from napari_medgen.viewer.canvas.captions import caption_of
from napari_medgen.viewer.explain.coordinator import OverlayCoordinator
from napari_medgen.viewer.explain.map_layers import is_comparison, is_map, toggle_maps
from napari_medgen.viewer.explain.shuffle_dialog import SurvivalDialog, verdict
from napari_medgen.viewer.explain.view import MOST_PROBABLE, OverlayView
from napari_medgen.viewer.layers.owner import is_synthetic
from napari_medgen.viewer.layers.radiographs import radiograph_layer
from napari_medgen.viewer.work.models import classifiers
from napari_medgen.viewer.work.queue import WorkQueue
from saliency_support import write_classifier


@pytest.fixture
def view(qtbot: QtBot) -> OverlayView:
    made = OverlayView()
    qtbot.addWidget(made)
    made.set_models(["a", "b"])
    made.set_model(("none", "some"), ("clean", "adversarial"), {"b": True, "c": False})
    made.set_images(["knee", "chest"], "chest")
    return made


def test_the_form_says_what_was_entered(view: OverlayView) -> None:
    form = view.form
    assert (form.image, form.model, form.compared) == ("chest", "a", ("b",))
    assert (form.request.label, form.request.domain, form.request.method, form.request.clip) == ("", 0, "gradient", 3.0)
    view._class.value, view._domain.value, view._method.value, view._side.value = "some", "adversarial", "Grad-CAM", "left"
    form = view.form
    assert (form.request.label, form.request.domain, form.request.method, form.side) == ("some", 1, "gradcam", "L")


def test_a_model_with_one_batch_norm_offers_no_choice(view: OverlayView) -> None:
    view.set_model(("none",), (), {})
    assert not view._domain.enabled
    assert view.form.request.domain == 0
    assert list(view._class.choices) == [MOST_PROBABLE, "none"]


def test_every_button_says_that_it_was_pressed(view: OverlayView, qtbot: QtBot) -> None:
    view.set_images(["knee"], "knee")
    view.set_explained(True)
    view.set_stack(True)
    signals = {
        "Explain": view.explain_requested,
        "Compare models": view.compare_requested,
        "All slices": view.all_slices_requested,
        "Network's view": view.seen_requested,
        "Shuffle test": view.test_requested,
        "Compare methods": view.compare_methods_requested,
        "Save values...": view.save_requested,
        "Save figure...": view.figure_requested,
        "A folder...": view.folder_requested,
        "About this model": view.card_requested,
    }
    for text, signal in signals.items():
        with qtbot.waitSignal(signal, timeout=500):
            next(button for button in view.findChildren(QPushButton) if button.text() == text).click()


def test_probabilities_and_meaning_are_said_in_words(view: OverlayView) -> None:
    view.set_answer({"none": 0.25, "some": 0.75})
    assert "75%" in view._answer.text()
    view.set_meaning("some", signed=True)
    assert view._bar.ends == ("against some", "for some")
    view.set_meaning("some", signed=False)
    assert view._bar.ends[1] == "much on some"
    assert view._bar.unit == "0 to 3 SD"


def test_the_verdict_of_the_shuffle_test_is_a_sentence(qtbot: QtBot) -> None:
    assert "Hardly anything" in verdict([Survival("a", 0.9, 0.9), Survival("b", 0.05, 0.0)])
    assert "edges" in verdict([Survival("a", 0.9, 0.9)])
    dialog = SurvivalDialog("tiny", [Survival("a", 0.9, 0.9)])
    qtbot.addWidget(dialog)
    dialog.show()


# -- the coordinator ------------------------------------------------------------------------------------------------------


@pytest.fixture
def coordinator(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OverlayCoordinator]:
    for name, training, domains in (("tiny", "dual", 2), ("tiny-standard", "standard", 1), ("tiny-other", "unknown", 1)):
        family = "" if training == "unknown" else "tiny"
        write_classifier(tmp_path / "models" / name, training=training, domains=domains, family=family)
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tmp_path / "models"))
    view, queue = OverlayView(), WorkQueue()
    qtbot.addWidget(view)
    made = OverlayCoordinator(view, ViewerModel(), queue)
    view._model.value = "tiny"
    yield made
    made.close()
    assert queue.wait(10)


def finish(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    work, timer, display = coordinator.work, coordinator._timer, coordinator.display
    qtbot.waitUntil(lambda: not work.busy and not timer.isActive() and not display.arriving, timeout=30_000)


def add(coordinator: OverlayCoordinator, name: str = "knee", seed: int = 0, **more: object) -> object:
    pixels = np.random.default_rng(seed).integers(0, 255, (60, 50)).astype(np.uint8)
    image = Radiograph(pixels, (0, 255), (0.5, 0.25), name=name, **more)  # type: ignore[arg-type]
    data, options, _ = radiograph_layer(image)
    return coordinator.viewer.add_image(data, **options)


def maps(coordinator: OverlayCoordinator) -> list[object]:
    return [layer for layer in coordinator.viewer.layers if is_map(layer)]


def test_an_image_is_classified_as_soon_as_it_is_there(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    assert set(coordinator.view.answer) == {"none", "some", "much"}
    assert not maps(coordinator)


def test_a_press_lays_the_map_exactly_over_the_image(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    base = add(coordinator)
    coordinator.view.explain_requested.emit()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.data.shape == base.data.shape  # type: ignore[attr-defined]
    for name in ("scale", "translate", "units"):
        assert tuple(getattr(overlay, name)) == tuple(getattr(base, name)), name
    assert tuple(overlay.contrast_limits) == (-1, 1)  # type: ignore[attr-defined]
    colours = overlay.colormap.map(np.array([0.0, 0.5, 1.0]))  # type: ignore[attr-defined]
    assert colours[:, 3] == pytest.approx([1, 0, 1], abs=0.01)
    assert coordinator.view.form.image == "knee"
    again = overlay
    coordinator.explain()
    finish(coordinator, qtbot)
    assert maps(coordinator) == [again]


def test_an_empty_map_is_said_and_not_shown_as_a_plain_image(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    model = classifiers.get(coordinator.view.form.model)
    with torch.no_grad():
        model.network.fc.weight.zero_()  # nothing that is seen speaks for anything
    coordinator.explain()
    finish(coordinator, qtbot)
    assert "The map is empty" in coordinator.view._answer.text()


def test_one_key_hides_the_map_and_shows_it_again(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    coordinator.explain()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    toggle_maps(coordinator.viewer)
    assert not overlay.visible  # type: ignore[attr-defined]
    toggle_maps(coordinator.viewer)
    assert overlay.visible  # type: ignore[attr-defined]
    assert "H" in {str(key) for key in coordinator.viewer.keymap}


def test_look_changes_without_new_work(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    coordinator.explain()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    coordinator.view._signed.value = False
    assert overlay.data.min() >= 0  # type: ignore[attr-defined]
    assert tuple(overlay.contrast_limits) == (0, 1)  # type: ignore[attr-defined]
    coordinator.view._opacity.setValue(0.3)
    assert overlay.opacity == pytest.approx(0.3)  # type: ignore[attr-defined]
    assert not coordinator.work.busy


def test_models_stand_side_by_side_with_one_contrast(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    base = add(coordinator)
    finish(coordinator, qtbot)
    assert coordinator.view.form.compared == ("tiny-standard",)
    coordinator.compare()
    finish(coordinator, qtbot)
    viewer = coordinator.viewer
    names = [layer.name.split(",")[0] for layer in viewer.layers]
    assert names[0] == "standard"
    assert names[2] == "dual (clean)"
    assert [caption_of(layer).split("\n")[0] for layer in viewer.layers] == ["standard", "", "dual (clean)", "", ""]
    assert [is_map(layer) for layer in viewer.layers] == [False, True, False, True, False]
    assert viewer.canvas.grid.enabled
    assert viewer.canvas.grid.stride == 2
    assert not base.visible  # type: ignore[attr-defined]
    viewer.layers[0].contrast_limits = (10, 99)
    assert tuple(viewer.layers[2].contrast_limits) == (10, 99)
    about = [viewer.layers[place].metadata["napari_medgen_saliency"] for place in (1, 3)]
    assert about[0]["label"] == about[1]["label"]
    assert coordinator.view.form.image == "knee"
    coordinator.explain()
    finish(coordinator, qtbot)
    assert not viewer.canvas.grid.enabled
    assert base.visible  # type: ignore[attr-defined]
    assert len(viewer.layers) == 2


def test_a_comparison_that_is_deleted_by_hand_leaves_no_grid(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    coordinator.compare()
    finish(coordinator, qtbot)
    coordinator.viewer.layers.clear()
    assert not coordinator.viewer.canvas.grid.enabled


def test_nothing_ticked_is_one_sentence(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    coordinator.view.set_model(("none", "some", "much"), ("clean", "adversarial"), {})
    coordinator.compare()
    assert "Tick at least one model" in coordinator.view.work.error


def test_an_unsuitable_image_gets_a_warning_and_no_map_until_it_is_insisted_on(
    coordinator: OverlayCoordinator, qtbot: QtBot
) -> None:
    coordinator.viewer.add_image(
        np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8), rgb=True, name="cat"
    )
    coordinator.explain()
    finish(coordinator, qtbot)
    assert "colour picture" in coordinator.view.warning
    assert not maps(coordinator)
    assert coordinator.view.answer == {}
    (button,) = [one for one in coordinator.view.findChildren(QPushButton) if one.text() == "Explain anyway"]
    assert not button.isHidden()
    button.click()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.name.startswith("DOUBTFUL")  # type: ignore[attr-defined]
    assert overlay.visible  # type: ignore[attr-defined]


def test_the_map_follows_the_slice_where_the_reader_asks_for_it(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack", scale=(3, 1, 1), rgb=False)
    coordinator.viewer.dims.set_current_step(0, 1)
    coordinator.explain()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.data.shape == (1, 40, 50)  # type: ignore[attr-defined]
    assert overlay.translate[0] == 3  # type: ignore[attr-defined]
    first = overlay.data.copy()  # type: ignore[attr-defined]
    coordinator.viewer.dims.set_current_step(0, 2)
    finish(coordinator, qtbot)
    assert overlay.translate[0] == 3  # type: ignore[attr-defined]
    coordinator.view._follow.value = True
    coordinator.viewer.dims.set_current_step(0, 3)
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.translate[0] == 9  # type: ignore[attr-defined]
    assert not np.array_equal(overlay.data, first)  # type: ignore[attr-defined]


def test_all_slices_cover_the_whole_stack(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack", scale=(3, 1, 1), rgb=False)
    coordinator.viewer.dims.set_current_step(0, 2)
    coordinator.explain()
    finish(coordinator, qtbot)
    coordinator.explain_all_slices()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.data.shape == stack.shape  # type: ignore[attr-defined]
    assert tuple(overlay.translate) == (0, 0, 0)  # type: ignore[attr-defined]


def test_what_the_network_saw_lies_on_the_image(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    base = add(coordinator)
    coordinator.explain()
    finish(coordinator, qtbot)
    coordinator.show_seen()
    seen = coordinator.viewer.layers["Network's view: knee"]
    assert seen.data.shape == (32, 32)
    # The outer edges agree: half a pixel before the first, half a pixel after the last.
    for corner, theirs in (((-0.5, -0.5), (-0.5, -0.5)), ((31.5, 31.5), (59.5, 49.5))):
        assert seen.data_to_world(corner) == pytest.approx(base.data_to_world(theirs))  # type: ignore[attr-defined]
    finish(coordinator, qtbot)
    assert coordinator.view.form.image == "knee"


def test_a_map_is_saved_with_what_it_means(coordinator: OverlayCoordinator, qtbot: QtBot, tmp_path: Path) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    coordinator.save(tmp_path / "out")
    assert not coordinator.work.busy
    coordinator.explain()
    finish(coordinator, qtbot)
    coordinator.save(tmp_path / "out")
    finish(coordinator, qtbot)
    assert {path.suffix for path in coordinator.written} == {".png", ".npy", ".json", ".dcm"}


def test_a_map_of_a_synthetic_image_is_marked(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator, provenance=Provenance(synthetic=True, model="knee-progression"))
    coordinator.explain()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert is_synthetic(overlay)


def test_a_removed_image_leaves_no_map_behind_and_says_what_to_do(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    base = add(coordinator)
    finish(coordinator, qtbot)
    coordinator.explain()
    coordinator.viewer.layers.remove(base)
    finish(coordinator, qtbot)
    assert not maps(coordinator)
    coordinator.explain()
    assert "Open a radiograph" in coordinator.view.work.error


def test_the_shuffle_test_opens_its_result(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    coordinator.shuffle_test()
    finish(coordinator, qtbot)
    assert coordinator.view.findChildren(SurvivalDialog)


def test_closing_forgets_the_models(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    assert classifiers.kept
    coordinator.viewer.layers.clear()
    finish(coordinator, qtbot)
    classifiers.forget()
    assert not classifiers.kept


@pytest.mark.parametrize("explained", [True, False])
def test_all_slices_say_the_model_that_explained_them(
    coordinator: OverlayCoordinator, qtbot: QtBot, explained: bool
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, 60, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack")
    finish(coordinator, qtbot)
    if explained:
        coordinator.explain()
        finish(coordinator, qtbot)
    coordinator.view._model.value = "tiny-standard"
    finish(coordinator, qtbot)
    coordinator.explain_all_slices()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.data.shape == stack.shape  # type: ignore[attr-defined]
    assert "tiny-standard" in overlay.name  # type: ignore[attr-defined]
    assert overlay.name.endswith("every slice")  # type: ignore[attr-defined]
    assert overlay.metadata["napari_medgen"]["model"] == "tiny-standard"  # type: ignore[attr-defined]


def test_a_renamed_image_is_still_explained(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    layer = add(coordinator)
    finish(coordinator, qtbot)
    layer.name = "another name"  # type: ignore[attr-defined]
    assert coordinator.view.form.image == "another name"
    coordinator.explain()
    finish(coordinator, qtbot)
    assert coordinator.view.work.error == ""
    assert len(maps(coordinator)) == 1


def test_another_image_is_not_chosen_where_the_chosen_one_is_removed(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    add(coordinator, "other", seed=1)
    layer = add(coordinator, "chosen")
    finish(coordinator, qtbot)
    assert coordinator.view.form.image == "chosen"
    coordinator.viewer.layers.remove(layer)
    finish(coordinator, qtbot)
    assert coordinator.view.form.image == ""
    coordinator.explain()
    assert "choose it as the image" in coordinator.view.work.error
    coordinator.viewer.layers.selection.active = None
    coordinator.viewer.layers.selection.active = coordinator.viewer.layers["other"]
    finish(coordinator, qtbot)
    assert coordinator.view.form.image == "other"


def test_the_look_of_all_slices_keeps_what_speaks_against(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, 60, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack", rgb=False)
    finish(coordinator, qtbot)
    coordinator.explain_all_slices()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    signed = np.array(overlay.data)  # type: ignore[attr-defined]
    assert signed.min() < 0
    coordinator.display.restyle(signed=False, opacity=0.5)
    assert overlay.data.min() >= 0  # type: ignore[attr-defined]
    coordinator.display.restyle(signed=True, opacity=0.5)
    np.testing.assert_array_equal(overlay.data, signed)  # type: ignore[attr-defined]


def test_what_was_there_before_a_comparison_is_there_after_it(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    layer = add(coordinator)
    finish(coordinator, qtbot)
    coordinator.compare()
    finish(coordinator, qtbot)
    assert len(maps(coordinator)) > 1
    layer.name = "renamed"  # type: ignore[attr-defined]
    coordinator.viewer.layers.remove(maps(coordinator)[0])  # the others would lie in the wrong cells
    assert not maps(coordinator)
    assert [(one.name, one.visible) for one in coordinator.viewer.layers] == [("renamed", True)]
    assert not coordinator.viewer.canvas.grid.enabled


def test_a_comparison_arrives_layer_by_layer_and_ends_where_it_is_closed(
    coordinator: OverlayCoordinator, qtbot: QtBot
) -> None:
    add(coordinator)
    finish(coordinator, qtbot)
    coordinator.compare()
    qtbot.waitUntil(lambda: coordinator.display.arriving, timeout=30_000)
    coordinator.explain()
    finish(coordinator, qtbot)
    qtbot.wait(100)
    assert len(maps(coordinator)) == 1
    assert not any(is_comparison(layer) for layer in coordinator.viewer.layers)
    assert not coordinator.viewer.canvas.grid.enabled


def test_half_a_comparison_is_none(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    base = add(coordinator)
    finish(coordinator, qtbot)
    for end in ("removed", "closed"):
        coordinator.compare()
        qtbot.waitUntil(lambda: coordinator.display.arriving, timeout=30_000)
        if end == "removed":
            coordinator.viewer.layers.remove(next(one for one in coordinator.viewer.layers if is_comparison(one)))
            finish(coordinator, qtbot)
        else:
            coordinator.close()
        assert not any(is_comparison(layer) for layer in coordinator.viewer.layers)
        assert not coordinator.viewer.canvas.grid.enabled
        assert base.visible  # type: ignore[attr-defined]


def test_methods_side_by_side_say_what_they_are_of_and_when_they_are_old(
    coordinator: OverlayCoordinator, qtbot: QtBot
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack", rgb=False)
    coordinator.viewer.dims.set_current_step(0, 1)
    finish(coordinator, qtbot)
    coordinator.compare_methods()
    finish(coordinator, qtbot)
    pictures = [layer for layer in coordinator.viewer.layers if caption_of(layer)]
    assert len(pictures) == 5
    assert caption_of(pictures[0]).startswith("Input gradient (published)\ntiny, ")
    assert caption_of(pictures[0]).endswith(", slice 1")
    assert coordinator.view.stale == ""
    coordinator.viewer.dims.set_current_step(0, 3)
    assert "of slice 1" in coordinator.view.stale
    assert caption_of(pictures[0]).endswith("OUT OF DATE")
    coordinator.viewer.dims.set_current_step(0, 1)
    assert coordinator.view.stale == ""
    coordinator.view._method.value = "Grad-CAM"  # all methods are there
    assert coordinator.view.stale == ""
    coordinator.view._class.value = "none"
    assert "Out of date" in coordinator.view.stale
    coordinator.viewer.layers.remove(pictures[0])
    assert not coordinator.view._buttons["Save values..."].isEnabled()
    assert coordinator.view.stale == ""


def test_a_closed_widget_gives_the_canvas_back(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    layer = add(coordinator)
    finish(coordinator, qtbot)
    coordinator.compare_methods()
    finish(coordinator, qtbot)
    viewer = coordinator.viewer
    coordinator.close()
    assert [one.name for one in viewer.layers if one.visible] == [layer.name]  # type: ignore[attr-defined]
    assert not viewer.canvas.grid.enabled
    newcomer = viewer.add_image(np.zeros((8, 8)), name="newcomer")
    assert newcomer.visible


def test_the_map_of_a_stack_says_which_slice_it_is_of(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50)).astype(np.uint8)
    coordinator.viewer.add_image(stack, name="stack", rgb=False)
    coordinator.viewer.dims.set_current_step(0, 2)
    coordinator.explain()
    finish(coordinator, qtbot)
    (overlay,) = maps(coordinator)
    assert overlay.name.endswith(", slice 2")  # type: ignore[attr-defined]
    coordinator.viewer.dims.set_current_step(0, 3)
    assert "of slice 2" in coordinator.view.stale
    finish(coordinator, qtbot)
    coordinator.viewer.dims.set_current_step(0, 2)
    assert coordinator.view.stale == ""


def test_page_keys_go_through_what_was_opened(coordinator: OverlayCoordinator, qtbot: QtBot) -> None:
    for name in ("a", "b", "c"):
        add(coordinator, name)
    finish(coordinator, qtbot)
    assert coordinator.view.form.image == "c"
    coordinator.next_image()
    assert coordinator.view.form.image == "a"
    coordinator.previous_image()
    coordinator.previous_image()
    assert coordinator.view.form.image == "b"
    assert [layer.name for layer in coordinator.viewer.layers if layer.visible] == ["b"]

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_medgen.imaging.nifti import read_nifti
from napari_medgen.viewer.layers.owner import is_synthetic, provenance_of
from napari_medgen.viewer.sample.coordinator import SampleCoordinator
from napari_medgen.viewer.sample.view import SampleView
from napari_medgen.viewer.work.models import generators
from napari_medgen.viewer.work.queue import WorkQueue


@pytest.fixture
def coordinator(qtbot: QtBot, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleCoordinator]:
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))
    view, queue = SampleView(), WorkQueue()
    qtbot.addWidget(view)
    made = SampleCoordinator(view, ViewerModel(), queue)
    view._models.value = "tiny"
    yield made
    made.close()
    assert queue.wait(10)
    generators.forget()


def finish(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    work, timer = coordinator.work, coordinator._cost_timer
    qtbot.waitUntil(lambda: not timer.isActive() and not work.busy, timeout=30_000)


def running(coordinator: SampleCoordinator) -> int:
    return sum(piece.shown for piece in coordinator.work._pieces.values())


def save(coordinator: SampleCoordinator, folder: Path, qtbot: QtBot) -> list[Path]:
    coordinator.save(folder)
    finish(coordinator, qtbot)
    return list(coordinator.written)


def test_a_press_gives_a_layer_with_everything(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    coordinator.view._seed.value = 5
    coordinator.view.sample_requested.emit()
    finish(coordinator, qtbot)
    (layer,) = coordinator.viewer.layers
    assert layer.name == "tiny seed 5"
    assert tuple(layer.scale) == (2.0, 3.0, 1.5)
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("S", "P", "L")
    assert layer.colormap.name == "gray"
    assert list(layer.contrast_limits) == [0, 255]
    assert provenance_of(layer).seed == 5
    assert coordinator.viewer.canvas.overlays["medgen_synthetic"].visible
    assert coordinator.view._table.rowCount() == 1
    assert coordinator.view.work.status == "Ready"


def test_presses_queue_and_counts_take_the_next_seeds(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    coordinator.view._count.value = 2
    coordinator.sample()
    coordinator.view._count.value = 1
    coordinator.view._seed.value = 9
    coordinator.sample()
    assert running(coordinator) == 3
    finish(coordinator, qtbot)
    assert [layer.name for layer in coordinator.viewer.layers] == ["tiny seed 0", "tiny seed 1", "tiny seed 9"]


def test_it_forms_before_the_eyes_and_cancel_takes_it_away(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    coordinator.view._sampler.value = "Ancestral (published, slow)"
    coordinator.view._count.value = 40
    coordinator.sample()
    qtbot.waitUntil(lambda: any("forming" in layer.name for layer in coordinator.viewer.layers), timeout=30_000)
    forming = next(layer for layer in coordinator.viewer.layers if "forming" in layer.name)
    assert is_synthetic(forming)
    done = coordinator.view._table.rowCount()
    coordinator.view.work.cancel_requested.emit()
    assert not running(coordinator)
    assert not any("forming" in layer.name for layer in coordinator.viewer.layers)
    finish(coordinator, qtbot)
    assert coordinator.view._table.rowCount() <= done + 1
    assert coordinator.view.work.status == "Ready"


def test_a_blend_is_named_so(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    coordinator.view.interpolate_requested.emit()
    finish(coordinator, qtbot)
    (layer,) = coordinator.viewer.layers
    assert layer.name == "tiny seed 0 blended"
    assert "seed 1" in provenance_of(layer).operation


def test_the_cost_is_said_before_the_run(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "about" in coordinator.view._cost.text(), timeout=30_000)
    assert "on CPU" in coordinator.view._cost.text()


def test_volumes_are_saved_and_none_is_overwritten(coordinator: SampleCoordinator, qtbot: QtBot, tmp_path: Path) -> None:
    coordinator.sample()
    finish(coordinator, qtbot)
    first = save(coordinator, tmp_path, qtbot)
    second = save(coordinator, tmp_path, qtbot)
    assert [path.name for path in first + second] == [
        "tiny_seed_0.nii.gz",
        "tiny_seed_0.json",
        "tiny_seed_0_1.nii.gz",
        "tiny_seed_0_1.json",
    ]
    assert read_nifti(first[0]).provenance.synthetic
    (tmp_path / "file").write_text("in the way")
    assert save(coordinator, tmp_path / "file", qtbot) == []
    assert "cannot be written" in coordinator.view.work.error


def test_an_expected_error_is_one_sentence_beside_the_button(
    coordinator: SampleCoordinator, qtbot: QtBot, tiny_model: Path
) -> None:
    finish(coordinator, qtbot)
    generators.forget()
    (tiny_model / "denoiser.safetensors").write_bytes(b"broken")
    coordinator.sample()
    finish(coordinator, qtbot)
    assert "damaged" in coordinator.view.work.error
    assert coordinator.view.work.status == "Ready"
    assert len(coordinator.viewer.layers) == 0


def test_a_removed_layer_leaves_the_table_and_a_chosen_row_is_shown(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    coordinator.view._count.value = 2
    coordinator.sample()
    finish(coordinator, qtbot)
    first, second = coordinator.viewer.layers
    coordinator.view._table.selectRow(0)
    assert first.visible
    assert not second.visible
    coordinator.viewer.layers.remove(first)
    assert coordinator.view._table.rowCount() == 1


def test_the_conditions_of_the_model_are_offered(coordinator: SampleCoordinator, qtbot: QtBot) -> None:
    assert set(coordinator.view._conditions) == {"age", "sex"}
    coordinator.view._conditional.value = True
    coordinator.sample()
    finish(coordinator, qtbot)
    assert provenance_of(coordinator.viewer.layers[0]).condition == {"age": 50.0, "sex": "F"}


def test_what_is_being_saved_is_saved_though_another_save_or_the_end_of_the_widget_follows(
    coordinator: SampleCoordinator, qtbot: QtBot, tmp_path: Path
) -> None:
    coordinator.sample()
    finish(coordinator, qtbot)
    queue = coordinator.work.files
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        coordinator.save(tmp_path / name)
    coordinator.close()
    assert queue.wait(30)
    assert all((tmp_path / name / "tiny_seed_0.nii.gz").is_file() for name in ("a", "b", "c"))


def test_what_is_sent_to_the_cluster_is_a_command_with_the_form_s_words(
    coordinator: SampleCoordinator, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[str], Path]] = []
    monkeypatch.setattr("napari_medgen.viewer.widgets.coordinator.start_job", lambda *job: sent.append(job))
    monkeypatch.setattr(
        "napari_medgen.viewer.sample.coordinator.QFileDialog.getExistingDirectory", lambda *asked: str(tmp_path)
    )
    monkeypatch.setenv("NAPARI_MEDGEN_CLUSTER", "local:2")
    coordinator.preferences_changed()
    coordinator.view._device.value = "Cluster local:2"
    coordinator.view._count.value = 3
    coordinator.view._seed.value = 7
    coordinator.view.sample_requested.emit()
    ((title, command, out),) = sent
    assert (title, out) == ("3 x tiny, seed 7 and on", tmp_path)
    assert command[0] == "sample"
    assert (
        dict(zip(command[1::2], command[2::2], strict=True)).items()
        >= {"--count": "3", "--seed": "7", "--steps": "20", "--out": str(tmp_path), "--cluster": "local:2"}.items()
    )
    assert "Jobs shows how far it is" in coordinator.view.work.status
    assert not coordinator.viewer.layers

"""*File > Open Sample*: a brain that forms in the background, twice at once, and where it cannot."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from napari_medgen.errors import ModelError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.plugin import sample_data
from napari_medgen.viewer.work.queue import shared_queue


def idle(qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not shared_queue().busy and not shared_queue()._jobs, timeout=60_000)


def test_two_presses_make_two_brains(make_napari_viewer: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medgen.imaging.volume import Volume

    class Made:
        volume = Volume.on_grid(sample_data.np.ones((4, 5, 6), "float32"), (1, 1, 1), "brain-t1 seed 0")

    def sample() -> Steps[Any]:
        yield Progress(0, 0, "Forming")
        return Made()

    monkeypatch.setattr(sample_data, "_sample", sample)
    viewer = make_napari_viewer()
    for _ in range(2):
        viewer.open_sample("napari-medgen", "sampled-brain")
    idle(qtbot)
    assert [layer.data.min() for layer in viewer.layers] == [1, 1]
    assert not any("forming" in layer.name for layer in viewer.layers)


def test_a_model_that_cannot_be_used_leaves_no_empty_layer(
    make_napari_viewer: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample() -> Steps[Any]:
        yield Progress(0, 0, "Loading")
        raise ModelError("It is damaged.")

    said: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_error", said.append)
    monkeypatch.setattr(sample_data, "_sample", sample)
    viewer = make_napari_viewer()
    viewer.open_sample("napari-medgen", "sampled-brain")
    idle(qtbot)
    assert not len(viewer.layers)
    assert said == ["It is damaged."]


def test_a_brain_that_is_removed_while_it_forms_stays_away(
    make_napari_viewer: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def sample() -> Steps[Any]:
        for _ in range(200):
            go.wait(0.05)
            yield Progress(0, 0, "Forming")

    monkeypatch.setattr(sample_data, "_sample", sample)
    viewer = make_napari_viewer()
    viewer.open_sample("napari-medgen", "sampled-brain")
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not shared_queue()._jobs, timeout=10_000)
    go.set()
    idle(qtbot)
    assert not len(viewer.layers)

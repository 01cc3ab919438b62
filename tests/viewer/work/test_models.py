"""Models stay as long as somebody holds them, and nobody in the window waits for a load."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_medgen.running import devices
from napari_medgen.viewer.explain.coordinator import OverlayCoordinator
from napari_medgen.viewer.explain.view import OverlayView
from napari_medgen.viewer.future.coordinator import BLINK_KEY, ExtrapolateCoordinator
from napari_medgen.viewer.future.view import ExtrapolateView
from napari_medgen.viewer.work.models import LoadedModels, classifiers
from napari_medgen.viewer.work.queue import WorkQueue
from saliency_support import write_classifier


class Holder:
    pass


def test_a_model_is_loaded_once_and_the_oldest_goes_first() -> None:
    loads: list[str] = []

    def load(key: str) -> str:
        loads.append(key)
        return key.upper()

    models, holder = LoadedModels(load, most=2), Holder()
    models.hold(holder)
    assert [models.get(key) for key in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert loads == ["a", "b", "c", "b"]
    assert list(models.kept) == ["a", "b"]


def test_two_words_for_one_device_are_one_model() -> None:
    loads: list[str] = []
    models, holder = LoadedModels(lambda key: [key, loads.append(key)][0], known_as=lambda key: key or "cuda"), Holder()
    models.hold(holder)
    assert [models.get(""), models.get("cuda")] == ["", ""]
    assert loads == [""]


def test_the_gpu_gets_its_memory_back_when_the_last_holder_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[bool] = []
    monkeypatch.setattr(devices, "free_gpu_memory", lambda: freed.append(True))
    models, holder = LoadedModels(str.upper), Holder()
    models.hold(holder)
    models.get("a")
    models.release(holder)
    assert freed == [True]


def test_the_last_holder_lets_all_go() -> None:
    models = LoadedModels(str.upper)
    one, other = Holder(), Holder()
    models.hold(one)
    models.hold(other)
    models.get("a")
    models.release(one)
    assert models.kept
    models.release(other)
    assert not models.kept


def test_releasing_does_not_wait_for_a_load_which_is_not_kept_then() -> None:
    holder, begun, go = Holder(), threading.Event(), threading.Event()

    def load(key: str) -> str:
        begun.set()
        assert go.wait(20)
        return key

    models = LoadedModels(load)
    models.hold(holder)
    thread = threading.Thread(target=models.get, args=("a",))
    thread.start()
    assert begun.wait(20)
    models.release(holder)  # returns while the load goes on
    assert thread.is_alive()
    go.set()
    thread.join(20)
    assert not models.kept
    assert models.get("b") == "b"  # a job that was under way already
    assert not models.kept


def test_closing_one_widget_leaves_the_other_its_models(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classifier(tmp_path / "models" / "tiny")
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tmp_path / "models"))
    viewer, queue = ViewerModel(), WorkQueue()
    overlay_view, extrapolate_view = OverlayView(), ExtrapolateView()
    qtbot.addWidget(overlay_view)
    qtbot.addWidget(extrapolate_view)
    overlay = OverlayCoordinator(overlay_view, viewer, queue)
    extrapolate = ExtrapolateCoordinator(extrapolate_view, viewer, queue)
    extrapolate.cancel()
    qtbot.waitUntil(lambda: not queue.busy, timeout=60_000)
    classifiers.get("tiny")
    another_view = ExtrapolateView()
    qtbot.addWidget(another_view)
    another = ExtrapolateCoordinator(another_view, viewer, queue)
    another.cancel()
    qtbot.waitUntil(lambda: not queue.busy, timeout=60_000)
    extrapolate.close()
    assert any(str(key) == BLINK_KEY for key in viewer.keymap)  # it is the other one's
    another.close()
    assert "tiny" in classifiers.kept
    assert not any(str(key) == BLINK_KEY for key in viewer.keymap)
    overlay.close()
    assert not classifiers.kept

"""What the strip below a button says, and what it does not keep."""

from __future__ import annotations

import gc
import weakref

import pytest
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot

from napari_medgen.viewer.work.panel import UnexpectedError, WorkPanel


class Model:
    pass


def failing(model: Model) -> Exception:
    def network() -> None:
        raise RuntimeError(f"{model} failed")  # a closure, which clearing the frames would not let go

    try:
        network()
    except RuntimeError as error:
        return error
    raise AssertionError


def test_an_unexpected_error_is_told_in_full_and_keeps_no_model(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[BaseException] = []
    monkeypatch.setattr(notification_manager, "receive_error", lambda kind, error, trace: kept.append(error))
    panel = WorkPanel()
    qtbot.addWidget(panel)
    model = Model()
    gone = weakref.ref(model)
    panel.show_error(failing(model))
    del model
    gc.collect()
    assert gone() is None
    assert panel.error.startswith("Something unexpected went wrong: ")
    assert isinstance(kept[0], UnexpectedError)
    assert "in network" in kept[0].__notes__[0]

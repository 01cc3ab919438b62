"""Windows that are closed, and docks that float, while widgets work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from napari_medgen.viewer.explain.coordinator import OverlaySaliency


@pytest.mark.parametrize(("kind", "seconds"), [("sample", 2.5), ("project", 1.0)])
def test_a_window_that_is_closed_while_a_widget_works_ends_with_exit_code_0(kind: str, seconds: float) -> None:
    script = Path(__file__).with_name("closing_session.py")
    done = subprocess.run([sys.executable, str(script), kind, str(seconds)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_dock_that_floats_goes_on_working(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer(show=True)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Overlay saliency")
    assert isinstance(widget, OverlaySaliency)
    for floating in (True, False, True):
        dock.setFloating(floating)
        qtbot.wait(100)
        assert widget._open
    dock.hide()
    qtbot.wait(50)
    dock.show()
    qtbot.wait(50)
    assert widget._open
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: not widget._open, timeout=5000)

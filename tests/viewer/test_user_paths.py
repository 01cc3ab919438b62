"""Four kinds of user follow their paths in a real window; see :mod:`user_paths`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from user_paths import PATHS, User

from napari_medgen.viewer.widgets.dock import DockWidget


@pytest.mark.parametrize("who", PATHS)
def test_a_user_gets_where_they_want(who: str, make_napari_viewer: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    user = User(viewer, tmp_path, sketch=True)
    user.settle(0.2)
    PATHS[who](user)
    for widget in viewer.window._qt_window.findChildren(DockWidget):
        widget.end()

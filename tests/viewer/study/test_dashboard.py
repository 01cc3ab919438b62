"""The manager's window and the widget in napari's menu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_medgen.study.study import Study
from napari_medgen.viewer.study.dashboard import Dashboard
from napari_medgen.viewer.study.launcher import ReaderStudy
from napari_medgen.viewer.study.tour import KeyReader, settle, until

Make = Callable[..., Study]
Open = Callable[..., KeyReader]


def cells(window: Dashboard, row: int) -> list[str]:
    found = (window.table.item(row, column) for column in range(window.table.columnCount()))
    return [item.text() if item is not None else "" for item in found]


def test_the_manager_sees_where_readers_are_while_they_read(make: Make, opened: Open) -> None:
    study = make(count=3)
    window = Dashboard(study)
    window.show()
    until(lambda: window.table.rowCount() == 2)
    assert cells(window, 0)[:3] == ["R1", "not begun", "0 of 3"]
    reader = opened(study)
    reader.begin()
    reader.read(2)
    window.look()
    until(lambda: cells(window, 0)[2] == "2 of 3")
    assert cells(window, 0)[1] == "reading"
    assert cells(window, 0)[-1] == "whole"
    assert "0 of 2 readers are done; 2 of 6 cases are read" in window.said.text()
    assert reader.read() == 1  # an open window was not disturbed
    window.close()
    settle()


def test_napari_has_it_in_its_menu_and_a_folder_that_is_none_is_one_sentence(make_napari_viewer: Any, tmp_path: Any) -> None:
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Reader study")
    assert isinstance(widget, ReaderStudy)
    widget.folder.setText(str(tmp_path))
    assert widget.read() is None
    assert "is no study" in widget.fault.text()
    assert widget.show_readers() is None


def test_a_study_opens_in_a_window_of_its_own(make: Make, qapp: Any) -> None:
    study = make()
    widget = ReaderStudy()
    widget.folder.setText(str(study.folder))
    window, readers = widget.read(), widget.show_readers()
    settle(0.2)
    assert window is not None
    assert readers is not None
    assert widget.fault.text() == ""
    assert window.isVisible()
    window.close()
    readers.close()
    settle(0.2)
    assert widget._windows == []

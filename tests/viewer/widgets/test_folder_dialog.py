"""A folder of images, a folder for results, and what computes."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from napari_medgen.viewer.widgets.folder_dialog import FolderDialog


def test_what_is_missing_is_said_and_what_is_entered_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = FolderDialog("Explain a folder", "local:2")
    qtbot.addWidget(dialog)
    dialog.choose()
    assert dialog.fault.text() == "Choose the folder of the images."
    dialog.images.value = tmp_path
    dialog.choose()
    assert dialog.fault.text() == "Choose a folder for table and pictures."
    dialog.out.value = tmp_path / "out"
    dialog.place.value = "Cluster local:2"
    with qtbot.waitSignal(dialog.chosen, timeout=1000) as told:
        dialog.choose()
    assert told.args == [tmp_path, tmp_path / "out", "local:2"]


def test_without_a_cluster_there_is_nothing_to_choose(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = FolderDialog("Explain a folder", "")
    qtbot.addWidget(dialog)
    assert list(dialog.place.choices) == ["This computer"]
    dialog.images.value, dialog.out.value = tmp_path, tmp_path
    with qtbot.waitSignal(dialog.chosen, timeout=1000) as told:
        dialog.choose()
    assert told.args == [tmp_path, tmp_path, ""]

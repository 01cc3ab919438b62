"""What is blinded stays blinded in every place that a reader could look at, and each place is really looked at."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QLabel, QPushButton

import study_secrets as secrets
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.study.case_table import NewCase
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.dashboard import Dashboard
from napari_medgen.viewer.study.tour import KeyReader, settle, until

Make = Callable[..., Study]
Open = Callable[..., KeyReader]
SOURCE, MODEL, PATIENT, GROUP, TRUTH = "IXI257-HH-1724", "brain-t1-next", "MILLER-JOHN", "diseased-ones", "SYNTHETIC"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So that what other tests left is not taken for ours."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield


def a_case(seed: int) -> NewCase:
    made = Provenance(synthetic=True, model=MODEL, seed=4711, source=SOURCE)
    voxels = np.random.default_rng(seed).integers(0, 900, (8, 10, 12)).astype(np.int16)
    volume = Volume.on_grid(voxels, (2.0, 2.0, 2.0), PATIENT, provenance=made)
    return NewCase(volume, {"real": seed % 2 == 0}, group=GROUP, source=f"{SOURCE} {MODEL}")


def hidden(study: Study) -> list[str]:
    """All that no reader may find: also what the protocol itself holds, the names of cases and of files."""
    names = [case.id for case in study.protocol.cases]
    files = [Path(case.image).stem for case in study.protocol.cases]
    return [SOURCE, SOURCE.lower(), MODEL, PATIENT, PATIENT.lower(), GROUP, TRUTH, *names, *files]


def test_nothing_that_is_hidden_can_be_found_while_a_study_is_read(
    make: Make, make_napari_viewer: Any, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer(show=True)  # as a reader has it who came from napari's menu
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    study = make(cases=[a_case(n) for n in range(3)])
    looked = hidden(study)
    reader = opened(study)
    dashboard = Dashboard(study)
    dashboard.show()
    seen: list[str] = []

    def step(name: str) -> None:
        settle(0.25)
        seen.append(name)
        assert secrets.found(looked) == [], name

    reader = KeyReader(reader.window, step=step)
    reader.begin()
    reader.key(Qt.Key.Key_P)
    step("pause")
    reader.key(Qt.Key.Key_Return)
    reader.window._help()
    step("help")
    until(lambda: dashboard.table.rowCount() == 2)
    assert reader.read() == 3
    assert {"sign-in", "case", "answered", "pause", "help", "done"} <= set(seen)
    dashboard.close()
    study.key_file.rename(study.folder / "elsewhere")  # readers need not have it
    assert secrets.found(looked) == []


def plant_title(window: Any) -> None:
    window.setWindowTitle(f"Case {window.secret}")


def plant_label(window: Any) -> None:
    window.panel.note.setText(window.secret)


def plant_tool_tip(window: Any) -> None:
    window.panel.forward.setToolTip(window.secret)


def plant_accessible_name(window: Any) -> None:
    window.panel.fields[0].setAccessibleName(window.secret)


def plant_status_bar(window: Any) -> None:
    window.statusBar().showMessage(window.secret)
    window.statusBar().addWidget(QLabel(window.secret))


def plant_target(window: Any) -> None:
    window.panel.fields[0].answers[0].findChildren(QLabel)[1].setText(window.secret)


def plant_layer_name(window: Any) -> None:
    window.stand.image.name = window.secret


def plant_metadata(window: Any) -> None:
    window.stand.image.metadata["source"] = window.secret


def plant_furniture(window: Any) -> None:
    window.stand.room.says = window.secret
    window.stand.clear()


def plant_temporary_file(window: Any) -> None:
    (Path(tempfile.gettempdir()) / "left").write_text(window.secret)


def plant_file_name(window: Any) -> None:
    (Path(tempfile.gettempdir()) / window.secret).write_text("")


def plant_settings(window: Any) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recent.yaml").write_text(window.secret)


def plant_clipboard(window: Any) -> None:
    QGuiApplication.clipboard().setText(window.secret)


def plant_action(window: Any) -> None:
    window.kept = QAction(window.secret, window)
    window.addAction(window.kept)


def plant_hidden_button(window: Any) -> None:
    window.kept = QPushButton(window.secret, window)


PLANTS = [
    (plant_title, "texts"),
    (plant_label, "texts"),
    (plant_tool_tip, "texts"),
    (plant_accessible_name, "texts"),
    (plant_status_bar, "texts"),
    (plant_target, "texts"),
    (plant_layer_name, "models"),
    (plant_metadata, "models"),
    (plant_temporary_file, "files"),
    (plant_file_name, "files"),
    (plant_settings, "files"),
    (plant_clipboard, "texts"),
    (plant_action, "texts"),
    (plant_hidden_button, "texts"),
    (plant_furniture, "texts"),
]


def test_a_secret_that_is_planted_is_found(make: Make, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above can fail; each plant has a secret of its own."""
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    reader = opened(make(cases=[a_case(n) for n in range(2)]))
    reader.begin()
    settle(0.3)
    for plant, place in PLANTS:
        secret = f"a secret of {plant.__name__}"
        reader.window.secret = secret  # type: ignore[attr-defined]
        assert secrets.found([secret]) == []
        plant(reader.window)
        settle(0.02)
        assert place in [where for where, _ in secrets.found([secret])], plant.__name__
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.clear()


def test_a_secret_in_the_viewer_beside_is_found(make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = make_napari_viewer()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    assert secrets.found(["a secret beside"]) == []
    viewer.add_image(np.zeros((4, 4)), name="a secret beside")
    assert "namespace" in [where for where, _ in secrets.found(["a secret beside"])]


def test_the_mark_is_shown_where_the_study_does_not_hide_it(make: Make, opened: Open) -> None:
    reader = opened(make("volume-quality", [NewCase(a_case(n).image) for n in range(2)]))
    reader.begin()
    settle(0.3)
    shown = [pane.glass.furniture.mark for pane in reader.window.stand.widget.panes]
    assert "SYNTHETIC" in shown
    assert secrets.found([MODEL, SOURCE, PATIENT]) == []  # and nothing more than that


def test_images_hold_no_trace_of_where_they_come_from(make: Make) -> None:
    study = make(cases=[a_case(n) for n in range(3)])
    for path in (study.folder / "images").iterdir():
        content = path.read_bytes()
        for secret in (SOURCE, MODEL, PATIENT, "4711", "synthetic"):
            assert secret.encode() not in content

"""What four kinds of user do in a real window, with real mouse and key events: the three tutorials, and a first look round.

``tests/viewer/test_user_paths.py`` follows them; ``scripts/user_films.py`` records them as films and pictures for the docs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive_path import archive
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QAction, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QPushButton, QScrollArea, QSpinBox, QWidget
from reader_path import reader

from napari_medgen.viewer.canvas.captions import caption_of, mark_of
from napari_medgen.viewer.canvas.marks import marks_of
from napari_medgen.viewer.explain.map_layers import is_map
from napari_medgen.viewer.work.queue import file_queue, shared_queue

OURS = "Radiology generative models"
Shoot = Callable[..., None]


class User:
    """Hands and eyes at a window.

    Parameters
    ----------
    viewer
        A napari viewer whose window is shown.
    folder
        Where files may be written.
    shoot
        Takes a picture of the window under a name; of a dialog before it, where one is given.
    sketch
        Sample in a few steps, where nobody looks.
    """

    def __init__(
        self, viewer: Any, folder: Path, shoot: Shoot = lambda name, dialog=None: None, *, sketch: bool = False
    ) -> None:
        self.viewer, self.folder, self.shoot, self.sketch = viewer, folder, shoot, sketch
        self.window = viewer.window._qt_window

    # -- hands ----------------------------------------------------------------------------------------------------------

    def menu(self, *path: str) -> None:
        """Choose an entry of the menu bar; each part of the path must be there."""
        actions: list[QAction] = list(self.window.menuBar().actions())
        for depth, name in enumerate(path):
            # napari writes the plugin's name behind each widget.
            found = [one for one in actions if one.text().replace("&", "") in (name, f"{name} ({OURS})")]
            assert found, (path, [one.text() for one in actions])
            if depth == len(path) - 1:
                found[0].trigger()
                break
            menu = found[0].menu()
            assert menu is not None, path
            menu.aboutToShow.emit()
            actions = list(menu.actions())
        self.wait()

    def widget(self, title: str) -> Any:
        """Open one of our widgets by its menu, and find it."""
        self.menu("Plugins", OURS, title)
        kind = {
            "Sample volumes": "SampleVolumes",
            "Overlay saliency": "OverlaySaliency",
            "Extrapolate radiograph": "ExtrapolateRadiograph",
            "Reading room": "ReadingRoom",
            "Measure": "Measure",
        }[title]
        (found,) = [one for one in self.window.findChildren(QWidget) if type(one).__name__ == kind]
        return found

    def click(self, widget: Any, text: str) -> None:
        """Click a button of a widget, scrolled into sight as a user would."""
        (button,) = [one for one in widget.findChildren(QPushButton) if one.text() == text and not one.isHidden()]
        area = widget.findChild(QScrollArea)
        if area is not None:
            area.ensureWidgetVisible(button)
        assert button.isVisible(), text
        assert button.isEnabled(), text
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.settle()

    def pick(self, field: Any, entry: str) -> None:
        """Choose an entry of a list with the keys."""
        native = field.native
        combo = native if isinstance(native, QComboBox) else native.findChild(QComboBox)
        combo.setFocus()
        QTest.keyClick(combo, Qt.Key.Key_Home)
        for _ in range(combo.count()):
            if combo.currentText() == entry:
                break
            QTest.keyClick(combo, Qt.Key.Key_Down)
        assert combo.currentText() == entry, [combo.itemText(i) for i in range(combo.count())]
        self.settle()

    def type(self, field: Any, text: str) -> None:
        """Type into a field of numbers."""
        native = field.native
        line = native.findChild(QSpinBox) or native
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self.settle()

    def key(self, key: str) -> None:
        """Press a key over the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        canvas.setFocus()
        code = {"PageDown": Qt.Key.Key_PageDown, "PageUp": Qt.Key.Key_PageUp}.get(key) or getattr(Qt.Key, f"Key_{key}")
        QTest.keyClick(canvas, code)
        self.settle()

    def wheel(self, field: Any) -> None:
        """One notch of the wheel over a field that has no focus."""
        native = field if isinstance(field, QWidget) else field.native
        middle = QPointF(native.rect().center())
        place = QPointF(native.mapToGlobal(middle.toPoint()))
        none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
        QApplication.sendEvent(native, QWheelEvent(middle, place, QPoint(0, -120), QPoint(0, -120), *none, False))
        self.settle()

    # -- eyes -----------------------------------------------------------------------------------------------------------

    @property
    def seen(self) -> list[str]:
        """Names of the images on the canvas, maps not counted."""
        return [layer.name for layer in self.viewer.layers if layer.visible and not is_map(layer)]

    @property
    def captions(self) -> list[str]:
        """What stands over the cells, in one line each."""
        found = (caption_of(layer) for layer in self.viewer.layers if layer.visible)
        return [text.replace("\n", ", ") for text in found if text]

    @property
    def marks(self) -> list[str]:
        """The marks on the canvas."""
        return marks_of(self.viewer)

    def letters(self) -> tuple[str, ...]:
        """Top, bottom, left, right."""
        overlays = self.viewer.canvas.overlays
        return tuple(overlays[f"medgen_{side}"].text for side in ("top", "bottom", "left", "right"))

    # -- patience -------------------------------------------------------------------------------------------------------

    def settle(self, seconds: float = 0.05) -> None:
        """Let the window answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def wait(self, until: Callable[[], Any] = lambda: True, patience: float = 120.0) -> None:
        """Wait for something, and for all background work."""
        end = time.monotonic() + patience
        quiet = 0
        while quiet < 4:
            assert time.monotonic() < end, "the window never came to rest"
            self.settle(0.06)
            rest = not shared_queue().busy and not file_queue().busy and not shared_queue()._jobs and bool(until())
            quiet = quiet + 1 if rest else 0


def radiologist(user: User) -> None:
    """The first volume: sample, look from three sides, compare with a real head, save."""
    sample = user.widget("Sample volumes")
    view = sample.view
    if user.sketch:
        user.type(view._steps, "4")
    user.shoot("1-opened")
    user.click(sample, "Sample")
    user.wait(lambda: view._table.rowCount() == 1)
    assert user.seen == ["brain-t1 seed 0"]
    assert user.marks == ["SYNTHETIC"]
    assert view.chosen_rows == [0]
    user.shoot("2-axial")
    user.click(sample, "Coronal")
    assert user.letters() == ("S", "I", "R", "L")
    user.shoot("3-coronal")
    user.click(sample, "Sagittal")
    assert user.letters() == ("S", "I", "A", "P")
    user.shoot("4-sagittal")
    user.click(sample, "Axial")
    seed = view._seed.value
    user.wheel(view._seed)
    assert view._seed.value == seed  # the wheel scrolls; it changes nothing unseen
    user.menu("File", "Open Sample", OURS, "MRI from nibabel (real)")
    assert user.seen == ["anatomical"]  # what was opened is what is shown, and no row says otherwise
    assert user.marks == []
    assert not view._table.selectedIndexes()
    user.shoot("5-a-real-head")
    row = view._table.visualItemRect(view._table.item(0, 1)).center()
    QTest.mouseClick(view._table.viewport(), Qt.MouseButton.LeftButton, pos=row)
    user.settle()
    assert user.seen == ["brain-t1 seed 0"]
    view._condition_box.toggleButton().click()
    user.settle(0.2)
    user.type(view._conditions["age"], "80")
    assert view.form.condition == {"age": 80.0, "sex": "F"}  # who says an age wants it
    user.click(sample, "Sample")
    user.wait(lambda: view._table.rowCount() == 2)
    assert user.seen == ["brain-t1 seed 0, 80 y F"]
    user.shoot("6-eighty-years")
    view._table.setFocus()
    QTest.keyClick(view._table, Qt.Key.Key_Up)
    user.settle()
    assert user.seen == ["brain-t1 seed 0"]
    for name in ("brain-t1 seed 0", "brain-t1 seed 0, 80 y F", "anatomical"):
        user.viewer.layers[name].visible = True  # the eyes in napari's list
    user.viewer.canvas.grid.enabled = True  # and its grid button
    user.settle()
    assert user.captions == ["brain-t1 seed 0", "anatomical", "brain-t1 seed 0, 80 y F"]
    assert [mark_of(layer) for layer in user.viewer.layers] == ["SYNTHETIC", "", "SYNTHETIC"]
    user.viewer.canvas.grid.enabled = False
    sample.coordinator.stage.show(user.viewer.layers["brain-t1 seed 0"])
    sample.coordinator.save(user.folder)
    user.wait()
    assert view.work.status == f"Saved 2 files in {user.folder}"
    assert (user.folder / "brain-t1_seed_0.nii.gz").is_file()
    assert not view.work._open.isHidden()
    user.shoot("7-saved")


def researcher(user: User) -> None:
    """The first map: a chest, a knee, methods beside each other, a figure for a paper, a folder in one go."""
    user.menu("File", "Open Sample", OURS, "Chest with a pneumonia (synthetic)")
    overlay = user.widget("Overlay saliency")
    view, coordinator = overlay.view, overlay.coordinator
    user.wait(lambda: view.answer)
    assert view.form.model == "chest-pneumonia"
    assert view.warning == ""
    user.shoot("1-answer")
    user.click(overlay, "Explain")
    user.wait(lambda: any(is_map(layer) for layer in user.viewer.layers))
    assert view.stale == ""
    user.shoot("2-map")
    user.pick(view._method, "Grad-CAM")
    assert "by Input gradient (published)" in view.stale  # at once: the map is still the other method's
    user.shoot("3-out-of-date")
    user.menu("File", "Open Sample", OURS, "Left knee (synthetic)")
    user.wait(lambda: view.form.model == "knee-kl" and view.answer)
    assert len(user.seen) == 1
    assert not any(is_map(layer) for layer in user.viewer.layers)  # nothing of the chest
    user.key("PageUp")
    user.wait()
    assert view.form.image == user.seen[0]
    assert "chest" in view.form.image
    user.key("PageDown")
    user.wait(lambda: view.answer)
    assert "knee" in user.seen[0]
    user.click(overlay, "Compare methods")
    user.wait(lambda: len(user.captions) == 5)
    assert user.captions[0].startswith("Input gradient (published), knee-kl, KL ")
    assert user.captions[1].startswith("SmoothGrad, ")
    assert user.marks == ["SYNTHETIC"] * 5
    user.shoot("4-methods")
    user.click(overlay, "Save figure...")
    from napari_medgen.viewer.widgets.figure_dialog import FigureDialog

    (dialog,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, FigureDialog) and one.isVisible()]
    user.shoot("5-figure-dialog")
    dialog.choose(user.folder / "methods.svg")
    user.wait()
    words = (user.folder / "methods.svg").read_text()
    assert "Grad-CAM" in words
    assert "SYNTHETIC" in words
    user.click(overlay, "Compare models")
    user.wait(lambda: len(user.captions) == 3)
    assert [one.split(",")[0] for one in user.captions] == ["standard", "adversarial", "dual (clean)"]
    user.shoot("6-models")
    coordinator.work_through(samples(), user.folder / "maps")
    user.wait()
    assert (user.folder / "maps" / "explained.csv").is_file()
    assert "of 6 images" in view.work.status


def clinician(user: User) -> None:
    """The first future: a knee, its months, what is refused and what helps, a report."""
    user.menu("File", "Open Sample", OURS, "Left knee (synthetic)")
    future = user.widget("Extrapolate radiograph")
    view, coordinator = future.view, future.coordinator
    user.wait()
    user.pick(view._side, "right")
    user.click(future, "Project")
    user.wait(lambda: view.refusal)
    assert view.refusal.startswith("Is the side right?")
    assert view.offered == ["It is a right knee", "It is a left knee"]
    user.shoot("1-is-the-side-right")
    user.click(future, "It is a left knee")
    user.wait(lambda: coordinator.forecast is not None)
    assert user.captions == ["baseline", "predicted (surrogate), 0 months", "change of brightness, 0 months"]
    user.click(future, "48 mo")
    assert user.captions[1] == "predicted (surrogate), 48 months"
    assert view.now.startswith("After 48 months: grade")
    assert "20" not in view.now.split("(")[0]  # no calendar year for a surrogate
    user.shoot("2-month-48")
    side, neighbours = view._side.value, view._neighbours.value
    user.wheel(view._side)
    user.wheel(view._neighbours)
    assert (view._side.value, view._neighbours.value) == (side, neighbours)
    user.key("B")
    assert user.captions == ["predicted (surrogate), 48 months"]
    user.key("B")
    assert user.captions == ["projected baseline"]
    user.shoot("3-blink")
    user.click(future, "Side by side")
    user.menu("File", "Open Sample", OURS, "Right knee (synthetic)")
    assert user.captions[0] == "baseline"  # the newcomer is in no cell
    assert "knee-right" not in user.seen
    user.click(future, "Open neighbour")
    user.wait(lambda: len(user.captions) == 5)
    user.shoot("4-neighbour")
    user.click(future, "Close neighbour")
    assert len(user.captions) == 3
    coordinator.write_report(user.folder / "report.pdf")
    user.wait()
    assert (user.folder / "report.pdf").read_bytes().startswith(b"%PDF")
    user.menu("File", "Open Sample", OURS, "Both knees in one picture (synthetic)")
    user.pick(view._image, "knee-both")
    assert user.seen == ["knee-both"]  # nothing of the knee before
    assert (view.now, view.neighbour_rows) == ("", [])
    user.click(future, "Project")
    user.wait(lambda: view.knees.words)
    assert view.knees.offered == ["Use the right knee", "Use the left knee", "Swap sides", "No box"]
    user.shoot("5-both-knees")
    view.knees.press("Use the left knee")
    user.wait()
    assert (view.form.image, view.form.side) == ("knee-both, left knee", "L")
    assert view.now  # it was extrapolated
    user.menu("File", "Open Sample", OURS, "Chest (synthetic)")
    user.pick(view._image, "chest-normal")
    user.pick(view._side, "left")
    user.click(future, "Project")
    user.wait(lambda: view.refusal)
    assert view.offered == ["Extrapolate anyway", "Box on the knee..."]
    assert user.seen == ["chest-normal"]
    assert view._refusal._example.isVisible()  # what was expected
    user.shoot("6-another-kind")


def newcomer(user: User) -> None:
    """A first look round: what there is to open, both further widgets as tabs, and nothing that needs the internet."""
    for name in (
        "Sampled brain (synthetic)",
        "Left knee (synthetic)",
        "Chest (synthetic)",
        "Knee, a poor image (synthetic)",
    ):
        user.menu("File", "Open Sample", OURS, name)
    user.wait()
    assert len(user.viewer.layers) == 4
    user.shoot("0-samples")
    overlay = user.widget("Overlay saliency")
    user.wait()
    assert len(user.seen) == 1
    user.shoot("0-one-of-them")
    future = user.widget("Extrapolate radiograph")
    user.wait()
    assert future._dock() in user.window.tabifiedDockWidgets(overlay._dock())
    user.shoot("1-tabs")
    user.pick(future.view._image, "knee-poor")
    user.pick(future.view._side, "left")
    assert user.seen == ["knee-poor"]
    user.click(future, "Project")
    user.wait(lambda: future.view.refusal or future.view.work.error)
    assert "Extrapolate anyway" in future.view.offered
    user.shoot("2-a-poor-image")
    assert user.window.height() <= max(user.window.minimumHeight(), 790)  # it does not grow off a small screen


def samples() -> Path:
    """The radiographs that ship inside."""
    import napari_medgen

    return Path(napari_medgen.__file__).parent / "samples"


PATHS: dict[str, Callable[[User], None]] = {
    "radiologist": radiologist,
    "clinician": clinician,
    "researcher": researcher,
    "newcomer": newcomer,
    "reader": reader,
    "archive": archive,
}

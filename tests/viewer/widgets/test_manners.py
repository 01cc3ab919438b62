"""Nothing changes unseen, everything has a name, and what is written can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.theme import get_theme
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QLocale, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from napari_medgen.progression import plots
from napari_medgen.viewer.canvas import captions, marks, orientation
from napari_medgen.viewer.explain.view import OverlayView
from napari_medgen.viewer.future.view import ExtrapolateView
from napari_medgen.viewer.sample.view import SampleView
from napari_medgen.viewer.widgets import manners, parts
from napari_medgen.viewer.widgets.figure_dialog import FigureDialog
from napari_medgen.viewer.widgets.manners import Manners
from napari_medgen.viewer.work.toned import Toned

CONDITIONS = [
    {"name": "age", "label": "Age (years)", "kind": "number", "low": 18.0, "high": 90.0},
    {"name": "sex", "label": "Sex", "kind": "class", "values": ["F", "M"]},
]


def made(qtbot: QtBot, kind: type[QWidget]) -> Any:
    view: Any = kind()
    qtbot.addWidget(view)
    view.manners = Manners(view)
    if kind is SampleView:
        view.set_card(_Card(), CONDITIONS)  # fields that come later have manners too
    if kind is ExtrapolateView:
        view.set_images(["knee"], "knee")
        view.set_looked_ahead(True)
    view.show()
    qtbot.waitExposed(view)
    view.activateWindow()
    QApplication.processEvents()
    return view


class _Card:
    description = ""


@pytest.fixture(params=[SampleView, OverlayView, ExtrapolateView, FigureDialog])
def view(request: pytest.FixtureRequest, qtbot: QtBot) -> Any:
    return made(qtbot, request.param)


def turn_wheel(widget: QWidget) -> bool:
    """One notch over a widget; whether it took it."""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(middle.toPoint())),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def fields(view: QWidget) -> list[Any]:
    kinds = (QAbstractSpinBox, QComboBox, QAbstractSlider)
    return [one for one in view.findChildren(QWidget) if isinstance(one, kinds) and not isinstance(one, QScrollBar)]


def value_of(field: Any) -> Any:
    return field.currentText() if isinstance(field, QComboBox) else field.text() if hasattr(field, "text") else field.value()


def test_the_wheel_changes_no_field_that_has_no_focus(view: Any) -> None:
    found = fields(view)
    assert found
    view.setFocus()
    for field in found:
        before = value_of(field)
        turn_wheel(field)
        assert value_of(field) == before, field.accessibleName()
        assert not field.hasFocus()


def test_the_wheel_scrolls_tables_and_lists(qtbot: QtBot) -> None:
    view = made(qtbot, ExtrapolateView)
    view.set_neighbours([(f"900{row} L", "KL 0 to 1", "48", "0.10") for row in range(40)])
    QApplication.processEvents()
    turn_wheel(view._table.viewport())
    assert view._table.verticalScrollBar().value() > 0


def test_a_field_that_has_the_focus_follows_the_wheel(qtbot: QtBot) -> None:
    view = made(qtbot, SampleView)
    spin = (
        view._seed.native
        if isinstance(view._seed.native, QAbstractSpinBox)
        else view._seed.native.findChild(QAbstractSpinBox)
    )
    view._seed.value = 5
    spin.setFocus()
    qtbot.waitUntil(spin.hasFocus)
    turn_wheel(spin)
    assert view._seed.value != 5


def test_what_is_folded_is_out_of_the_tab_order(view: Any, qtbot: QtBot) -> None:
    folded = [one for one in view.findChildren(parts.Folded) if not one.isExpanded()]
    if not folded:
        return
    first = next((one for one in view.findChildren(QComboBox) if one.isVisible() and one.isEnabled()), None)
    assert first is not None
    first.setFocus()
    seen: list[QWidget] = []
    for _ in range(60):
        QTest.keyClick(QApplication.focusWidget() or view, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        if now is None or now in seen:
            break
        seen.append(now)
    assert len(seen) > 2
    for section in folded:
        assert not [one for one in seen if section.content().isAncestorOf(one)]


def test_a_section_that_is_unfolded_can_be_reached(qtbot: QtBot) -> None:
    view = made(qtbot, ExtrapolateView)
    section = view.second
    assert not section.content().isVisible()
    section.toggleButton().click()
    qtbot.waitUntil(lambda: bool(section.content().isVisible()))
    assert view.second._image.native.isVisible()


@pytest.mark.parametrize("language", [QLocale.Language.German, QLocale.Language.English, QLocale.Language.Arabic])
def test_a_decimal_is_read_alike_in_every_language(qtbot: QtBot, language: QLocale.Language) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        view = made(qtbot, OverlayView)
        native = view._clip.native
        spin = native if isinstance(native, QDoubleSpinBox) else native.findChild(QDoubleSpinBox)
        spin.selectAll()
        QTest.keyClicks(spin, "3.5")
        spin.interpretText()
        assert view._clip.value == 3.5
        spin.selectAll()
        QTest.keyClicks(spin, "4,5")  # a comma is refused, never taken for a group of thousands
        spin.interpretText()
        assert view._clip.value in (3.5, 4.0, 4.5)
        assert view._clip.value != 45
    finally:
        QLocale.setDefault(before)


def test_every_field_and_button_has_a_name(view: Any) -> None:
    kinds = (QAbstractSpinBox, QComboBox, QAbstractSlider, QAbstractButton, QLineEdit)
    nameless = [
        one
        for one in view.findChildren(QWidget)
        if isinstance(one, kinds)
        and not isinstance(one, QScrollBar)
        and not one.accessibleName()
        # The line in a spin box or a combo box is that field.
        and not isinstance(one.parentWidget(), (QAbstractSpinBox, QComboBox))
    ]
    assert [(type(one).__name__, one.objectName(), type(one.parentWidget()).__name__) for one in nameless] == []


def test_every_field_and_button_says_on_hover_what_it_is(view: Any) -> None:
    kinds = (QAbstractSpinBox, QComboBox, QAbstractButton)
    silent = [
        one.accessibleName()
        for one in view.findChildren(QWidget)
        if isinstance(one, kinds)
        and not isinstance(one.parentWidget(), (QAbstractSpinBox, QComboBox, parts.Folded))
        and one.objectName() != "qt_tableview_cornerbutton"
        and not (one.toolTip() or one.parentWidget().toolTip())
        and one.accessibleName() not in OBVIOUS
    ]
    assert silent == []


# Their words say all that a tip could.
OBVIOUS = {"Axial", "New seed", "Sample", "Explain", "Project", "Save", "Cancel", "About this model", "OK"}


# -- what is written can be read ----------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts_ = [int(colour.lstrip("#")[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in parts_]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ground(theme: str) -> str:
    found = get_theme(theme).background.as_rgb_tuple()
    return "#" + "".join(f"{int(part):02x}" for part in found[:3])


@pytest.fixture
def toned(qtbot: QtBot) -> Iterator[list[Toned]]:
    views = [made(qtbot, kind) for kind in (SampleView, OverlayView, ExtrapolateView)]
    yield [one for view in views for one in view.findChildren(Toned)]


def test_words_have_a_contrast_of_four_and_a_half(toned: list[Toned]) -> None:
    dark, light = ground("dark"), ground("light")
    assert len(toned) >= 6
    for label in toned:
        assert contrast(label._colours[0], dark) >= 4.5
        assert contrast(label._colours[1], light) >= 4.5
    assert contrast(parts._AMBER, parts._ON_AMBER) >= 4.5
    for colour in (*plots.GRADES_ON_DARK, plots.RISK_ON_DARK, manners.FOCUS_ON_DARK):
        assert contrast(colour, dark) >= 4.5
    for colour in (*plots.GRADES_ON_LIGHT, plots.RISK_ON_LIGHT, manners.FOCUS_ON_LIGHT):
        assert contrast(colour, light) >= 4.5
        assert contrast(colour, "#ffffff") >= 4.5  # on paper


def test_what_stands_on_the_canvas_stands_on_black() -> None:
    viewer = ViewerModel()
    marks.add_mark(viewer)
    orientation.add_letters(viewer)
    layer = viewer.add_image(np.zeros((4, 4)))
    captions.set_mark(layer, "SYNTHETIC")
    overlays = [one for key, one in viewer.canvas.overlays.items() if key.startswith("medgen")]
    overlays.append(layer._overlays["medgen_mark"])  # type: ignore[arg-type]
    assert len(overlays) >= 6
    for one in overlays:
        box, colour = (
            "#" + "".join(f"{round(255 * part):02x}" for part in np.asarray(which)[:3])
            for which in (one.box_color, one.color)
        )
        assert one.box
        assert contrast(box, colour) >= 4.5


def written(colour: Any) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in np.asarray(colour)[:3])


def test_no_script_or_font_is_taken_from_elsewhere() -> None:
    config = (Path(__file__).parents[3] / "mkdocs.yml").read_text()
    assert "font: false" in config

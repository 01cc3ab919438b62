"""Manners of every field in our docks: nothing changes unseen, focus can be seen, and each has a name.

The wheel changes no field that has not the focus, since whoever scrolls the dock passes over fields; a decimal is read alike
in every language; what somebody reaches by Tab has a frame; and assistive programs are told what each field is.
"""

from __future__ import annotations

from qtpy.QtCore import QChildEvent, QEvent, QLocale, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)

_FIELDS = (QAbstractSpinBox, QComboBox, QAbstractSlider)
_NAMED = (*_FIELDS, QLineEdit, QAbstractButton, QAbstractItemView)
_LETTERS = 8  # that a list of entries shows at least
# Qt draws hardly any frame in napari's themes.
_FOCUS = "QPushButton {{ border: 2px solid transparent; }} *:focus {{ border: 2px solid {}; }}"
FOCUS_ON_DARK, FOCUS_ON_LIGHT = "#ff9f1c", "#a04a00"
_SPOKEN = QLocale(QLocale.Language.C)
_SPOKEN.setNumberOptions(QLocale.NumberOption.RejectGroupSeparator | QLocale.NumberOption.OmitGroupSeparator)


class Manners(QObject):
    """Teaches a widget and whatever is ever put into it.

    Parameters
    ----------
    root
        The widget; it is the parent too.
    """

    def __init__(self, root: QWidget) -> None:
        super().__init__(root)
        root.setLocale(_SPOKEN)
        self._root, self._own, self._frame = root, root.styleSheet(), ""
        self._frame_focus()
        self._teach(root)

    def _frame_focus(self) -> None:
        """Choose the colour of the frame for the window's theme."""
        around = self._root.parentWidget() or self._root
        dark = around.palette().window().color().lightness() < 128
        colour = FOCUS_ON_DARK if dark else FOCUS_ON_LIGHT
        if colour != self._frame:  # setting it is a change of style too
            self._frame = colour
            self._root.setStyleSheet(self._own + _FOCUS.format(colour))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Leave the wheel to the dock where a field has no focus; teach what is added."""
        if event is None or watched is None:
            return False
        kind = event.type()
        if watched is self._root and kind in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.Show):
            self._frame_focus()
        field = isinstance(watched, _FIELDS) and not isinstance(watched, QScrollBar)
        if kind == QEvent.Type.Wheel and field and isinstance(watched, QWidget) and not _has_focus(watched):
            event.ignore()
            return True
        if kind == QEvent.Type.ChildPolished and isinstance(event, QChildEvent):
            child = event.child()
            if isinstance(child, QWidget):
                self._teach(child)
        return False

    def _teach(self, widget: QWidget) -> None:
        for one in (widget, *widget.findChildren(QWidget)):
            one.removeEventFilter(self)  # once, however often it is met
            one.installEventFilter(self)
            if isinstance(one, _FIELDS) and not isinstance(one, QScrollBar):
                # The wheel gives no focus.
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            if isinstance(one, QComboBox):
                # A long entry does not widen the dock beyond a small screen.
                one.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                one.setMinimumContentsLength(_LETTERS)
            if isinstance(one, _NAMED) and not one.accessibleName():
                one.setAccessibleName(name_of(one))


def _has_focus(field: QWidget) -> bool:
    return field.hasFocus() or any(child.hasFocus() for child in field.findChildren(QWidget))


def name_of(widget: QWidget) -> str:
    """What a field or button is called: its text, the label beside it, or what it says on hover; empty for none."""
    if isinstance(widget, QAbstractButton) and widget.text():
        return widget.text().replace("&", "")
    here: QWidget | None = widget
    while here is not None:
        parent = here.parentWidget()
        label = _label_beside(here, parent)
        if label:
            return label
        if here.toolTip():
            return here.toolTip()
        if not isinstance(parent, (*_FIELDS, QWidget)) or parent is None or parent.layout() is None:
            break
        # A spin box's own line, or a compound field: what holds it is named.
        here = parent if parent.findChildren(QLabel) == [] or isinstance(parent, _FIELDS) else None
    return ""


def _label_beside(widget: QWidget, parent: QWidget | None) -> str:
    layout = parent.layout() if parent is not None else None
    if layout is None:
        return ""
    if isinstance(layout, QFormLayout):
        label = layout.labelForField(widget)
        return label.text() if isinstance(label, QLabel) else ""
    if isinstance(layout, QGridLayout):
        return ""
    before = ""
    for place in range(layout.count()):
        item = layout.itemAt(place)
        there = item.widget() if item is not None else None
        if there is widget:
            return before
        before = there.text() if isinstance(there, QLabel) else ""
    return ""

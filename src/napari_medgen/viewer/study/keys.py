"""Keys of the study's window, in one table; all others are the reading room's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractSpinBox, QLineEdit, QPlainTextEdit

_KEY = Qt.Key
_DIGITS = tuple(getattr(_KEY, f"Key_{digit}") for digit in range(10))
_HELD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


@dataclass(frozen=True)
class StudyKey:
    """A key of the study's window.

    Attributes
    ----------
    codes
        Any of these.
    label, says
        As it stands on a keyboard, and what it does.
    action
        Name of what is done; of a digit, ``answer``.
    shift
        Whether Shift is held; None where that does not matter.
    """

    codes: tuple[Qt.Key, ...]
    label: str
    says: str
    action: str
    shift: bool | None = None


STUDY_KEYS = (
    StudyKey(_DIGITS, "1 to 9, 0", "Answer the question that is framed (0 is the tenth)", "answer"),
    StudyKey((_KEY.Key_Tab,), "Tab", "Next question", "next_question"),
    StudyKey((_KEY.Key_Backtab,), "Shift + Tab", "Question before", "previous_question"),
    StudyKey(
        (_KEY.Key_Return, _KEY.Key_Enter, _KEY.Key_PageDown), "Enter, Page down", "Go on, when all is answered", "forward"
    ),
    StudyKey((_KEY.Key_Backspace, _KEY.Key_PageUp), "Backspace, Page up", "Back, where the study allows it", "back"),
    StudyKey((_KEY.Key_P,), "P", "Pause: the image is hidden, the clock stands still", "pause"),
    StudyKey((_KEY.Key_W,), "W", "Write a comment", "comment"),
    StudyKey((_KEY.Key_Left,), "Shift + arrows", "In a picture: move the mark", "mark_left", shift=True),
    StudyKey((_KEY.Key_Right,), "", "", "mark_right", shift=True),
    StudyKey((_KEY.Key_Up,), "", "", "mark_up", shift=True),
    StudyKey((_KEY.Key_Down,), "", "", "mark_down", shift=True),
    StudyKey((_KEY.Key_F2,), "F2 to F6", "CT windows", "preset_1"),
    StudyKey((_KEY.Key_F3,), "", "", "preset_2"),
    StudyKey((_KEY.Key_F4,), "", "", "preset_3"),
    StudyKey((_KEY.Key_F5,), "", "", "preset_4"),
    StudyKey((_KEY.Key_F6,), "", "", "preset_5"),
    StudyKey((_KEY.Key_F1, _KEY.Key_Question), "F1, ?", "This sheet", "help"),
)


def study_key_of(code: int, modifiers: Qt.KeyboardModifier) -> StudyKey | None:
    """The key of the study that was pressed; None where it is none of ours."""
    if modifiers & _HELD:
        return None
    shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
    for key in STUDY_KEYS:
        if int(code) in map(int, key.codes) and key.shift in (None, shift):
            return key
    return None


class StudyKeys(QObject):
    """A filter before the reading room's own.

    Parameters
    ----------
    press
        Called with the action and, of a digit, which one; else with -1.
    parent
        Whoever holds it.
    """

    def __init__(self, press: Callable[[str, int], None], parent: QObject) -> None:
        super().__init__(parent)
        self._press = press

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether the event was ours."""
        if not isinstance(event, QKeyEvent) or event.type() not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        key = study_key_of(event.key(), event.modifiers())
        if key is None or (_is_field(watched) and not _leaves_a_field(watched, key, event)):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # it comes as a key press then, and to no shortcut of the window
            return True
        if event.isAutoRepeat() and not key.action.startswith("mark_"):
            return True  # a key that is held does what it does once
        digit = _DIGITS.index(_KEY(event.key())) if key.action == "answer" else -1
        self._press(key.action, digit)
        return True


def _is_field(watched: QObject | None) -> bool:
    """Whether somebody writes there."""
    return isinstance(watched, QLineEdit | QPlainTextEdit | QAbstractSpinBox)


def _leaves_a_field(watched: QObject | None, key: StudyKey, event: QKeyEvent) -> bool:
    """Whether a key leaves a field in which somebody writes: Tab does, and Enter where a text has one line."""
    if key.action in ("next_question", "previous_question"):
        return True
    return key.action == "forward" and event.key() != _KEY.Key_PageDown and not isinstance(watched, QPlainTextEdit)

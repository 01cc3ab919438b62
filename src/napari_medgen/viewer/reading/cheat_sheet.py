"""The sheet of keys: one key opens it, any key closes it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_medgen.imaging.windows import Window
from napari_medgen.viewer.reading.keys import KEYS, MOUSE, Key

_COLUMNS = (("Slices", "Window"), ("Views", "Compare", "Cases", "Help"), ("Mouse",))
_WIDE = 330  # points: a line of the mouse wraps


class CheatSheet(QDialog):
    """Keys and mouse of the reading room, and what napari does with them elsewhere.

    Parameters
    ----------
    presets
        What the keys 1 to 5 set.
    """

    def __init__(self, presets: Sequence[Window], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys of the reading room")
        layout = QVBoxLayout(self)
        columns = QHBoxLayout()
        for groups in _COLUMNS:
            text = QLabel("".join(_table(group, presets) for group in groups))
            text.setWordWrap(True)
            text.setMinimumWidth(_WIDE)
            text.setMaximumWidth(_WIDE)
            text.setTextFormat(Qt.TextFormat.RichText)
            text.setAlignment(Qt.AlignmentFlag.AlignTop)
            columns.addWidget(text)
        layout.addLayout(columns)
        note = QLabel(
            "Keys work while a view has the focus: click into it. There they stand in the place of napari's own: "
            f"{taken()}. Leave the room, and they are napari's again."
        )
        note.setWordWrap(True)
        layout.addWidget(note)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Close at any key."""
        self.close()


def taken() -> str:
    """What napari does with our keys elsewhere, in words."""
    instead: dict[str, list[str]] = {}
    for key in KEYS:
        if key.instead:
            instead.setdefault(key.instead, []).append(key.label)
    return "; ".join(f"{', '.join(labels)} ({what})" for what, labels in instead.items())


def _table(group: str, presets: Sequence[Window]) -> str:
    lines = list(MOUSE) if group == "Mouse" else [(key.label, _says(key, presets)) for key in KEYS if key.group == group]
    rows = "".join(
        f"<tr><td style='padding-right: 10px'><b>{escape(label).replace(' ', '&nbsp;')}</b></td><td>{escape(says)}</td></tr>"
        for label, says in lines
    )
    return f"<h3>{group}</h3><table>{rows}</table>"


def _says(key: Key, presets: Sequence[Window]) -> str:
    if not key.action.startswith("preset_"):
        return key.says
    window = presets[int(key.action[-1]) - 1]
    return f"CT: {window.name.lower()} ({window.level:g} / {window.width:g})"

"""The sheet of keys of the study's window."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_medgen.viewer.reading.keys import KEYS, MOUSE
from napari_medgen.viewer.study.keys import STUDY_KEYS

_COLUMNS = (("Study", "Window"), ("Slices", "Views"), ("Compare", "Mouse"))
_WIDE = 360


class KeySheet(QDialog):
    """All keys; any key closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys")
        outer = QVBoxLayout(self)
        row = QHBoxLayout()
        for groups in _COLUMNS:
            label = QLabel("".join(_table(group) for group in groups))
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setWordWrap(True)
            label.setFixedWidth(_WIDE)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            row.addWidget(label)
        outer.addLayout(row)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Close at any key."""
        self.close()


def _table(group: str) -> str:
    taken = {int(code) for key in STUDY_KEYS for code in key.codes if key.shift is not True}
    if group == "Study":
        lines = [(key.label, key.says) for key in STUDY_KEYS if key.says]
    elif group == "Mouse":
        lines = list(MOUSE)
    else:
        lines = [
            (key.label, key.says) for key in KEYS if key.group == group and not {int(code) for code in key.codes} & taken
        ]
    rows = "".join(
        f"<tr><td style='padding-right: 10px'><b>{escape(label).replace(' ', '&nbsp;')}</b></td><td>{escape(says)}</td></tr>"
        for label, says in lines
    )
    return f"<h3>{group}</h3><table>{rows}</table>"

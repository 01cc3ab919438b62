"""The result of the shuffle test for a person to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QHeaderView, QLabel, QVBoxLayout, QWidget

from napari_medgen.viewer.widgets.parts import Table

if TYPE_CHECKING:
    from napari_medgen.saliency.analyses.randomisation import Survival

_MUCH, _LITTLE = 0.5, 0.2


def verdict(found: list[Survival]) -> str:
    """One sentence on what is left of the map when all layers are shuffled."""
    left = found[-1].similarity
    if left > _MUCH:
        return f"Much of the map is left ({left:.2f}): it shows the image's edges more than what the model learned."
    if left > _LITTLE:
        return f"Some of the map is left ({left:.2f}): part of it does not depend on what the model learned."
    return f"Hardly anything of the map is left ({left:.2f}): it depends on what the model learned."


class SurvivalDialog(QDialog):
    """Shows how much of the map survives; does not block the window."""

    def __init__(self, model: str, found: list[Survival], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Shuffle test of {model}")
        self.resize(560, 420)
        text = QLabel(
            f"<b>{verdict(found)}</b><p>The weights were shuffled layer after layer, from the last to the first. "
            "The numbers are rank correlations with the map of the trained model: 1 is the same map, 0 an unrelated one "
            "(Adebayo 2018).</p>"
        )
        text.setWordWrap(True)
        table = Table(("Shuffled down to", "How much", "For and against"))
        table.fill([(one.layer, f"{one.similarity:.2f}", f"{one.signed:.2f}") for one in found])
        table.size_columns(QHeaderView.ResizeMode.Stretch)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        for widget in (text, table, buttons):
            layout.addWidget(widget)

"""A model's card for a person to read."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_medgen.models.card import ModelCard


def card_html(card: ModelCard) -> str:
    """The card as HTML."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td align='right'><b>{escape(figure.text)}</b></td><td>{escape(figure.note)}</td></tr>"
        for name, figure in card.figures.items()
    )
    parts = {
        "Training data": card.data,
        "Licence of the data": card.licence,
        "Intended use": card.intended_use,
        "Limits": card.limits,
    }
    shape = " x ".join(map(str, card.architecture.get("shape", ())))
    spacing = " x ".join(f"{step:g}" for step in card.architecture.get("spacing", ()))
    body = "".join(f"<h4>{title}</h4><p>{escape(text)}</p>" for title, text in parts.items() if text)
    table = f"<h4>Measured</h4><table cellpadding='3'>{rows}</table>" if rows else ""
    grid = f"<p>Volumes of {shape} voxels, {spacing} mm apart.</p>" if shape else ""
    if labels := card.architecture.get("labels"):
        grid = f"<p>Classes: {escape(', '.join(labels))}.</p>"
    return (
        f"<h2>{escape(card.title)}</h2><p>{escape(card.description)}</p>{grid}{body}{table}"
        f"<p><small>{escape(card.name)}, checksum {escape(card.checksum)}</small></p>"
    )


class CardDialog(QDialog):
    """Shows the card; does not block the window."""

    def __init__(self, card: ModelCard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"About {card.title}")
        self.resize(640, 560)
        text = QTextBrowser()
        text.setHtml(card_html(card))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(buttons)

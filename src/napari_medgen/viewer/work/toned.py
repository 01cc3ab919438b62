"""A line of text that can be read on a dark window and on a light one."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel


class Toned(QLabel):
    """A bold line in a colour that can be read on a dark window and on a light one.

    Parameters
    ----------
    text
        What it says.
    on_dark, on_light
        Its colour on either.
    """

    def __init__(self, text: str, on_dark: str, on_light: str) -> None:
        super().__init__(text)
        self._colours, self._colour = (on_dark, on_light), ""
        self.setWordWrap(True)
        self._choose()

    def changeEvent(self, event: QEvent | None) -> None:
        """Choose again when the theme changes."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._choose()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Choose when the window's theme is known."""
        super().showEvent(event)
        self._choose()

    def _choose(self) -> None:
        around = self.parentWidget() or self
        colour = self._colours[0 if around.palette().window().color().lightness() < 128 else 1]
        if colour != self._colour:  # setting it is a change of style too
            self._colour = colour
            self.setStyleSheet(f"color: {colour}; font-weight: bold;")

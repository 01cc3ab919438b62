"""The middle of the window: the room takes the canvas's place, and gives it back as it was."""

from __future__ import annotations

from qtpy.QtWidgets import QMainWindow, QWidget


class Central:
    """Lends the middle of a main window to a widget.

    Parameters
    ----------
    window
        The main window; only what Qt itself offers is used of it.
    """

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._lent: QWidget | None = None
        self._hidden: list[QWidget] = []

    def lend(self, widget: QWidget) -> bool:
        """Show a widget where the canvas is; False where the window has no middle that could be lent."""
        middle = self._window.centralWidget()
        layout = middle.layout() if middle is not None else None
        if layout is None:
            return False
        there = [item.widget() for index in range(layout.count()) if (item := layout.itemAt(index)) is not None]
        self._hidden = [one for one in there if one is not None and not one.isHidden()]
        for one in self._hidden:
            one.hide()
        layout.addWidget(widget)
        widget.show()
        self._lent = widget
        return True

    def give_back(self) -> None:
        """Take the widget away, and show what was there."""
        widget, self._lent = self._lent, None
        try:
            middle = self._window.centralWidget()
            layout = middle.layout() if middle is not None else None
            if widget is not None:
                if layout is not None:
                    layout.removeWidget(widget)
                widget.hide()
                widget.setParent(None)
            for one in self._hidden:
                one.show()
            if layout is not None:
                layout.activate()
        except RuntimeError:
            pass  # the window is gone already
        self._hidden = []

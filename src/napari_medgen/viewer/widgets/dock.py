"""A widget in the dock: a view and its coordinator, and an end to the work when it is closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.manners import Manners


class _TallArea(QScrollArea):
    """Scrolls up and down, and is never narrower than what it holds."""

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        if (view := self.widget()) is not None:
            bar = self.verticalScrollBar()
            hint.setWidth(view.minimumSizeHint().width() + (bar.sizeHint().width() if bar is not None else 0))
        return hint

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        hint.setWidth(max(hint.width(), self.minimumSizeHint().width()))
        return hint


class DockWidget(QWidget):
    """Holds a view; closes the coordinator, once, when the dock or the window is closed.

    Parameters
    ----------
    view
        What is shown.
    coordinator
        Its ``close`` is called at the end.
    """

    def __init__(self, view: QWidget, coordinator: Coordinator) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        area = _TallArea()  # views are taller than small screens are
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(view)
        self._manners = Manners(view)
        layout.addWidget(area)
        self._coordinator = coordinator
        self._open = True

    def event(self, event: QEvent | None) -> bool:
        """End the work when the dock or the window is closed.

        Neither sends this widget a close event: a closed dock takes it out of the window, a closed window hides it. So does
        a dock that is taken out of the window to float, for a moment.
        """
        handled = super().event(event)
        kind = event.type() if event is not None else None
        if kind == QEvent.Type.Show and self.__dict__.get("_open"):
            self._coordinator.come_forward()
        if kind == QEvent.Type.ParentChange and self.parent() is None:
            self.end()
        elif kind == QEvent.Type.Hide and (window := self.window()) is not None and not window.isVisible():
            if isinstance(window, QDockWidget):
                QTimer.singleShot(0, self._end_if_hidden)
            else:
                self.end()
        return handled

    def _end_if_hidden(self) -> None:
        """End the work of a floating dock whose main window was closed; one that is only hidden may be shown again."""
        window = self.window()
        main = window.parent() if isinstance(window, QDockWidget) else window
        if not isinstance(main, QWidget) or not main.isVisible():
            self.end()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """End the work."""
        self.end()
        super().closeEvent(event)

    def end(self) -> None:
        """End the work of this widget and forget the model; once."""
        # Qt sends events while the widget is being made, before there is anything to end.
        if getattr(self, "_open", False):
            self._open = False
            self._coordinator.close()

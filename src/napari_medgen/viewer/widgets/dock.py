"""A widget in the dock: a view and its coordinator, and an end to the work when it is closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QLabel, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.manners import Manners

_PLUGIN = ("napari-medgen", "Radiology generative models")


def _short(title: str) -> str:
    """A title without the plugin's name, which would be cut off."""
    for name in _PLUGIN:
        title = title.removesuffix(f" ({name})")
    return title


class _TallArea(QScrollArea):
    """Scrolls up and down, and is never narrower than what it holds."""

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        if (view := self.widget()) is not None:
            bar = self.verticalScrollBar()
            hint.setWidth(view.minimumSizeHint().width() + (bar.sizeHint().width() if bar is not None else 0))
        return hint

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Grow with what is in it: what appears later may be wider."""
        handled = super().eventFilter(watched, event)
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return handled

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
        self._open, self._settled = True, False

    def event(self, event: QEvent | None) -> bool:
        """End the work when the dock or the window is closed.

        Neither sends this widget a close event: a closed dock takes it out of the window, a closed window hides it. So does
        a dock that is taken out of the window to float, for a moment.
        """
        handled = super().event(event)
        kind = event.type() if event is not None else None
        if kind == QEvent.Type.Show and self.__dict__.get("_open"):
            self._coordinator.come_forward()
            QTimer.singleShot(0, self._settle_in)
        if kind == QEvent.Type.ParentChange and self.parent() is None:
            self.end()
        elif kind == QEvent.Type.Hide and (window := self.window()) is not None and not window.isVisible():
            if isinstance(window, QDockWidget):
                QTimer.singleShot(0, self._end_if_hidden)
            else:
                self.end()
        return handled

    def _settle_in(self) -> None:
        """Give the dock a short title, and a tab beside the first of ours: two of them do not fit below each other."""
        dock = self.window() if isinstance(self.window(), QDockWidget) else self._dock()
        if not isinstance(dock, QDockWidget) or not self._open or self._settled:
            return
        self._settled = True
        dock.setMinimumWidth(0)  # napari keeps the width that the widget wished for when it was new
        dock.setWindowTitle(_short(dock.windowTitle()))
        bar = dock.titleBarWidget()
        for label in bar.findChildren(QLabel) if bar is not None else []:
            label.setText(_short(label.text()))
        main = dock.parentWidget()
        if not isinstance(main, QMainWindow) or dock.isFloating():
            return
        for other in main.findChildren(DockWidget):
            beside = other._dock()
            if beside is None or beside is dock or beside.isFloating() or beside.isHidden() or not other._open:
                continue
            if main.dockWidgetArea(beside) != main.dockWidgetArea(dock):
                continue
            if dock not in main.tabifiedDockWidgets(beside):
                main.tabifyDockWidget(beside, dock)
                dock.show()
                dock.raise_()
            break

    def _dock(self) -> QDockWidget | None:
        """The dock that holds this widget."""
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        return parent

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

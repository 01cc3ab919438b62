"""The plot of grades and risk over time, with a line at the month on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_medgen.progression.prediction import Futures

_HEIGHT = 300


class FuturesPlot(QWidget):
    """Empty until there is something to show; matplotlib is imported then.

    The line is drawn over a stored picture of the rest (blitting), so that it follows a dragged slider.
    """

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumHeight(_HEIGHT)
        self._canvas: Any = None
        self._lines: list[Any] = []
        self._behind: Any = None
        self._month = 0.0

    def show_futures(self, futures: Futures | None) -> None:
        """Draw, or clear with None."""
        if futures is None:
            if self._canvas is not None:
                self._canvas.figure.clear()
                self._lines, self._behind = [], None
                self._canvas.draw_idle()
            return
        from napari_medgen.progression.plots import draw_futures

        canvas = self._ready_canvas()
        dark = self.palette().window().color().lightness() < 128
        self._lines = draw_futures(canvas.figure, futures, self._month, dark=dark)
        for line in self._lines:
            line.set_animated(True)
        canvas.draw_idle()

    def show_month(self, month: float) -> None:
        """Move the line."""
        self._month = month
        for line in self._lines:
            line.set_xdata([month, month])
        if self._behind is not None and self._lines:
            self._canvas.restore_region(self._behind)
            self._draw_lines()
            self._canvas.blit(self._canvas.figure.bbox)

    @property
    def month(self) -> float:
        """Where the line is."""
        return self._month

    @property
    def drawn(self) -> bool:
        """Whether there is a plot."""
        return bool(self._lines)

    def _ready_canvas(self) -> Any:
        if self._canvas is None:
            from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
            from matplotlib.figure import Figure

            figure = Figure(figsize=(4, 2.6), layout="constrained")
            figure.patch.set_alpha(0)
            self._canvas = FigureCanvasQTAgg(figure)
            self._canvas.setStyleSheet("background: transparent;")
            self._canvas.mpl_connect("draw_event", self._drawn)
            self.layout().addWidget(self._canvas)
        return self._canvas

    def _drawn(self, event: Any) -> None:
        self._behind = self._canvas.copy_from_bbox(self._canvas.figure.bbox)
        self._draw_lines()

    def _draw_lines(self) -> None:
        for line in self._lines:
            line.axes.draw_artist(line)

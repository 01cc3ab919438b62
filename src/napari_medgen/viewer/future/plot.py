"""The plot of grades and risk over time: a picture that is drawn in the background, with a line at the month on screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QLineF, QRectF, Qt, QTimer, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_medgen.progression.prediction import Prediction

_HEIGHT, _DPI, _SETTLE = 300, 100, 150


@dataclass(frozen=True)
class PlotSize:
    """How a plot is to be drawn: in which size, how fine and for which theme.

    Attributes
    ----------
    width, height
        As Qt counts them.
    ratio
        Points of the screen for each of these.
    dark
        Whether the window is dark.
    """

    width: int
    height: int
    ratio: float
    dark: bool


@dataclass(frozen=True, eq=False)
class PlotPicture:
    """A plot that was drawn.

    Attributes
    ----------
    size
        For which it was drawn.
    image
        With what is behind the window shining through.
    axes
        Where each pair of axes lies, as Qt counts.
    months
        Left and right end of the axes.
    """

    size: PlotSize
    image: QImage
    axes: tuple[QRectF, ...]
    months: tuple[float, float]


def draw(prediction: Prediction, size: PlotSize) -> PlotPicture:
    """Draw the plot; call it in the background, where matplotlib is imported too."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from napari_medgen.progression.plots import draw_prediction
    from napari_medgen.running.figures import DRAWING

    with DRAWING:
        figure = Figure(figsize=(size.width / _DPI, size.height / _DPI), dpi=_DPI * size.ratio, layout="constrained")
        figure.patch.set_alpha(0)
        canvas = FigureCanvasAgg(figure)
        both = draw_prediction(figure, prediction, dark=size.dark)
        canvas.draw()
        columns, rows = canvas.get_width_height()
    image = QImage(bytes(canvas.buffer_rgba()), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
    image.setDevicePixelRatio(size.ratio)
    boxes = (axes.get_window_extent() for axes in both)
    # matplotlib counts from below.
    rects = tuple(
        QRectF(box.x0 / size.ratio, (rows - box.y1) / size.ratio, box.width / size.ratio, box.height / size.ratio)
        for box in boxes
    )
    return PlotPicture(size, image, rects, (float(prediction.months[0]), float(prediction.months[-1])))


class PredictionPlot(QWidget):
    """Shows a plot, and a line that follows the slider.

    Signals
    -------
    outgrown
        Another size or theme than the picture was drawn for: it is shown stretched until there is a new one.
    """

    outgrown = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(_HEIGHT)
        self._picture: PlotPicture | None = None
        self._month = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE)
        self._timer.timeout.connect(self._look_at_size)

    @property
    def wanted(self) -> PlotSize:
        """How the plot is to be drawn now."""
        dark = self.palette().window().color().lightness() < 128
        return PlotSize(max(self.width(), 200), max(self.height(), _HEIGHT), self.devicePixelRatioF(), dark)

    @property
    def month(self) -> float:
        """Where the line is."""
        return self._month

    @property
    def drawn(self) -> bool:
        """Whether there is a plot."""
        return self._picture is not None

    def show_picture(self, picture: PlotPicture | None) -> None:
        """Show a plot, or nothing."""
        self._picture = picture
        self.update()
        self._timer.start()

    def show_month(self, month: float) -> None:
        """Move the line."""
        self._month = month
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The picture, and the line over it."""
        picture = self._picture
        if picture is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.scale(self.width() / picture.size.width, self.height() / picture.size.height)
        painter.drawImage(0, 0, picture.image)
        pen = QPen(self.palette().windowText().color())
        pen.setStyle(Qt.PenStyle.DotLine)
        pen.setWidthF(1.2)
        painter.setPen(pen)
        first, last = picture.months
        share = (min(max(self._month, first), last) - first) / max(last - first, 1e-9)
        for box in picture.axes:
            x = box.left() + share * box.width()
            painter.drawLine(QLineF(x, box.top(), x, box.bottom()))
        painter.end()

    def showEvent(self, event: QShowEvent | None) -> None:
        """The theme may have changed while nobody looked."""
        super().showEvent(event)
        self._timer.start()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Ask for a picture of the new size, when it is settled."""
        super().resizeEvent(event)
        self._timer.start()

    def changeEvent(self, event: QEvent | None) -> None:
        """Ask for a picture in the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._timer.start()

    def _look_at_size(self) -> None:
        if self._picture is not None and self.isVisible() and self._picture.size != self.wanted:
            self.outgrown.emit()

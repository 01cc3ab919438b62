"""A figure for a paper or a slide: pictures in captioned cells, with scale bar, colour bar and the mark burnt in."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.running.figures import as_written
from napari_medgen.running.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".tiff", ".svg", ".pdf")
_MM = 25.4
_POINTS, _SMALLEST = 8, 4  # of the captions, in a cell that is wide enough, and at least
_WIDE_CELL = 2.0  # inches from which letters have their full size
_LINES = 3
_DARK, _ORANGE = (0.0, 0.0, 0.0, 0.6), "#ff9f1c"
_LARGEST = 2**28  # pixels of a raster figure


@dataclass(frozen=True, eq=False)
class Sheet:
    """One image that lies in a cell, over those before it.

    Attributes
    ----------
    colours
        (rows, columns, 4) in [0, 1], red, green, blue and how opaque.
    box
        Left, right, bottom and top edge on the screen's axes, which point right and down.
    smooth
        Whether its pixels are blended into each other.
    """

    colours: NDArray[np.floating]
    box: tuple[float, float, float, float]
    smooth: bool = True


@dataclass(frozen=True, eq=False)
class Bar:
    """What colours mean: (N, 4) from the lowest to the highest value, the two values, and their name with the unit."""

    colours: NDArray[np.floating]
    limits: tuple[float, float]
    name: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A cell of a figure.

    Attributes
    ----------
    sheets
        From below.
    window
        Left, right, bottom and top edge of what is seen of them.
    caption, mark
        Above it, and burnt into it.
    letters
        At the left, right, top and bottom edge; empty where nobody knows.
    upward
        Whether the vertical axis points up.
    millimetres
        Of one unit of the axes; None where nobody knows, and there is no scale bar then.
    bar
        Below it, where there are colours to explain.
    """

    sheets: Sequence[Sheet]
    window: tuple[float, float, float, float]
    caption: str = ""
    mark: str = ""
    letters: tuple[str, str, str, str] = ("", "", "", "")
    upward: bool = False
    millimetres: float | None = None
    bar: Bar | None = None


@dataclass(frozen=True)
class FigureOptions:
    """How a figure is made.

    Attributes
    ----------
    width
        Millimetres, 20 to 2,000; journals print columns of 85 and pages of 180.
    dpi
        Dots an inch of PNG and TIFF, and of what is drawn as pixels in SVG and PDF; 50 to 1,200.
    captions, scale_bar, colour_bar
        What stands beside the pictures. The mark on what is synthetic always stands.
    """

    width: float = 180.0
    dpi: int = 300
    captions: bool = True
    scale_bar: bool = True
    colour_bar: bool = True
    about: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 20 <= self.width <= 2000:
            raise ImageError(f"A figure is 20 to 2,000 mm wide, not {self.width:g}.")
        if not 50 <= self.dpi <= 1200:
            raise ImageError(f"A figure has 50 to 1,200 dots an inch, not {self.dpi:g}.")


def save_figure(rows: Sequence[Sequence[Picture]], path: Path, options: FigureOptions | None = None) -> Path:
    """Write a figure, by the name's ending: ``.png``, ``.tiff``, ``.svg`` or ``.pdf`` (PNG where it has none of them).

    Parameters
    ----------
    rows
        The cells, row by row.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImageError
        If there is nothing to show, it would be too large, or the file cannot be written.
    """
    options = options or FigureOptions()
    ending = {".tif": ".tiff"}.get(path.suffix.lower(), path.suffix.lower())
    if ending not in FORMATS:
        path, ending = path.with_name(path.name + ".png"), ".png"
    return write_whole(path, figure_bytes(rows, ending, options), ImageError)


@as_written
def figure_bytes(rows: Sequence[Sequence[Picture]], ending: str, options: FigureOptions) -> bytes:
    """Content of a figure's file; ``ending`` is one of :data:`FORMATS`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise ImageError("There is no picture on the canvas to make a figure of.")
    width = options.width / _MM
    cell = width / columns
    bars = [options.colour_bar and any(one.bar is not None for one in row) for row in rows]
    points = float(np.clip(_POINTS * cell / _WIDE_CELL, _SMALLEST, _POINTS))
    captions = [[_wrapped(one.caption, cell, points) if options.captions else "" for one in row] for row in rows]
    lines = max(text.count("\n") + 1 if text else 0 for row in captions for text in row)
    above = 1.4 * points * lines / 72 + 0.03
    heights = [
        cell * max(_aspect(one) for one in row) + above + (0.5 if barred else 0.02)
        for row, barred in zip(rows, bars, strict=True)
    ]
    if ending in (".png", ".tiff") and width * sum(heights) * options.dpi**2 > _LARGEST:
        raise ImageError(f"A figure of {options.width:g} mm at {options.dpi} dpi is too large; choose fewer dots an inch.")
    figure = Figure(figsize=(width, sum(heights)), dpi=options.dpi)
    FigureCanvasAgg(figure)
    top = 1.0
    for row, texts, height, barred in zip(rows, captions, heights, bars, strict=True):
        share = height / sum(heights)
        for column, one in enumerate(row):
            below = (0.5 if barred else 0.02) / sum(heights)
            inner = share - below - above / sum(heights)
            place = (column / columns + 0.004, top - share + below, 1 / columns - 0.008, inner)
            axes = figure.add_axes(place)
            _draw(axes, replace(one, caption=texts[column]), options, points)
            if barred and one.bar is not None:
                wide = 0.6 / columns
                low = top - share + below * 0.62
                _draw_bar(figure.add_axes((place[0] + 0.2 / columns, low, wide, below * 0.16)), one.bar, cell, points)
        top -= share
    content = BytesIO()
    # Words stay words that can be searched and edited.
    with rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        figure.savefig(content, format=ending[1:], dpi=options.dpi, facecolor="white", **_said(ending, options.about))
    return content.getvalue()


def _said(ending: str, about: dict[str, str]) -> dict[str, Any]:
    """What the file itself says of the figure, in the words of its format."""
    text = "; ".join(value for value in about.values() if value)
    if not text:
        return {}
    keys = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}
    if ending in keys:
        return {"metadata": {keys[ending]: text}}
    return {"pil_kwargs": {"description": text.encode("ascii", "replace").decode()}}


def _aspect(one: Picture) -> float:
    left, right, bottom, top = one.window
    return abs(top - bottom) / max(abs(right - left), 1e-9)


def _wrapped(text: str, width: float, points: float) -> str:
    """A caption in lines that fit a cell so many inches wide; what is longer than three lines is cut."""
    letters = max(int(width * 72 / (points * 0.6)), 4)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, letters) or [""]]
    return "\n".join(lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"{lines[_LINES - 1][: letters - 3]}..."])


def _draw(axes: Axes, one: Picture, options: FigureOptions, points: float) -> None:
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for sheet in one.sheets:
        left, right, bottom, top = sheet.box
        axes.imshow(
            sheet.colours,
            extent=(left, right, bottom, top),
            interpolation="bilinear" if sheet.smooth else "nearest",
            interpolation_stage="rgba",
        )
    left, right, bottom, top = one.window
    axes.set_xlim(left, right)
    axes.set_ylim((top, bottom) if one.upward else (bottom, top))
    axes.set_aspect("equal", adjustable="datalim" if not one.sheets else "box")
    if options.captions and one.caption:
        axes.set_title(one.caption, fontsize=points, pad=3, color="black")
    box = {"facecolor": _DARK, "edgecolor": "none", "pad": 1.5}
    if one.mark:
        # In two lines where it would reach the scale bar.
        words = one.mark.replace(" in part", "\nin part")
        style: dict[str, Any] = {"color": _ORANGE, "fontsize": points, "weight": "bold", "bbox": box, "clip_on": True}
        axes.text(0.02, 0.02, words, transform=axes.transAxes, **style)
    places = (
        (0.02, 0.5, "left", "center"),
        (0.98, 0.5, "right", "center"),
        (0.5, 0.98, "center", "top"),
        (0.5, 0.02, "center", "bottom"),
    )
    for letter, (x, y, ha, va) in zip(one.letters, places, strict=True):
        if letter:
            axes.text(x, y, letter, transform=axes.transAxes, color="#8ecae6", fontsize=points, ha=ha, va=va)
    if options.scale_bar and one.millimetres:
        _draw_scale(axes, one, points)


def _draw_scale(axes: Axes, one: Picture, points: float) -> None:
    left, right, *_ = one.window
    width = abs(right - left) * (one.millimetres or 1.0)
    length = nice_length(width / 4)
    share = length / width
    axes.plot([0.97 - share, 0.97], [0.045, 0.045], transform=axes.transAxes, color="white", linewidth=points / 4)
    words = f"{length:g} mm"
    axes.text(
        0.97 - share / 2,
        0.06,
        words,
        transform=axes.transAxes,
        color="white",
        fontsize=points - 1,
        ha="center",
        va="bottom",
    )


def nice_length(most: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is not longer than ``most``."""
    power = 10.0 ** math.floor(math.log10(max(most, 1e-9)))
    return next(step * power for step in (5, 2, 1) if step * power <= most * (1 + 1e-9))


def _draw_bar(axes: Axes, bar: Bar, width: float, points: float) -> None:
    # Where a colour is see-through, grey shows as it does over an image.
    grey = np.full((len(bar.colours), 3), 0.35)
    alpha = np.asarray(bar.colours)[:, 3:]
    shown = np.asarray(bar.colours)[:, :3] * alpha + grey * (1 - alpha)
    low, high = bar.limits
    axes.imshow(shown[None], extent=(low, high, 0, 1), aspect="auto")
    axes.set_yticks([])
    axes.set_xticks([low, (low + high) / 2, high])
    axes.tick_params(labelsize=points - 2, length=2, pad=1)
    axes.set_xlabel(_wrapped(bar.name, width, points - 1), fontsize=points - 1, labelpad=1)

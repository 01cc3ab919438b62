"""Figures of an analysis, drawn: as outlines for a page, as pixels for a window or a PDF."""

from __future__ import annotations

import io

from napari_medgen.running.figures import as_written
from napari_medgen.study.analysis.parts import Picture


@as_written
def svg(picture: Picture) -> str:
    """A figure as SVG, words as outlines so that it looks alike everywhere."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "napari-medgen"}):
        figure = Figure(picture.size)
        picture.draw(figure)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]


@as_written
def png(picture: Picture, dots: int) -> bytes:
    """A figure as PNG, so many dots to the inch."""
    from matplotlib.figure import Figure

    figure = Figure(picture.size, dpi=dots)
    picture.draw(figure)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=dots)
    return written.getvalue()

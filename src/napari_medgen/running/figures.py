"""Figures whose words come from files: they are shown as they are written."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from napari_medgen.errors import MedGenError

_P = ParamSpec("_P")
_R = TypeVar("_R")

# matplotlib's settings are those of the process: who draws holds this, whatever thread it is.
DRAWING = threading.RLock()


def as_written(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function that draws with matplotlib, and in which no word is a formula.

    The name of a model or of a class may hold two dollar signs: matplotlib would set what stands between them, or raise
    over it while the window is painted.

    Raises
    ------
    MedGenError
        If matplotlib is not installed.
    """

    @functools.wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            from matplotlib import rc_context
        except ImportError:
            raise MedGenError("Figures need matplotlib: pip install 'napari-medgen[explain]'.") from None
        with DRAWING, rc_context({"text.parse_math": False}):
            return draw(*args, **kwargs)

    return drawn

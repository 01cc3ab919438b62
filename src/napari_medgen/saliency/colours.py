"""The colours of a map, the same in the window and in pictures: see-through where there is nothing to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Told apart by readers without red or green cones, and bright enough on a dark radiograph.
FOR = (1.0, 0.30, 0.10)
AGAINST = (0.15, 0.55, 1.0)
_LEVELS = 255  # odd, so that zero has an entry of its own


def signed_colours() -> NDArray[np.float32]:
    """(255, 4) RGBA from -1 (against the class) through 0 (nothing, transparent) to 1 (for the class)."""
    values = np.linspace(-1, 1, _LEVELS, dtype=np.float32)
    colours = np.where(values[:, None] < 0, np.array(AGAINST), np.array(FOR))
    return np.column_stack([colours, np.abs(values)]).astype(np.float32)


def absolute_colours() -> NDArray[np.float32]:
    """(255, 4) RGBA from 0 (transparent) to 1 (strong, whatever its sign)."""
    alpha = np.linspace(0, 1, _LEVELS, dtype=np.float32)
    return np.column_stack([np.tile(np.array(FOR), (_LEVELS, 1)), alpha]).astype(np.float32)


def paint(
    grey: NDArray[np.float32], values: NDArray[np.float32], *, signed: bool = True, opacity: float = 0.9
) -> NDArray[np.uint8]:
    """A map over an image.

    Parameters
    ----------
    grey
        (rows, columns) in [0, 1].
    values
        (rows, columns) in [-1, 1].
    signed
        Show for and against in two colours, or only how much.
    opacity
        Of the strongest values.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) uint8.
    """
    table = signed_colours() if signed else absolute_colours()
    place = (values + 1) / 2 if signed else np.abs(values)
    colour = table[np.rint(np.clip(place, 0, 1) * (_LEVELS - 1)).astype(np.intp)]
    alpha = colour[..., 3:] * np.float32(opacity)
    blended = grey[..., None] * (1 - alpha) + colour[..., :3] * alpha
    pixels: NDArray[np.uint8] = np.rint(blended * 255).astype(np.uint8)
    return pixels

"""What an image is called where it travels: files are often named after patients."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIGITS = 8


def content_name(kind: str, pixels: NDArray[Any]) -> str:
    """A name that follows from an image's grey values alone: whoever has the image can tell that it is this one.

    Parameters
    ----------
    kind
        What it is, for a person: ``radiograph`` or ``volume``.
    """
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return f"{kind} {digest.hexdigest()[:_DIGITS]}"

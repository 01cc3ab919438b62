"""What an image is called where it travels: files are often named after patients."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.provenance import Provenance

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


def origin_name(kind: str, pixels: NDArray[Any], made: Provenance) -> str:
    """What records of things made from an image call it: a sample by its model and seed, anything else by its content.

    Parameters
    ----------
    kind
        As :func:`content_name`.
    made
        Where the image comes from. What was predicted from another image has a source, and is no sample.
    """
    if made.synthetic and made.model and made.seed is not None and not made.source:
        return f"{made.model} seed {made.seed}"
    return content_name(kind, pixels)

"""What a training leaves."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medgen.progression.discriminator import Encoder
from napari_medgen.progression.stylegan import Generator


@dataclass(frozen=True)
class Trained:
    """The networks that a training leaves, with averaged weights, in evaluation mode."""

    generator: Generator
    encoder: Encoder | None

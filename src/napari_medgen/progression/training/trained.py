"""What a training leaves."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator


@dataclass(frozen=True)
class Trained:
    """The networks that a training leaves, with averaged weights, in evaluation mode."""

    generator: Generator
    encoder: Encoder | None

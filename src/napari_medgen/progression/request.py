"""What can be asked of a projection; importing it imports no PyTorch, so that a form can be shown at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_medgen.errors import ModelError

Method = Literal["encoder", "fast", "published"]
Space = Literal["W", "W+"]

STEPS: dict[Method, int] = {"encoder": 1, "fast": 30, "published": 1000}


@dataclass(frozen=True)
class ProjectionRequest:
    """How to project.

    Attributes
    ----------
    method
        ``fast``, ``published`` or ``encoder``.
    steps
        Updates of the latent; 0 for the method's own number.
    space
        ``W``: one latent for all layers, as published. ``W+``: one a layer, which follows an image more closely and is less
        bound to what the generator learned; only for ``fast``.
    seed
        Of the noise that ``published`` adds.
    """

    method: Method = "fast"
    steps: int = 0
    space: Space = "W"
    seed: int = 303

    def __post_init__(self) -> None:
        if self.method not in STEPS:
            raise ModelError(f"A projection is fast, published or by the encoder alone, not {self.method}.")
        if self.steps < 0:
            raise ModelError(f"A projection takes at least one step, not {self.steps}.")
        if self.method != "fast" and self.space != "W":
            raise ModelError("Only the fast projection can find a latent for each layer (W+).")

    @property
    def count(self) -> int:
        """Steps that will be taken."""
        return self.steps if self.steps and self.method != "encoder" else STEPS[self.method]

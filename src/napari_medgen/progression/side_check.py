"""Whether the side that an image is said to show contradicts the image.

The networks know one side only: images of the other are mirrored before they are seen. What the encoder makes of a knee
whose side was said wrongly is therefore less like it than what it makes of the mirror image is like that one. How often this
is wrong was measured for a model if its card says so (:data:`FIGURE`), and only then is a reader asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_medgen.progression.frames import frame_of
from napari_medgen.running.devices import memory_guard

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.progression.model import Extrapolator

FIGURE = "share of sides that the side check gets wrong"
"""Name of the figure on a model's card: of knees kept apart from the training, given with their true side."""


def error_rate(model: Extrapolator) -> str:
    """How often the check is wrong, for a person; empty for a model of which nobody measured it."""
    figure = model.folder.card.figures.get(FIGURE)
    if figure is None:
        return ""
    return f"none of {figure.note}" if figure.value == 0 else f"{figure.value:.1%} of {figure.note}"


def contradicts(model: Extrapolator, image: Radiograph) -> bool:
    """Whether an image contradicts the side that it is said to show, as far as a model can tell."""
    return bool(error_rate(model)) and side_margin(model, image) < 0


@torch.no_grad()
def side_margin(model: Extrapolator, image: Radiograph) -> float:
    """How much more the model's encoder sees an image's own side in it than the other one.

    Returns
    -------
    float
        Mean absolute difference (of grey values in [-1, 1]) between the image's mirror image and what the encoder makes of
        it, minus that of the image itself, over their sum: negative where the side contradicts the image. 0 for a model
        that needs no side, or has no encoder.
    """
    if not model.architecture.mirror or model.encoder is None:
        return 0.0
    with memory_guard("Looking at the side"):
        _, seen = frame_of(image, model.architecture)
        both = torch.cat([seen, seen.flip(-1)]).to(model.device.torch)
        made = model.generator.synthesis(model.generator.spread(model.encoder(both)))
        own, other = (made - both).abs().mean((1, 2, 3)).tolist()
    return float((other - own) / max(other + own, 1e-9))


def other_side(image: Radiograph) -> Radiograph:
    """The same image, said to show the other side."""
    return replace(image, laterality="L" if image.laterality == "R" else "R")

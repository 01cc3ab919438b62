"""What can be asked of a map: kept free of torch, so that forms may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_medgen.errors import ImageError

Method = Literal["gradient", "smoothgrad", "integrated", "gradcam", "occlusion"]
METHODS: dict[Method, str] = {
    "gradient": "Input gradient (published)",
    "smoothgrad": "SmoothGrad",
    "integrated": "Integrated gradients",
    "gradcam": "Grad-CAM",
    "occlusion": "Occlusion",
}
# Grad-CAM keeps what speaks for a class and drops the rest.
UNSIGNED: tuple[Method, ...] = ("gradcam",)


@dataclass(frozen=True)
class ExplainRequest:
    """Which map.

    Attributes
    ----------
    label
        Class that the map explains; empty for the most probable one.
    domain
        Batch norm the image goes through: 0 clean, 1 adversarial.
    method
        ``gradient`` is the paper's.
    clip
        Values are clipped at the mean plus and minus this many standard deviations; 3 published.
    samples
        Noisy copies of SmoothGrad, or points on the path of integrated gradients.
    seed
        For SmoothGrad's noise.
    """

    label: str = ""
    domain: int = 0
    method: Method = "gradient"
    clip: float = 3.0
    samples: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ImageError(f"There is no method {self.method}; there are: {', '.join(METHODS)}.")
        if not 0.1 <= self.clip <= 100:
            raise ImageError(f"The clip must lie between 0.1 and 100 standard deviations, not at {self.clip:g}.")
        if not 1 <= self.samples <= 1000:
            raise ImageError(f"The number of samples must lie between 1 and 1000, not at {self.samples}.")

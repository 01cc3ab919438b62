"""What the network sees of an image, and where its map lies on the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.saliency.architecture import ViewSizes


@dataclass(frozen=True)
class NetworkView:
    """The part of an image that a network sees, and the size at which it sees it.

    Attributes
    ----------
    shape
        Rows and columns of the image.
    box
        First row, first column, end row, end column of the part that is seen.
    size
        Rows and columns of the network's input.
    mirrored
        Whether left and right are exchanged for the network.
    """

    shape: tuple[int, int]
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    mirrored: bool = False

    @classmethod
    def of(cls, shape: tuple[int, int], sizes: ViewSizes, laterality: str = "") -> NetworkView:
        """The view of an image of ``shape`` (rows, columns) and of a side ("L", "R" or empty)."""
        rows, columns = (n * share for n, share in zip(shape, sizes.crop, strict=True))
        if sizes.fit == "crop":
            proportion = sizes.size[0] / sizes.size[1]
            rows, columns = min(rows, columns * proportion), min(columns, rows / proportion)
        height, width = max(round(rows), 1), max(round(columns), 1)
        top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
        mirrored = bool(sizes.mirror) and laterality == sizes.mirror
        return cls(shape, (top, left, top + height, left + width), sizes.size, mirrored)

    def see(self, images: Tensor) -> Tensor:
        """What the network sees of images (N, C, rows, columns): (N, C, *size), anti-aliased."""
        top, left, bottom, right = self.box
        part = images[..., top:bottom, left:right]
        if self.mirrored:
            part = part.flip(-1)
        if part.shape[-2:] == self.size:
            return part
        return F.interpolate(part, self.size, mode="bilinear", antialias=True, align_corners=False)

    def place(self, maps: Tensor) -> Tensor:
        """Maps (N, C, *size) on the image's own pixels (N, C, *shape), interpolated; zero where the network saw nothing."""
        top, left, bottom, right = self.box
        if self.mirrored:
            maps = maps.flip(-1)
        maps = F.interpolate(maps, (bottom - top, right - left), mode="bilinear", align_corners=False)
        return F.pad(maps, (left, self.shape[1] - right, top, self.shape[0] - bottom))


def to_tensor(grey: NDArray[np.floating], channels: int = 1) -> Tensor:
    """One grey image in [0, 1], (rows, columns), as (1, channels, rows, columns)."""
    image = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None]
    return image.expand(-1, channels, -1, -1)

"""What a network sees of an image, and where what it makes lies on the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from napari_medgen.validity import Share

if TYPE_CHECKING:
    # PyTorch is imported when an image is seen: cards and forms ask for sizes only.
    from torch import Tensor


class ViewSizes(BaseModel):
    """How an image becomes what the network sees.

    Attributes
    ----------
    size
        Rows and columns of the network's input.
    fit
        ``squash`` the whole image to that size, or ``crop`` its largest centred part of the network's proportions.
    crop
        Share of height and width that is kept, around the centre, before that.
    mirror
        Side ("L" or "R") whose images are mirrored, so that the network knows one side only; or empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int] = (256, 256)
    fit: Literal["squash", "crop"] = "squash"
    crop: tuple[Share, Share] = (1.0, 1.0)
    mirror: Literal["", "L", "R"] = ""

    @model_validator(mode="after")
    def _sane(self) -> ViewSizes:
        if min(self.size) < 8 or max(self.size) > 4096:
            raise ValueError("the network's input must have 8 to 4096 rows and columns")
        return self


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
        from torch.nn import functional as F

        top, left, bottom, right = self.box
        part = images[..., top:bottom, left:right]
        if self.mirrored:
            part = part.flip(-1)
        if part.shape[-2:] == self.size:
            return part
        if part.device.type == "mps" and part.requires_grad:
            return _resized(part, self.size)
        return F.interpolate(part, self.size, mode="bilinear", antialias=True, align_corners=False)

    def place(self, maps: Tensor) -> Tensor:
        """Maps (N, C, *size) on the image's own pixels (N, C, *shape), interpolated; zero where the network saw nothing."""
        from torch.nn import functional as F

        top, left, bottom, right = self.box
        if self.mirrored:
            maps = maps.flip(-1)
        maps = F.interpolate(maps, (bottom - top, right - left), mode="bilinear", align_corners=False)
        return F.pad(maps, (left, self.shape[1] - right, top, self.shape[0] - bottom))

    def restore(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (..., *size) as the patient's side shows them: mirrored back if they were mirrored."""
        return np.ascontiguousarray(pictures[..., ::-1]) if self.mirrored else pictures


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The same resizing as two products with matrices: Apple's GPU has no gradient of the other."""
    import torch
    from torch.nn import functional as F

    def matrix(outside: int, inside: int) -> Tensor:
        lines = torch.eye(inside)[None, None]
        return F.interpolate(lines, (outside, inside), mode="bilinear", antialias=True, align_corners=False)[0, 0].to(images)

    rows, columns = (matrix(outside, inside) for outside, inside in zip(size, images.shape[-2:], strict=True))
    return rows @ images @ columns.T


def to_tensor(grey: NDArray[np.floating], channels: int = 1) -> Tensor:
    """One grey image in [0, 1], (rows, columns), as (1, channels, rows, columns)."""
    import torch

    image = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None]
    return image.expand(-1, channels, -1, -1)

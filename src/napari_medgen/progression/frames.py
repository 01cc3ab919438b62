"""The part of a radiograph that the networks see, in the orientation and size in which they see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.architecture import ProgressionArchitecture


@dataclass(frozen=True)
class Frame:
    """Where the square that the networks see lies in an image.

    Attributes
    ----------
    shape
        Rows and columns of the image.
    box
        First row, first column, end row, end column of the part that is seen.
    resolution
        Rows and columns at which it is seen.
    mirrored
        Whether left and right are exchanged for the networks.
    """

    shape: tuple[int, int]
    box: tuple[int, int, int, int]
    resolution: int
    mirrored: bool = False

    @classmethod
    def of(cls, shape: tuple[int, int], laterality: str, own: ProgressionArchitecture) -> Frame:
        """The frame of an image of ``shape`` and of a side ("L", "R" or empty): the middle square of the part asked for."""
        rows, columns = (n * share for n, share in zip(shape, own.crop, strict=True))
        edge = max(round(min(rows, columns)), 1)
        top, left = (shape[0] - edge) // 2, (shape[1] - edge) // 2
        mirrored = bool(own.mirror) and laterality == own.mirror
        return cls(shape, (top, left, top + edge, left + edge), own.generator.resolution, mirrored)

    def see(self, grey: NDArray[np.float32]) -> Tensor:
        """The frame (1, 1, resolution, resolution), -1 black to 1 white, of grey values (rows, columns) in [0, 1]."""
        top, left, bottom, right = self.box
        part = torch.from_numpy(np.ascontiguousarray(grey[top:bottom, left:right]))[None, None]
        if self.mirrored:
            part = part.flip(-1)
        if part.shape[-1] != self.resolution:
            part = F.interpolate(part, (self.resolution,) * 2, mode="bilinear", antialias=True, align_corners=False)
        return part * 2 - 1

    def restore(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames (..., resolution, resolution) as the patient's side shows them: mirrored back if they were mirrored."""
        return np.ascontiguousarray(frames[..., ::-1]) if self.mirrored else frames


def frame_of(image: Radiograph, own: ProgressionArchitecture) -> tuple[Frame, Tensor]:
    """The frame of a radiograph and what it shows, (1, 1, resolution, resolution) in [-1, 1]."""
    frame = Frame.of(image.shape, image.laterality, own)
    return frame, frame.see(image.grey())


def to_grey(frames: Tensor) -> Tensor:
    """Frames in [-1, 1], of one channel or three, as grey values in [0, 1], (N, 1, H, W)."""
    return ((frames.mean(1, keepdim=True) + 1) / 2).clamp(0, 1)

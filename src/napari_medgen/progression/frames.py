"""Radiographs as the generator and the encoder see them, and back."""

from __future__ import annotations

from torch import Tensor

from napari_medgen.imaging.network_view import NetworkView, to_tensor
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.architecture import ProgressionArchitecture


def frame_of(image: Radiograph, own: ProgressionArchitecture) -> tuple[NetworkView, Tensor]:
    """The square of a radiograph that the networks see, and what it shows, (1, 1, resolution, resolution) in [-1, 1]."""
    view = NetworkView.of((image.shape[0], image.shape[1]), own.view, image.laterality)
    return view, view.see(to_tensor(image.grey())) * 2 - 1


def to_grey(frames: Tensor) -> Tensor:
    """Frames in [-1, 1], of one channel or three, as grey values in [0, 1], (N, 1, H, W)."""
    return ((frames.mean(1, keepdim=True) + 1) / 2).clamp(0, 1)

"""The denoisers by name, so that a card or a recipe can ask for one."""

from __future__ import annotations

from torch import nn

from napari_medgen.volumes.networks.convnet import ConvUNet, ConvUNetSizes
from napari_medgen.volumes.networks.unet3d import Unet3D, Unet3DSizes


def build_denoiser(sizes: Unet3DSizes | ConvUNetSizes) -> nn.Module:
    """A denoiser with random weights."""
    return Unet3D(sizes) if isinstance(sizes, Unet3DSizes) else ConvUNet(sizes)


def grid_multiple(sizes: Unet3DSizes | ConvUNetSizes) -> tuple[int, int, int]:
    """What the sides (D, H, W) of a latent must be multiples of."""
    if isinstance(sizes, Unet3DSizes):
        factor = 2 ** (len(sizes.multipliers) - 1)
        return 1, factor, factor
    factor = 2 ** (len(sizes.widths) - 1)
    return factor, factor, factor

"""A distance between two sets of volumes that needs no downloaded network.

Features are the mean and the spread of every channel after each stage of MONAI's 3D ResNet-10 with fixed random weights
(seed 0). Random convolutional features order sets of images much as trained ones do, and everybody has them. The distance
is that of :func:`napari_medgen.statistics.distribution.kernel_distance`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

_SMALLEST = 64
NETWORK = "3D ResNet-10 (MONAI) with random weights, seed 0"


@functools.cache
def _network() -> torch.nn.Module:
    from monai.networks.nets.resnet import resnet10

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: torch.nn.Module = resnet10(n_input_channels=1, num_classes=1)
    return network.eval()


@torch.no_grad()
def volume_features(volume: NDArray[np.floating]) -> NDArray[np.float64]:
    """(1920,) features of a volume (D, H, W) in [-1, 1]; one with a side under 64 voxels is enlarged first."""
    x = torch.from_numpy(np.ascontiguousarray(volume, np.float32))[None, None]
    if min(volume.shape) < _SMALLEST:
        x = F.interpolate(x, scale_factor=_SMALLEST / min(volume.shape), mode="trilinear")
    network: Any = _network()
    x = network.act(network.bn1(network.conv1(x)))
    rows = []
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = stage(x)
        flat = x.flatten(2)[0]
        rows += [flat.mean(1), flat.std(1)]
    features: NDArray[np.float64] = torch.cat(rows).double().numpy()
    return features

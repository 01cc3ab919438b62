"""A distance between two sets of volumes that needs no downloaded network.

Features come from MONAI's 3D ResNet-10 with fixed random weights (seed 0), averaged over space. Random convolutional
features order sets of images much as trained ones do, and everybody has them. The distance is the kernel distance of
Bińkowski 2018 (KID): unbiased, so that small and unequal counts can be compared, with a cubic polynomial kernel.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

NETWORK = "3D ResNet-10 (MONAI) with random weights, seed 0"


@functools.cache
def _network() -> torch.nn.Module:
    from monai.networks.nets.resnet import resnet10

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: torch.nn.Module = resnet10(n_input_channels=1, num_classes=1)
    network.fc = torch.nn.Identity()
    # The norms' running statistics are those of an untrained network, so each volume is normed by its own.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.track_running_stats = False
            module.running_mean = module.running_var = None
    return network.eval()


@torch.no_grad()
def volume_features(volume: NDArray[np.floating]) -> NDArray[np.float64]:
    """(512,) features of a volume (D, H, W) in [-1, 1]."""
    x = torch.from_numpy(np.ascontiguousarray(volume, np.float32))[None, None]
    features: NDArray[np.float64] = _network()(x)[0].double().numpy()
    return features


def kernel_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Squared maximum mean discrepancy of features (N, K) and (M, K); about zero for sets of one distribution.

    Raises
    ------
    ValueError
        If a set has fewer than two members.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("each set needs at least two volumes")

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        product: NDArray[np.float64] = (x @ y.T / x.shape[1] + 1) ** 3
        return product

    def within(x: NDArray[np.float64]) -> float:
        k = kernel(x, x)
        return float((k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)))

    return within(a) + within(b) - 2 * float(kernel(a, b).mean())

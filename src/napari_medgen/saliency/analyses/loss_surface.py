"""How the loss changes around an image: along its gradient's sign and a random one (the official loss_surf.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.network import frozen

_AT_ONCE = 64


@dataclass(frozen=True)
class LossSurface:
    """Loss on a grid around an image.

    Attributes
    ----------
    along_random, along_gradient
        (K,) steps in both directions, in units of grey (images in [0, 1]).
    loss
        (K, K), rows along the random direction.
    """

    along_random: NDArray[np.float64]
    along_gradient: NDArray[np.float64]
    loss: NDArray[np.float64]

    @property
    def steepest(self) -> float:
        """Largest change of the loss for a unit step along the gradient: the paper's "Lipschitz" figure over its step."""
        slope = np.abs(np.diff(self.loss, axis=1)) / np.diff(self.along_gradient)
        return float(slope.max())


def loss_surface(
    classifier: Classifier,
    seen: Tensor,
    targets: Tensor,
    *,
    domain: int = 0,
    reach: float = 0.5,
    points: int = 50,
    seed: int = 0,
) -> Steps[LossSurface]:
    """Loss at ``x + a r + b g``: r a random sign direction, g the sign of the loss's gradient at x; not clamped (published).

    Parameters
    ----------
    seen, targets
        One network input (1, C, H, W) and its truth (1, classes).
    reach, points
        Largest step to either side, and steps in each direction; 0.5 and 50 published.

    Yields
    ------
    Progress
        A step a batch of points.
    """
    network, exclusive = classifier.network, classifier.architecture.exclusive
    x, truth = seen.to(classifier.device.torch), targets.to(classifier.device.torch)
    with frozen(network), torch.enable_grad():
        point = x.detach().requires_grad_(True)
        loss = classification_loss(network(point, domain), truth, exclusive)
        (gradient,) = torch.autograd.grad(loss, point)
    towards = gradient.sign()
    random = torch.from_numpy(np.random.default_rng(seed).choice((-1.0, 1.0), tuple(x.shape)).astype(np.float32)).to(x)
    steps = torch.linspace(-reach, reach, points)
    a, b = (grid.flatten() for grid in torch.meshgrid(steps, steps, indexing="ij"))
    found = []
    for start in range(0, len(a), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        weights = (chunk.view(-1, 1, 1, 1).to(x) for chunk in (a[rows], b[rows]))
        moved = x + next(weights) * random + next(weights) * towards
        with torch.no_grad():
            logits = network(moved, domain)
        found.append(classification_loss(logits, truth.expand(len(moved), -1), exclusive, each=True).cpu())
        yield Progress(min(start + _AT_ONCE, len(a)), len(a), "Walking around the image")
    surface = torch.cat(found).view(points, points).double().numpy()
    grid = steps.double().numpy()
    return LossSurface(grid, grid, surface)

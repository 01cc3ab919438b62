"""How good a map is: where its energy lies, where its peak lies, and whether its pixels matter to the network.

Written here since Quantus, the library for it, brings opencv, scikit-learn and pandas with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]


def energy_inside(values: Array, inside: Mask, counted: Mask | None = None) -> float:
    """Share of a map's energy (absolute values) that lies inside a mask.

    Parameters
    ----------
    values
        (rows, columns) map.
    inside
        Where it should look.
    counted
        Pixels that count at all; by default all do.

    Returns
    -------
    float
        0 to 1; NaN for a map or mask without anything in it. Chance is :func:`chance_inside`.
    """
    weight = np.abs(values).astype(np.float64)
    if counted is not None:
        weight = np.where(counted, weight, 0)
    total = weight.sum()
    return float(weight[inside].sum() / total) if total > 0 and inside.any() else float("nan")


def chance_inside(inside: Mask, counted: Mask | None = None) -> float:
    """Share of the counted pixels that lie inside: what a map without any preference would reach."""
    everything = np.ones_like(inside) if counted is None else counted
    return float((inside & everything).sum() / max(everything.sum(), 1))


def points_inside(values: Array, inside: Mask, counted: Mask | None = None) -> float:
    """The pointing game (Zhang 2016): 1 if the strongest pixel lies inside the mask, else 0; NaN where there is no mask."""
    if not inside.any():
        return float("nan")
    weight = np.abs(values)
    if counted is not None:
        weight = np.where(counted, weight, -1)
    return float(inside.flat[int(weight.argmax())])


@dataclass(frozen=True)
class Curve:
    """Probability of the class while pixels are taken away or put in.

    Attributes
    ----------
    share, probability
        Share of pixels that were changed, and the probability then.
    """

    share: NDArray[np.float64]
    probability: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area below the curve: low is good for deletion, high for insertion."""
        return float(np.trapezoid(self.probability, self.share))


def deletion_curve(say: Callable[[Tensor], Tensor], seen: Tensor, values: Array, steps: int = 20) -> Curve:
    """Probability while the strongest pixels are replaced by the image's mean, strongest first (Petsiuk 2018).

    Parameters
    ----------
    say
        From network inputs (N, C, H, W) to probabilities (N,) of the class.
    seen
        (1, C, H, W) network input.
    values
        (H, W) map on the network's input.
    """
    return _curve(say, seen, seen.mean().expand_as(seen), values, steps)


def insertion_curve(say: Callable[[Tensor], Tensor], seen: Tensor, values: Array, steps: int = 20) -> Curve:
    """Probability while the strongest pixels are put into a blurred image, strongest first (Petsiuk 2018)."""
    return _curve(say, _blurred(seen), seen, values, steps)


def _blurred(seen: Tensor) -> Tensor:
    """The image averaged over an eighth of its sides, twice."""
    kernel = max(min(seen.shape[-2:]) // 8 // 2 * 2 + 1, 3)
    for _ in range(2):
        padded = F.pad(seen, [kernel // 2] * 4, mode="replicate")
        seen = F.avg_pool2d(padded, kernel, 1)
    return seen


@torch.no_grad()
def _curve(say: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, values: Array, steps: int) -> Curve:
    # Strongest for the class first; a stable order makes the curve the same on every machine.
    order = torch.from_numpy(np.argsort(-np.asarray(values, np.float64).ravel(), kind="stable").copy())
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    share = np.linspace(0, 1, steps + 1)
    changed = torch.stack([(rank < round(s * len(order))).view(1, *values.shape) for s in share]).to(start.device)
    probability = say(torch.where(changed, end, start)).cpu().double().numpy()
    return Curve(share, probability)

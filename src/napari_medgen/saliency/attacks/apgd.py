"""Auto-PGD (Croce 2020, algorithm 1): an attack whose step adapts, so that no badly set one flatters the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.attacks.pgd import lengths, project, random_start
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.saliency.network import frozen

_MOMENTUM = 0.75
_RHO = 0.75  # a step is kept while this share of the steps raised the loss
_TINY = 1e-12


def checkpoints(steps: int) -> list[int]:
    """Steps at which the step size is reconsidered: after 22 % of them, then at intervals that shrink by 3 % to 6 %."""
    found: list[int] = []
    place, interval = 0.0, 0.22
    while True:
        place += interval
        at = -(-int(place * steps * 1e9) // 10**9)  # the ceiling, without the noise of floating point
        if at >= steps:
            return found
        found.append(max(at, 1))
        interval = max(interval - 0.03, 0.06)


def apgd(
    network: nn.Module,
    x: Tensor,
    targets: Tensor,
    epsilon: float,
    *,
    exclusive: bool,
    domain: int = 0,
    norm: str = "linf",
    steps: int = 20,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images within a ball that raise the loss as far as was found.

    Parameters
    ----------
    x, targets, exclusive, domain, generator
        As :func:`~napari_medgen.saliency.attacks.pgd.pgd`.
    epsilon, norm
        Radius; ``linf`` or ``l2``.
    steps, restarts
        Gradient steps of a run, and runs; the first starts at the image itself, the others at random points.

    Returns
    -------
    torch.Tensor
        For each image the point with the highest loss, detached.
    """
    sizes = AttackSizes(norm="l2" if norm == "l2" else "linf", epsilon=epsilon, step=0, steps=steps)
    best, highest = x.detach().clone(), torch.full((len(x),), -torch.inf, device=x.device)
    if epsilon == 0:
        return best
    with frozen(network):
        for run in range(restarts):
            start = x.detach() if run == 0 else (x.detach() + random_start(x, sizes, generator)).clamp(0, 1)
            found, losses = _run(network, x.detach(), start, targets, sizes, exclusive=exclusive, domain=domain)
            better = losses > highest
            best[better], highest[better] = found[better], losses[better]
    return best


def _run(
    network: nn.Module, x: Tensor, start: Tensor, targets: Tensor, sizes: AttackSizes, *, exclusive: bool, domain: int
) -> tuple[Tensor, Tensor]:
    """One run from one start: the best points and their losses."""

    def look(point: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            point = point.detach().requires_grad_(True)
            losses = classification_loss(network(point, domain), targets, exclusive, each=True)
            (gradient,) = torch.autograd.grad(losses.sum(), point)
        return losses.detach(), gradient.detach()

    def stepped(point: Tensor, gradient: Tensor, step: Tensor) -> Tensor:
        unit = gradient / lengths(gradient).clamp(min=_TINY) if sizes.norm == "l2" else gradient.sign()
        return inside(point + step * unit)

    def inside(point: Tensor) -> Tensor:
        return (x + project(point - x, sizes)).clamp(0, 1)

    shape = (-1, *[1] * (x.ndim - 1))
    step = torch.full((len(x),), 2 * sizes.epsilon, device=x.device)
    losses, gradient = look(start)
    point, previous = start.clone(), start.clone()
    best, highest, best_gradient = start.clone(), losses.clone(), gradient.clone()
    rises = torch.zeros_like(losses)
    step_before, highest_before = step.clone(), highest.clone()
    reconsidered, last = set(checkpoints(sizes.steps)), 0
    for k in range(1, sizes.steps + 1):
        proposed = stepped(point, gradient, step.view(shape))
        # The first step has nothing before it to keep up.
        momentum = 1.0 if k == 1 else _MOMENTUM
        moved = inside(point + momentum * (proposed - point) + (1 - momentum) * (point - previous))
        previous, point, before = point, moved, losses
        losses, gradient = look(point)
        rises += losses > before
        better = losses > highest
        best[better], highest[better], best_gradient[better] = point[better], losses[better], gradient[better]
        if k in reconsidered:
            too_few = rises < _RHO * (k - last)
            stuck = (step == step_before) & (highest == highest_before)
            halve = too_few | stuck
            step_before, highest_before = step.clone(), highest.clone()
            step[halve] /= 2
            point[halve], gradient[halve], losses[halve] = best[halve], best_gradient[halve], highest[halve]
            rises, last = torch.zeros_like(rises), k
    return best, highest

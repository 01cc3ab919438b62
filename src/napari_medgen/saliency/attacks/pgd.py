"""Adversarial images: the projected-gradient attack of Madry 2018, as the paper uses it and as it is usually meant."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.saliency.network import frozen

Loss = Callable[[Tensor], Tensor]
_TINY = 1e-12


def lengths(delta: Tensor) -> Tensor:
    """L2 norm of each image's perturbation, (N, 1, 1, 1)."""
    norms: Tensor = delta.flatten(1).norm(dim=1)
    return norms.view(-1, *[1] * (delta.ndim - 1))


def project(delta: Tensor, sizes: AttackSizes) -> Tensor:
    """The nearest perturbation within the ball."""
    if sizes.norm == "linf":
        return delta.clamp(-sizes.epsilon, sizes.epsilon)
    return delta * (sizes.epsilon / lengths(delta).clamp(min=_TINY)).clamp(max=1)


def random_start(x: Tensor, sizes: AttackSizes, generator: torch.Generator | None) -> Tensor:
    """A random perturbation: uniform in the cube, or of random direction and a radius uniform in volume."""
    # Drawn on the CPU, so that a seed means the same on every device.
    if sizes.norm == "linf":
        draw = torch.rand(x.shape, generator=generator)
        return (draw * 2 - 1).mul(sizes.epsilon).to(x)
    direction = torch.randn(x.shape, generator=generator)
    radius = torch.rand(len(x), *[1] * (x.ndim - 1), generator=generator) ** (1 / x[0].numel())
    return (direction / lengths(direction).clamp(min=_TINY) * radius * sizes.epsilon).to(x)


def pgd(
    network: nn.Module,
    x: Tensor,
    targets: Tensor,
    sizes: AttackSizes,
    *,
    exclusive: bool,
    domain: int = 0,
    targeted: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images within a ball around the given ones that raise the loss.

    Parameters
    ----------
    network
        Called as ``network(x, domain)``; it is in evaluation mode with frozen weights meanwhile and as it was after.
    x
        (N, C, H, W) in [0, 1].
    targets
        (N, classes): the truth; or, where ``targeted``, what the network shall be made to say.
    sizes
        Norm, radius, step and number of steps.
    exclusive
        Cross-entropy or binary cross-entropy is raised.
    domain
        Batch norm through which the gradient is taken; the paper takes the adversarial one.
    generator
        For the random start; on the CPU.

    Returns
    -------
    torch.Tensor
        As ``x``: in the ball and in [0, 1], detached.
    """
    original = x.detach()
    sign = -1.0 if targeted else 1.0
    delta = random_start(original, sizes, generator) if sizes.random_start else torch.zeros_like(original)
    adversarial = (original + project(delta, sizes)).clamp(0, 1)
    with frozen(network), torch.enable_grad():
        for _ in range(sizes.steps):
            adversarial.requires_grad_(True)
            # The sum, so that an image's gradient does not depend on how many others are in the batch.
            loss = classification_loss(network(adversarial, domain), targets, exclusive, each=True).sum()
            (gradient,) = torch.autograd.grad(sign * loss, adversarial)
            direction = gradient / lengths(gradient).clamp(min=_TINY) if sizes.norm == "l2" else gradient.sign()
            delta = project(adversarial.detach() + sizes.step * direction - original, sizes)
            adversarial = (original + delta).clamp(0, 1)
    return adversarial.detach()


def fgsm(network: nn.Module, x: Tensor, targets: Tensor, epsilon: float, *, exclusive: bool, domain: int = 0) -> Tensor:
    """The fast gradient sign method (Goodfellow 2015): one step of the length of the radius, from the image itself."""
    sizes = AttackSizes(epsilon=epsilon, step=epsilon, steps=1, random_start=False)
    return pgd(network, x, targets, sizes, exclusive=exclusive, domain=domain)

"""Where a network looked: attributions of a logit to the pixels of its input.

The paper's map is the gradient of the chosen logits with respect to the input (Simonyan 2014), and SmoothGrad (Smilkov 2017)
a mean of such. The others come from captum: integrated gradients (Sundararajan 2017), Grad-CAM (Selvaraju 2017) and
occlusion (Zeiler 2014).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.saliency.network import ResNet, frozen
from napari_medgen.saliency.request import ExplainRequest

_NOISE = 0.05  # SmoothGrad's standard deviation, of an image in [0, 1]
_WINDOW = 8  # an occluding square is this part of the image's side
_AT_ONCE = 16


def input_gradient(network: ResNet, x: Tensor, classes: Tensor, domain: int = 0) -> Tensor:
    """Gradient of the chosen logits with respect to the input (the paper's saliency).

    Parameters
    ----------
    x
        (N, channels, H, W) in [0, 1].
    classes
        (N, classes) of zeros and ones: the sum of the chosen logits is differentiated. The paper chooses all classes
        that the ground truth names.
    domain
        Batch norm that the images go through.

    Returns
    -------
    torch.Tensor
        As ``x``, detached. The network's mode is as before.
    """
    with frozen(network), torch.enable_grad():
        seen = x.detach().requires_grad_(True)
        logits = network(seen, domain)
        (gradient,) = torch.autograd.grad(logits, seen, classes.to(logits))
    return gradient.detach()


def smoothed_gradient(network: ResNet, x: Tensor, classes: Tensor, request: ExplainRequest) -> Tensor:
    """Mean gradient of noisy copies (SmoothGrad, Smilkov 2017), for images and classes as :func:`input_gradient` takes them.

    The noise is drawn on the CPU, so that a seed gives the same map on every device, up to rounding.
    """
    generator = torch.Generator().manual_seed(request.seed)
    total = torch.zeros_like(x)
    for start in range(0, request.samples, _AT_ONCE):
        count = min(_AT_ONCE, request.samples - start)
        noise = torch.randn(count, *x.shape, generator=generator) * _NOISE
        copies = (x + noise.to(x)).flatten(0, 1)
        gradients = input_gradient(network, copies, classes.repeat(count, 1), request.domain)
        total += gradients.unflatten(0, (count, len(x))).sum(0)
    return total / request.samples


def published_normalisation(gradient: Tensor, clip: float = 3.0) -> Tensor:
    """As the official code shows a gradient: each image clipped at mean +- 3 standard deviations, then stretched to [0, 1].

    All channels share one range; the standard deviation is the unbiased one. An image whose gradient is the same everywhere
    becomes 0.5.
    """
    clipped = clip_to_spread(gradient, clip)
    flat = clipped.flatten(1)
    shape = (-1, *[1] * (gradient.ndim - 1))
    low, high = flat.amin(1).view(shape), flat.amax(1).view(shape)
    return torch.where(high > low, (clipped - low) / (high - low).clamp(min=1e-30), torch.full_like(clipped, 0.5))


def clip_to_spread(values: Tensor, clip: float = 3.0) -> Tensor:
    """Each image clipped at its mean plus and minus ``clip`` standard deviations."""
    flat = values.flatten(1)
    shape = (-1, *[1] * (values.ndim - 1))
    mean, reach = flat.mean(1).view(shape), clip * flat.std(1).view(shape)
    return torch.minimum(torch.maximum(values, mean - reach), mean + reach)


def attribute(network: ResNet, x: Tensor, index: int, request: ExplainRequest) -> Tensor:
    """The map of a class by the method that is asked for.

    Parameters
    ----------
    x
        (N, channels, H, W) in [0, 1].
    index
        The class.

    Returns
    -------
    torch.Tensor
        (N, H, W), channels summed, unclipped: positive where a brighter pixel (gradients), or the pixel itself (integrated
        gradients, occlusion), speaks for the class. Grad-CAM's is not negative and as coarse as the last feature map.

    Raises
    ------
    ModelError
        If the method needs captum and it is not installed.
    """
    classes = torch.zeros(len(x), network.sizes.classes)
    classes[:, index] = 1
    if request.method == "gradient":
        return input_gradient(network, x, classes, request.domain).sum(1)
    if request.method == "smoothgrad":
        return smoothed_gradient(network, x, classes, request).sum(1)
    captum = _captum()

    def logit(images: Tensor) -> Tensor:
        chosen: Tensor = network(images, request.domain)[:, index]
        return chosen

    with frozen(network), warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # captum's advice to programmers
        torch.manual_seed(request.seed)
        values: Tensor = _METHODS[request.method](captum, network, logit, x.detach().contiguous(), request)
    return values.detach().float()


def _captum() -> Any:
    try:
        import captum.attr
    except ImportError:
        raise ModelError("This method needs captum: pip install 'napari-medgen[explain]'.") from None
    return captum.attr


Logit = Callable[[Tensor], Tensor]


def _integrated(captum: Any, network: ResNet, logit: Logit, x: Tensor, request: ExplainRequest) -> Tensor:
    maps: Tensor = captum.IntegratedGradients(logit).attribute(
        x, baselines=torch.zeros_like(x), n_steps=request.samples, internal_batch_size=max(_AT_ONCE, len(x))
    )
    return maps.sum(1)


def _gradcam(captum: Any, network: ResNet, logit: Logit, x: Tensor, request: ExplainRequest) -> Tensor:
    layer = captum.LayerGradCam(logit, network.stages[-1][-1])
    coarse = layer.attribute(x, relu_attributions=True)
    maps: Tensor = torch.nn.functional.interpolate(coarse, x.shape[-2:], mode="bilinear", align_corners=False)
    return maps.sum(1)


def _occlusion(captum: Any, network: ResNet, logit: Logit, x: Tensor, request: ExplainRequest) -> Tensor:
    rows, columns = x.shape[-2:]
    side = max(min(rows, columns) // _WINDOW, 1)
    maps: Tensor = captum.Occlusion(logit).attribute(
        x,
        sliding_window_shapes=(x.shape[1], side, side),
        strides=(x.shape[1], max(side // 2, 1), max(side // 2, 1)),
        baselines=x.mean((1, 2, 3), keepdim=True).expand_as(x),
        perturbations_per_eval=_AT_ONCE,
    )
    return maps.mean(1)


_METHODS = {"integrated": _integrated, "gradcam": _gradcam, "occlusion": _occlusion}

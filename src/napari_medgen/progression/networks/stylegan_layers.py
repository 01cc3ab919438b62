"""The building blocks of StyleGAN2 in plain PyTorch: equalised layers, resampling filters, modulated convolution.

Written from Karras 2019 (StyleGAN), 2020 (StyleGAN2) and 2020 (ADA); names of the tensors are those of the official files.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2
GAIN = math.sqrt(2)
_EPSILON = 1e-8


def activate(x: Tensor, limit: float = 0.0) -> Tensor:
    """Leaky ReLU, then limited to +- ``limit`` (0 for no limit).

    The official one multiplies by :data:`GAIN` afterwards, so that the variance stays. A leaky ReLU keeps positive factors,
    so that our layers put that gain into their weights and biases and save a pass over the features.
    """
    x = F.leaky_relu_(x, _SLOPE)  # what was just made is needed nowhere else
    return x.clamp(-limit, limit) if limit else x


class Linear(nn.Module):
    """Fully connected layer whose weights are scaled when they are used (equalised learning rate, Karras 2018).

    Parameters
    ----------
    inside, outside
        Features.
    bias
        Initial bias.
    multiplier
        Learning rate relative to that of the other layers.
    activation
        Whether a leaky ReLU follows.
    """

    def __init__(
        self, inside: int, outside: int, *, bias: float = 0.0, multiplier: float = 1.0, activation: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / multiplier)
        self.bias = nn.Parameter(torch.full((outside,), bias))
        self._activation = activation
        gain = GAIN if activation else 1.0
        self._gain, self._multiplier = gain * multiplier / math.sqrt(inside), gain * multiplier

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self._gain, self.bias * self._multiplier)
        return activate(x) if self._activation else x


def binomial_filter() -> Tensor:
    """The low-pass filter (4, 4) [1, 3, 3, 1] in both directions, with sum one."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 64


def smooth(x: Tensor, kernel: Tensor, padding: int, gain: float = 1.0, stride: int = 1) -> Tensor:
    """Low-pass filter each channel of (N, C, H, W), after zero padding."""
    channels = x.shape[1]
    weight = (kernel * gain).to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(x, weight, stride=stride, padding=padding, groups=channels)


def double(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice the rows and columns of (N, C, H, W): zeros between, then the low-pass filter."""
    channels = x.shape[1]
    weight = (kernel * 4).to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


class Conv(nn.Module):
    """Convolution of the discriminator: equalised, with an optional filter and halving, bias and leaky ReLU.

    Parameters
    ----------
    inside, outside, size
        Channels and kernel.
    halve
        Halve rows and columns.
    bias
        Whether there is a bias, and a leaky ReLU after it.
    clamp
        Limit of the output; 0 for none.
    """

    resample_filter: Tensor

    def __init__(
        self, inside: int, outside: int, size: int, *, halve: bool = False, bias: bool = True, clamp: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, size, size))
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        self.register_buffer("resample_filter", binomial_filter())
        self._gain = 1 / math.sqrt(inside * size * size)
        self._size, self._halve, self._clamp = size, halve, clamp

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        if self.bias is not None:
            gain *= GAIN
        weight, bias = self.weight * (self._gain * gain), None if self.bias is None else self.bias * gain
        if not self._halve:
            x = F.conv2d(x, weight, bias, padding=self._size // 2)
        elif self._size == 1:
            x = F.conv2d(smooth(x, self.resample_filter, padding=1, stride=2), weight, bias)
        else:
            x = F.conv2d(smooth(x, self.resample_filter, padding=2), weight, bias, stride=2)
        if bias is None:
            return x
        return activate(x, self._clamp * gain)


class _Scaled(torch.autograd.Function):
    """``x * factor + bias``, x (N, C, H, W), factor (N, C), bias (C, 1, 1) or (1, C, H, W).

    PyTorch's own derivative of ``addcmul`` makes a copy of x that it does not need. This one is made of ordinary operations,
    so that it has a derivative itself (path length regularisation asks for it).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, factor)
        ctx.bias_shape = bias.shape
        return torch.addcmul(bias, x, factor[:, :, None, None])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (grad,) = grads
        x, factor = ctx.saved_tensors
        of_x = grad * factor[:, :, None, None] if ctx.needs_input_grad[0] else None
        of_factor = (grad * x).sum((2, 3)) if ctx.needs_input_grad[1] else None
        of_bias = grad.sum_to_size(ctx.bias_shape) if ctx.needs_input_grad[2] else None
        return of_x, of_factor, of_bias


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    bias: Tensor,
    *,
    demodulate: bool = True,
    gain: float = 1.0,
    kernel: Tensor | None = None,
) -> Tensor:
    """Convolution whose weights are scaled by a style for each image (Karras 2020, section 2.2).

    Scaling the input's channels and then the output's is the same as scaling the weights, and shares one convolution among
    the batch: no grouped convolution, and no gradient of a weight for each image.

    Parameters
    ----------
    x
        (N, inside, H, W).
    weight
        (outside, inside, k, k).
    styles
        (N, inside).
    bias
        (outside,), or a map (1, outside, H', W') that holds noise too; added at the end.
    demodulate
        Bring each output channel back to the variance that it would have without styles.
    gain
        Factor of the output, bias included.
    kernel
        Low-pass filter; with it, rows and columns are doubled.
    """
    styles = styles.to(x.dtype)
    out = x * styles[:, :, None, None]
    if kernel is None:
        out = F.conv2d(out, weight, padding=weight.shape[-1] // 2)
    else:
        out = F.conv_transpose2d(out, weight.transpose(0, 1), stride=2)
        out = smooth(out, kernel, padding=1, gain=4.0)
    bias = (bias * gain).to(out.dtype)
    bias = bias[:, None, None] if bias.dim() == 1 else bias
    if not demodulate:
        return out * gain + bias if gain != 1 else out + bias
    power = F.linear(styles.square(), weight.square().sum((2, 3)))
    factor = (power + _EPSILON).rsqrt() * gain
    scaled: Tensor = _Scaled.apply(out, factor.to(out.dtype), bias)  # type: ignore[no-untyped-call]
    return scaled

"""3D convolution as a CPU runs it best: always in oneDNN, channels last.

PyTorch sends small single-precision convolutions of a batch of one (``batch * channels * depth * height <= 20480``) to
a plain loop that is three to six times slower than oneDNN, and that is just what one latent volume looks like. Calling
the oneDNN kernel gives the same numbers.

oneDNN computes channels last; activations that lie channels first are rearranged before every convolution and back after
it. A network whose weights lie channels last hands them on as they are, which is a fifth of a denoiser's time.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

_GATE = 20480


def _skips_onednn(x: torch.Tensor) -> bool:
    """Whether PyTorch would send this input to the slow loop though oneDNN could take it."""
    return bool(
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[0] * x.shape[1] * x.shape[2] * x.shape[3] <= _GATE
        and x.shape[2] * x.shape[3] * x.shape[4] > 1
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and not torch.is_autocast_enabled("cpu")
    )


def _spoils_gradients(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether oneDNN would get the gradient of these weights wrong.

    In bfloat16, where the input is two voxels deep, it is infinite, not a number or off by powers of ten (torch 2.13).
    """
    if x.device.type != "cpu" or x.shape[2] != 2 or not (torch.is_grad_enabled() and weight.requires_grad):
        return False
    return x.dtype == torch.bfloat16 or (
        torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


class Conv3d(nn.Conv3d):
    """``torch.nn.Conv3d`` with zero padding whose small single-precision inputs also run in oneDNN.

    Input (B, C, D, H, W), output (B, C', D', H', W'); same parameters, same keys, same numbers to 2e-6.
    """

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if _spoils_gradients(input, weight):
            with torch.autocast("cpu", enabled=False):
                input, weight, bias = input.float(), weight.float(), None if bias is None else bias.float()
                return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        if self.padding_mode == "zeros" and not isinstance(self.padding, str) and _skips_onednn(input):
            return cast(
                torch.Tensor,
                torch.ops.aten.mkldnn_convolution(
                    input, weight, bias, self.padding, self.stride, self.dilation, self.groups
                ),
            )
        return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def channels_last_3d(network: nn.Module, device: torch.device) -> nn.Module:
    """The network itself, its weights channels last where that is faster: on a CPU.

    Convolutions take the layout from their weights, so inputs may come in any. Inference gains everywhere; training gains
    with many channels on small maps (the denoiser) and loses with few on large ones (the autoencoder).
    """
    if device.type == "cpu":
        for layer in network.modules():
            if isinstance(layer, (nn.Conv3d, nn.ConvTranspose3d)):
                layer.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # PyTorch's stub lacks it
    return network

"""ResNet with one batch norm for each domain (Han 2021; after He 2016 and Xie 2020).

Every convolution is shared; only the normalisation knows whether a batch is clean or adversarial. Parameter names are those
of the official checkpoints (``bn1.bns.0.weight``), and torchvision's for a network with one batch norm (``bn1.weight``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from napari_medgen.saliency.architecture import ResNetSizes

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
_BOTTLENECK = 4  # output channels of a bottleneck, over its inner ones


class DomainBatchNorm2d(nn.Module):
    """Batch norms beside each other; a whole batch goes through one of them."""

    def __init__(self, channels: int, domains: int, momentum: float) -> None:
        super().__init__()
        self.bns = nn.ModuleList(nn.BatchNorm2d(channels, momentum=momentum) for _ in range(domains))

    def forward(self, x: Tensor, domain: int) -> Tensor:
        out: Tensor = self.bns[domain](x)
        return out


class OneBatchNorm2d(nn.BatchNorm2d):
    """An ordinary batch norm, called as the one with domains is; the domain has no meaning to it."""

    def forward(self, x: Tensor, domain: int = 0) -> Tensor:
        return super().forward(x)


def _norm(channels: int, sizes: ResNetSizes) -> nn.Module:
    if sizes.domains == 1:
        return OneBatchNorm2d(channels, momentum=sizes.momentum)
    return DomainBatchNorm2d(channels, sizes.domains, sizes.momentum)


def _conv(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False)


def _a_channel(value: float | tuple[float, ...], x: Tensor) -> float | Tensor:
    """A number as it is; one for each channel in the shape that images (N, C, H, W) are computed with."""
    return value if isinstance(value, float | int) else x.new_tensor(value).view(1, -1, 1, 1)


class _Shortcut(nn.ModuleList):
    """Projection of a block's input to its output's shape; named ``downsample.0`` and ``downsample.1``."""

    def __init__(self, inside: int, outside: int, stride: int, sizes: ResNetSizes) -> None:
        super().__init__([_conv(inside, outside, 1, stride), _norm(outside, sizes)])

    def forward(self, x: Tensor, domain: int) -> Tensor:
        out: Tensor = self[1](self[0](x), domain)
        return out


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inside: int, planes: int, stride: int, sizes: ResNetSizes) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inside, planes, 3, stride), _norm(planes, sizes)
        self.conv2, self.bn2 = _conv(planes, planes, 3), _norm(planes, sizes)
        self.downsample = _Shortcut(inside, planes, stride, sizes) if stride > 1 or inside != planes else None

    def forward(self, x: Tensor, domain: int) -> Tensor:
        out = self.bn1(self.conv1(x), domain).relu()
        out = self.bn2(self.conv2(out), domain)
        return torch.relu(out + (x if self.downsample is None else self.downsample(x, domain)))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (with the stride) and 1 x 1 convolutions and a shortcut."""

    expansion = _BOTTLENECK

    def __init__(self, inside: int, planes: int, stride: int, sizes: ResNetSizes) -> None:
        super().__init__()
        inner, outside = planes * sizes.widen, planes * _BOTTLENECK
        self.conv1, self.bn1 = _conv(inside, planes, 1), _norm(planes, sizes)
        self.conv2, self.bn2 = _conv(planes, inner, 3, stride), _norm(inner, sizes)
        self.conv3, self.bn3 = _conv(inner, outside, 1), _norm(outside, sizes)
        self.downsample = _Shortcut(inside, outside, stride, sizes) if stride > 1 or inside != outside else None

    def forward(self, x: Tensor, domain: int) -> Tensor:
        out = self.bn1(self.conv1(x), domain).relu()
        out = self.bn2(self.conv2(out), domain).relu()
        out = self.bn3(self.conv3(out), domain)
        return torch.relu(out + (x if self.downsample is None else self.downsample(x, domain)))


def channels_last(network: ResNet) -> ResNet:
    """The same network with weights in the memory layout in which 2D convolutions are fastest."""
    moved: ResNet = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stub lacks it
    return moved


class ResNet(nn.Module):
    """Residual network whose batch norms are chosen by domain.

    Parameters
    ----------
    sizes
        Depth, widths, number of classes and of domains.
    """

    def __init__(self, sizes: ResNetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        block = Bottleneck if sizes.depth == 50 else BasicBlock
        inside = sizes.widths[0]
        self.conv1 = nn.Conv2d(sizes.channels, inside, 7, 2, padding=3, bias=False)
        self.bn1 = _norm(inside, sizes)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if sizes.max_pool else nn.Identity()
        for stage, (planes, count) in enumerate(zip(sizes.widths, _BLOCKS[sizes.depth], strict=True)):
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(block(inside, planes, stride, sizes))
                inside = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.ModuleList(blocks))
        self.fc = nn.Linear(inside, sizes.classes)
        self._initialise()

    def _initialise(self) -> None:
        """As the official code: convolutions N(0, 2 / fan-out), the linear layer N(0, 0.01)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)

    @property
    def stages(self) -> tuple[nn.ModuleList, ...]:
        """The four stages of blocks."""
        return tuple(getattr(self, f"layer{i}") for i in range(1, 5))

    def feature_maps(self, x: Tensor, domain: int = 0) -> list[Tensor]:
        """Output of each of the four stages, for images (N, C, H, W) in [0, 1]."""
        out = (x - _a_channel(self.sizes.mean, x)) / _a_channel(self.sizes.std, x)
        out = self.maxpool(self.bn1(self.conv1(out), domain).relu())
        maps = []
        for stage in self.stages:
            for block in stage:
                out = block(out, domain)
            maps.append(out)
        return maps

    def features(self, x: Tensor, domain: int = 0) -> Tensor:
        """Averages (N, D) of the last stage's maps: what the linear layer sees."""
        return self.feature_maps(x, domain)[-1].mean((2, 3))

    def forward(self, x: Tensor, domain: int = 0) -> Tensor:
        """Logits.

        Parameters
        ----------
        x
            (N, channels, H, W) in [0, 1].
        domain
            Batch norm that the whole batch goes through: 0 for clean images, 1 for adversarial ones.

        Returns
        -------
        torch.Tensor
            (N, classes) logits.
        """
        logits: Tensor = self.fc(self.features(x, domain))
        return logits


@contextlib.contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """The network with fixed statistics and frozen weights; its mode and its gradients' switches come back after."""
    training = {module: module.training for module in network.modules()}
    trained = [p for p in network.parameters() if p.requires_grad]
    network.eval()
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        for module, was in training.items():
            module.training = was

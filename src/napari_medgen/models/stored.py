"""Weights as files hold them: in half precision, or in eight bits with a scale for each output channel.

Eight bits halve a file. Each row of a weight (what makes one output channel) is divided by its largest absolute value over
127 and rounded: symmetric, per channel (Jacob 2018, section 2.1, with a zero point of zero). Only the file is small:
networks compute with floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.errors import RecipeError

if TYPE_CHECKING:
    import torch

_SCALE = ".int8_scale"  # of the name of a tensor that is held in eight bits
_STEPS = 127
_SMALL = 4096  # values of a tensor that is not worth it


def half_precision(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors as shipped weights hold them: floating-point ones in half precision, others as they are."""
    return {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}


def eight_bits(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same with layers' weights in eight bits, beside their scales; vectors and small tensors in half precision."""
    import torch

    found: dict[str, torch.Tensor] = {}
    for key, value in tensors.items():
        if not value.is_floating_point() or value.ndim < 2 or value.numel() < _SMALL:
            found |= half_precision({key: value})
            continue
        rows = value.float()
        largest = rows.abs().amax(tuple(range(1, rows.ndim)), keepdim=True)
        scale = (largest / _STEPS).clamp(min=torch.finfo(torch.float32).tiny)
        found[key] = (rows / scale).round().to(torch.int8)
        found[key + _SCALE] = scale
    return found


def widened(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of a file as networks take them: what is in half precision or eight bits in single precision.

    Raises
    ------
    ValueError
        If a scale has no weights, or weights in eight bits have none that fits.
    """
    import torch

    half, found = (torch.float16, torch.bfloat16), dict[str, torch.Tensor]()
    for key, value in tensors.items():
        if key.endswith(_SCALE):
            if key.removesuffix(_SCALE) not in tensors:
                raise ValueError(f"{key} does not fit what it is the scale of")
            continue
        scale = tensors.get(key + _SCALE)
        if scale is not None:
            if value.dtype != torch.int8 or value.ndim < 2 or scale.shape != (len(value), *[1] * (value.ndim - 1)):
                raise ValueError(f"{key}{_SCALE} does not fit what it is the scale of")
            found[key] = value.float() * scale
        elif value.dtype == torch.int8:
            raise ValueError(f"{key} has no scale")
        else:
            found[key] = value.float() if value.dtype in half else value
    return found


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Weights to start a training from, of a file that may be of a run that was stopped, and so of no model yet.

    Raises
    ------
    RecipeError
        If there are none.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return widened(load_file(path))
    except (OSError, SafetensorError, ValueError):
        raise RecipeError(f"There are no weights to start from in {path}.") from None

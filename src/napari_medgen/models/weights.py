"""The weights of a network in somebody else's checkpoint, wherever and however they are kept there.

Trainers wrap networks (``module.``, ``model.``, ``_orig_mod.``), put the state dict under a name of their own, keep an
average beside the last step, and save in half precision. The network's own last names find it below any of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_medgen.models.checkpoints import named_tensors
from napari_medgen.running.limits import require_model_bytes

if TYPE_CHECKING:
    import torch

_AVERAGES = {"ema", "avg", "averaged", "average", "swa", "shadow"}


def weights_named(content: Mapping[Any, Any], wanted: Sequence[str]) -> tuple[str, dict[str, torch.Tensor]] | None:
    """Tensors of a network by its own names, averaged ones before those of the last step.

    Parameters
    ----------
    content
        Of :func:`~napari_medgen.models.checkpoints.read_checkpoint`.
    wanted
        Names that this network has and others have not, for example ``("conv1.weight", "fc.weight")``.

    Returns
    -------
    tuple
        What stood before the names, and the tensors, floating-point ones in single precision; None where there is no such
        network.
    """
    found = named_tensors(content)
    first = wanted[0]
    prefixes = [name.removesuffix(first) for name in found if name == first or name.endswith(f".{first}")]
    whole = [prefix for prefix in prefixes if all(f"{prefix}{name}" in found for name in wanted)]
    if not whole:
        return None
    prefix = min(whole, key=lambda p: (not is_average(p), p.count("."), p))
    tensors = {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}
    # Many names may share the numbers of few.
    require_model_bytes(sum(tensor.numel() * 4 for tensor in tensors.values()), "The checkpoint")
    return prefix, {name: single(tensor) for name, tensor in tensors.items()}


def beside(content: Mapping[Any, Any], prefix: str, name: str) -> torch.Tensor | None:
    """The tensor of a name that lies nearest to a network: beside its prefix, or beside what that lies in."""
    found = named_tensors(content)
    parts = prefix.split(".")[:-1]
    for length in range(len(parts), -1, -1):
        whole = ".".join([*parts[:length], name])
        if whole in found:
            return single(found[whole])
    return None


def is_average(prefix: str) -> bool:
    """Whether a prefix says that the weights are an average over training."""
    return not _AVERAGES.isdisjoint(re.split(r"[._]", prefix.lower()))


def single(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor on its own, floating-point numbers in single precision."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()

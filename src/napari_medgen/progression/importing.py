"""Import StyleGAN2-ADA's ``network-snapshot.pkl`` without running anything that is in it.

Such a file carries the source text of its networks, and the official loader executes it. This reader puts an inert object
in the place of every network, keeps the names and the tensors, and never looks at the source.
"""

from __future__ import annotations

import importlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import ModelFolder, load_weights, write_folder
from napari_medgen.progression.architecture import GENERATOR_FILE, ProgressionArchitecture, StyleGANSizes
from napari_medgen.progression.stylegan import Generator


class _Network:
    """What stands for a network: its class name and its state, nothing else."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self.class_name, self.state = str(meta.get("class_name", "")), meta.get("state", {})


class _Forbidden(pickle.UnpicklingError):
    pass


def _storage(content: bytes) -> Any:
    """A tensor's storage, which is a file of torch.save within the pickle; the numbers alone are read."""
    return torch.load(BytesIO(content), map_location="cpu", weights_only=True)


def _allowed() -> dict[tuple[str, str], Any]:
    import numpy as np

    rebuild: Any = torch._utils
    scalar = importlib.import_module("numpy._core.multiarray").scalar
    return {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _Network,
        ("dnnlib.util", "EasyDict"): dict,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_parameter"): rebuild._rebuild_parameter,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild._rebuild_tensor_v2,
        ("torch.storage", "_load_from_bytes"): _storage,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "scalar"): scalar,
        ("numpy._core.multiarray", "scalar"): scalar,
    }


class _Unpickler(pickle._Unpickler):  # the Python one: its find_class cannot be bypassed by C fast paths
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _allowed()[module, name]
        except KeyError:
            raise _Forbidden(f"{module}.{name}") from None


def read_snapshot(path: str | Path) -> dict[str, Any]:
    """Content of a StyleGAN2-ADA pickle; networks are inert.

    Raises
    ------
    ModelError
        If the file is missing, damaged, of another kind, or names anything that is not needed to hold numbers. Nothing that
        it names or carries is run.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = _Unpickler(file).load()
    except FileNotFoundError:
        raise ModelError(f"There is no file {path.name}.") from None
    except _Forbidden as error:
        raise ModelError(f"{path.name} asks to run {error}; it is refused and nothing was run.") from None
    except Exception:
        raise ModelError(f"{path.name} is damaged, or not a pickle of StyleGAN2-ADA.") from None
    if isinstance(content, tuple):
        raise ModelError(f"{path.name} is of the TensorFlow version; convert it with NVIDIA's legacy.py first.")
    if not isinstance(content, dict) or not isinstance(content.get("G_ema"), _Network):
        raise ModelError(f"{path.name} holds no generator G_ema; it is not a pickle of StyleGAN2-ADA.")
    return content


def tensors_of(network: Any, prefix: str = "") -> dict[str, Tensor]:
    """Parameters and buffers of an inert network, by the names of its state dict."""
    state, found = network.state, {}
    for kind in ("_parameters", "_buffers"):
        for name, value in state.get(kind, {}).items():
            if isinstance(value, Tensor):
                found[f"{prefix}{name}"] = value.detach().float()
    for name, module in state.get("_modules", {}).items():
        if isinstance(module, _Network):
            found |= tensors_of(module, f"{prefix}{name}.")
    return found


def sizes_of(generator: Any) -> StyleGANSizes:
    """Sizes of an inert generator, from what it was made with.

    Raises
    ------
    ModelError
        If it is conditional, of another kind, or an impossible one.
    """
    made = dict(generator.state.get("_init_kwargs", {}))
    mapping, synthesis = dict(made.get("mapping_kwargs", {})), dict(made.get("synthesis_kwargs", {}))
    if made.get("c_dim"):
        raise ModelError("This generator wants a class with every image; only generators without classes can be imported.")
    if synthesis.get("architecture", "skip") != "skip":
        raise ModelError(f"This generator has the architecture {synthesis['architecture']}; only skip can be imported.")
    try:
        return StyleGANSizes(
            resolution=made["img_resolution"],
            channels=made["img_channels"],
            z_dim=made["z_dim"],
            w_dim=made["w_dim"],
            mapping_layers=mapping.get("num_layers", 8),
            channel_base=synthesis.get("channel_base", 32768),
            channel_max=synthesis.get("channel_max", 512),
            clamp=synthesis.get("conv_clamp") or 0.0,
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"The generator does not say what it is made of: {error}.") from None


def import_snapshot(
    path: str | Path, out: str | Path, *, name: str = "", classifier: str = "", mirror: str = ""
) -> ModelFolder:
    """Turn a StyleGAN2-ADA pickle into a model folder.

    Parameters
    ----------
    name
        Of the model; by default the folder's.
    classifier
        Name of the model that grades images; needed to project.
    mirror
        Side ("L" or "R") that was mirrored before training; empty for none, as published.

    Raises
    ------
    ModelError
        See :func:`read_snapshot` and :func:`sizes_of`; also if a tensor is missing or has another shape.
    """
    content = read_snapshot(path)
    sizes = sizes_of(content["G_ema"])
    tensors = tensors_of(content["G_ema"])
    load_weights(Generator(sizes), tensors, "generator")
    architecture = ProgressionArchitecture(generator=sizes, classifier=classifier, mirror=mirror)
    card = ModelCard(
        name=name or Path(out).name,
        title=name or Path(out).name,
        description=f"StyleGAN2 generator imported from {Path(path).name}.",
        task="progression",
        architecture=architecture.model_dump(mode="json"),
        limits="Imported: nothing is known here of its training data or of its quality.",
        checksums={},
    )
    return write_folder(out, card, {GENERATOR_FILE: tensors})

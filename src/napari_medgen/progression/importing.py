"""Import ``network-snapshot.pkl`` of StyleGAN2-ADA, or of its StyleGAN2 in the stylegan3 code, and run nothing of it.

Such a file carries the source text of its networks, and the official loader executes it. Here networks are inert: names and
tensors are kept, and the source is never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from napari_medgen.errors import ModelError
from napari_medgen.models.card import imported_card, model_name
from napari_medgen.models.checkpoints import named_tensors, opened_foreign, read_bare_pickle
from napari_medgen.models.folder import ModelFolder, build_network, write_folder
from napari_medgen.models.inert import Inert, Name
from napari_medgen.models.weights import single
from napari_medgen.progression.architecture import GENERATOR_FILE, ProgressionArchitecture, StyleGANSizes
from napari_medgen.progression.networks.stylegan import Generator

_NETWORK = Name("torch_utils.persistence", "_reconstruct_persistent_obj")
# Where the stylegan3 code differs: options lie beside each other, and activations are clamped unless told otherwise.
_CLAMP_OF_STYLEGAN3 = 256.0
_MOST_PARTS = 10_000
_DEEPEST = 8  # levels of parts within parts; official networks have four


def read_snapshot(path: str | Path) -> dict[str, Any]:
    """Content of such a pickle; networks are inert.

    Raises
    ------
    ModelError
        If the file is missing, damaged, too large, or of another kind. Nothing that it names or carries is run.
    """
    path = Path(path)
    with opened_foreign(path, "a pickle of StyleGAN2-ADA") as file:
        content = read_bare_pickle(file, path.name)
    if isinstance(content, tuple):
        raise ModelError(f"{path.name} is of the TensorFlow version; convert it with NVIDIA's legacy.py first.")
    if not isinstance(content, dict) or not _is_network(content.get("G_ema")):
        raise ModelError(f"{path.name} holds no generator G_ema; it is not a pickle of StyleGAN2-ADA.")
    return content


def _is_network(value: Any) -> bool:
    return isinstance(value, Inert) and value.of == _NETWORK and bool(value.args) and isinstance(value.args[0], dict)


def _state(network: Any) -> dict[str, Any]:
    """Attributes of an inert network; empty for anything else."""
    state = network.args[0].get("state") if _is_network(network) else None
    return state if isinstance(state, dict) else {}


def _as_module(network: Any, depth: int = 0, left: list[int] | None = None) -> dict[str, Any]:
    """Tensors and parts of a network by name, as nested dictionaries."""
    left = [_MOST_PARTS] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        raise ModelError("The generator consists of more parts than any that is known.")
    state = _state(network)
    parts = _dictionary(state.get("_modules")) if depth < _DEEPEST else {}
    return {
        **_dictionary(state.get("_parameters")),
        **_dictionary(state.get("_buffers")),
        **{name: _as_module(part, depth + 1, left) for name, part in parts.items() if _is_network(part)},
    }


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def tensors_of(network: Any) -> dict[str, Tensor]:
    """Parameters and buffers of an inert network, by the names of its state dict, in single precision."""
    return {name: single(tensor).float() for name, tensor in named_tensors(_as_module(network)).items()}


def sizes_of(generator: Any, tensors: Mapping[str, Tensor]) -> StyleGANSizes:
    """Sizes of an inert generator, from what it was made with, what its layers say, and its tensors' shapes.

    Raises
    ------
    ModelError
        If it is conditional, of another kind, or an impossible one.
    """
    made = _dictionary(_state(generator).get("_init_kwargs"))
    apart = made.get("synthesis_kwargs")
    options = _dictionary(apart) if apart is not None else made
    if any(name.startswith("synthesis.input.") for name in tensors):
        raise ModelError("This is a generator of StyleGAN3; only those of StyleGAN2 can be imported.")
    if made.get("c_dim"):
        raise ModelError("This generator wants a class with every image; only generators without classes can be imported.")
    if options.get("architecture", "skip") != "skip":
        raise ModelError("This generator is not of the architecture skip, which is the only one that can be imported.")
    unsaid = 0.0 if apart is not None or not made else _CLAMP_OF_STYLEGAN3
    clamp = _clamp(generator, options.get("conv_clamp", unsaid))
    try:
        return StyleGANSizes(
            resolution=made["img_resolution"],
            channels=made["img_channels"],
            z_dim=made["z_dim"],
            w_dim=made["w_dim"],
            mapping_layers=sum(name.startswith("mapping.fc") and name.endswith(".weight") for name in tensors) or 8,
            channel_base=options.get("channel_base", 32768),
            channel_max=options.get("channel_max", 512),
            clamp=clamp or 0.0,
        )
    except KeyError as error:
        raise ModelError(f"The generator does not say what it is made of: {error.args[0]} is missing.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"The generator cannot be built as it says: {place}: {first['msg']}.") from None


def _clamp(generator: Any, told: Any) -> Any:
    """Limit of the activations: what a layer itself keeps counts before the options that it was made with."""
    synthesis = _dictionary(_state(generator).get("_modules")).get("synthesis")
    for block in _dictionary(_state(synthesis).get("_modules")).values():
        for layer in _dictionary(_state(block).get("_modules")).values():
            if "conv_clamp" in _state(layer):
                return _state(layer)["conv_clamp"]
    return told


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
    name = model_name(name, Path(out))
    content = read_snapshot(path)
    tensors = tensors_of(content["G_ema"])
    sizes = sizes_of(content["G_ema"], tensors)
    build_network(lambda: Generator(sizes), tensors, "generator")
    architecture = ProgressionArchitecture(generator=sizes, classifier=classifier, mirror=mirror)
    card = imported_card(
        name,
        "progression",
        architecture,
        f"StyleGAN2 generator imported from {Path(path).name}.",
        "Imported: nothing is known here of its training data or of its quality.",
    )
    return write_folder(out, card, {GENERATOR_FILE: tensors})

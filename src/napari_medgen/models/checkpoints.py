"""Read PyTorch checkpoints of other people without running any code that is in them.

A checkpoint is a pickle, and a pickle may call any function. This reader resolves a short list of harmless names, replaces
the classes of configuration libraries by inert stand-ins that only remember their state, and refuses everything else.
"""

from __future__ import annotations

import pickle
import types
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

from napari_medgen.errors import ModelError

_INERT_MODULES = ("omegaconf", "typing", "pytorch_lightning", "lightning", "lightning_fabric", "argparse", "pathlib")
_BUILTINS = {
    "dict": dict,
    "list": list,
    "tuple": tuple,
    "set": set,
    "int": int,
    "long": int,
    "float": float,
    "str": str,
}
_TORCH_NAMES = {
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch", "Size"),
    ("torch", "device"),
}


class Inert:
    """Stands in for an object of a class that is not loaded; keeps its state and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __hash__(self) -> int:
        return id(self)


class _Forbidden(pickle.UnpicklingError):
    pass


class _Unpickler(pickle._Unpickler):  # the Python one: its find_class cannot be bypassed by C fast paths
    def find_class(self, module: str, name: str) -> Any:
        if module in ("builtins", "__builtin__") and name in _BUILTINS:
            return _BUILTINS[name]
        if module == "collections" and name in ("OrderedDict", "defaultdict"):
            return {"OrderedDict": OrderedDict, "defaultdict": defaultdict}[name]
        if (module, name) in _TORCH_NAMES:
            import torch

            holder: Any = torch._utils if module == "torch._utils" else torch
            return getattr(holder, name)
        if module == "torch" and name in _dtype_names():
            import torch

            return getattr(torch, name)
        if module.split(".")[0] in _INERT_MODULES:
            return Inert
        raise _Forbidden(f"{module}.{name}")


def _dtype_names() -> set[str]:
    import torch

    return {name for name, value in vars(torch).items() if isinstance(value, torch.dtype)}


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise _Forbidden("a second pickle")


# What torch.load is given in the place of the module pickle.
_RESTRICTED = types.ModuleType("restricted_pickle")
vars(_RESTRICTED).update(Unpickler=_Unpickler, load=_refuse, loads=_refuse, UnpicklingError=pickle.UnpicklingError)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Content of a checkpoint that ``torch.save`` wrote.

    Parameters
    ----------
    path
        A ``.ckpt``, ``.pt`` or ``.pth`` file of PyTorch 1.6 or later.

    Returns
    -------
    dict
        Tensors on the CPU, plain Python values, and :class:`Inert` objects; see :func:`plain`.

    Raises
    ------
    ModelError
        If the file is missing, of another kind, damaged, or names anything that is not needed to hold numbers. Nothing
        that it names is run.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path.name}.")
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path.name} is not a checkpoint that PyTorch 1.6 or later wrote.")
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise ModelError(f"{path.name} is a TorchScript program, not a checkpoint; it is not run.")
    try:
        content = torch.load(path, map_location="cpu", pickle_module=_RESTRICTED, weights_only=False)
    except _Forbidden as error:
        raise ModelError(f"{path.name} asks to run {error}; it is refused and nothing was run.") from None
    except Exception:
        raise ModelError(f"{path.name} is damaged, or not a checkpoint.") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path.name} holds no named entries; it is not a checkpoint of this kind.")
    return content


def plain(value: Any) -> Any:
    """A configuration object (OmegaConf's nodes, or containers of them) as plain dictionaries, lists and values."""
    if isinstance(value, Inert):
        state = getattr(value, "state", None)
        if isinstance(state, dict):
            if "_content" in state:
                return plain(state["_content"])
            if "_val" in state:
                return plain(state["_val"])
            return {key: plain(item) for key, item in state.items()}
        return None
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value

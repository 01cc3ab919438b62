"""A GPU that is not there: code for ``cuda`` runs on a CPU build of PyTorch, and what a GPU refuses is refused.

A tensor on the pretended device says ``cuda:0`` of itself and keeps its numbers in an ordinary one. Every operator is
checked as a GPU would check it (tensors of two devices, a CPU's generator, ``.numpy()``, more memory than there is, what
Apple's GPU has not), then computed by the CPU's kernel. Waits, uploads, draws from its own generator and bytes are counted
by the line of the product that caused them. Autograd and autocast lie above and are PyTorch's own.

    with PretendedGpu(memory=2**30) as gpu:
        torch.ones(3, device="cuda") + torch.ones(3)      # RuntimeError: two devices
        gpu.allocated, gpu.peak, gpu.waits, gpu.uploads, gpu.draws

It cannot tell speed, the workspace of cuDNN, kernels that lack a type on CUDA, wrong numbers of a GPU's kernel, races
between streams, nor anything of several processes. It needs a C++ compiler once, for thirty lines that say which device is
the current one, and leans on private parts of PyTorch; :func:`why_not` says where it cannot be had.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

# Operators whose tensors may lie on two devices.
_TWO_DEVICES = {"copy_", "index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "set_data"}
# Operators after which the CPU must know a number or a shape: it waits until the GPU has come so far.
_WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "repeat_interleave", "_unique2"}
# Operators that refuse even a single number from another device.
_STRICT = {"cat", "stack", "embedding", "index_select", "gather", "scatter", "mm", "addmm", "bmm"}
_NO_KERNEL = "CUDA error: no kernel image is available for execution on the device"
_now: PretendedGpu | None = None


def why_not() -> str:
    """Why there is no pretended GPU here; empty where there is."""
    if torch.backends.cuda.is_built():
        return "this PyTorch has CUDA"
    if shutil.which("g++") is None:
        return "there is no g++"
    return ""


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor, device: torch.device) -> OnGpu:
        made: OnGpu = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=device,
        )
        return made

    def __init__(self, inner: Tensor, device: torch.device) -> None:
        self.inner, self._share = inner, _Share(_gpu(), inner)

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu({self.inner!r})"

    def numpy(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        raise TypeError(f"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first. ({_line()})")

    __array__ = numpy  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied: Any = self.detach().clone(memory_format=torch.preserve_format).requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.inner.__reduce_ex__(protocol)  # as a checkpoint that is loaded to the CPU

    # With these, Module.to changes tensors in place, as for a real device, so that optimisers keep their parameters.
    def __tensor_flatten__(self) -> Any:
        return ["inner"], self.device

    @staticmethod
    def __tensor_unflatten__(parts: Any, device: Any, size: Any, stride: Any) -> OnGpu:
        return OnGpu(parts["inner"], device)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Share:
    """Memory of a storage, held together by all views of it."""

    def __init__(self, gpu: PretendedGpu, inner: Tensor) -> None:
        storage = inner.untyped_storage()
        self._gpu, self._key = gpu, storage._cdata
        gpu._hold(self._key, storage.nbytes())

    def __del__(self) -> None:
        self._gpu._let_go(self._key)


class PretendedGpu:
    """The device, while the context lasts.

    Parameters
    ----------
    memory
        Bytes that it has.
    count
        How many there are; all share one memory.
    works
        Whether it computes: one that PyTorch sees and has no kernels for refuses every convolution.
    mps
        Whether it refuses float64, as Apple's does.
    """

    def __init__(self, memory: int = 2**40, *, count: int = 1, works: bool = True, mps: bool = False) -> None:
        self.memory, self.count, self.works, self.mps = memory, count, works, mps
        self.waits: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.draws: Counter[str] = Counter()
        self.operations = self.allocated = self.reserved = self.peak = 0
        self._held: dict[int, list[int]] = {}
        self._lock = threading.RLock()
        self._random = torch.Generator().manual_seed(20201104).get_state()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> PretendedGpu:
        global _now
        _register()
        _now = self
        self._stack.enter_context(mock.patch.object(torch.nn.Module, "_apply", _apply))
        for name, value in self._cuda().items():
            self._stack.enter_context(mock.patch.object(torch.cuda, name, value, create=True))
        return self

    def __exit__(self, *_: object) -> None:
        global _now
        self._stack.close()
        _now = None

    def check(self, name: str, args: Any, kwargs: Any, ours: list[OnGpu], others: list[Tensor]) -> None:
        """Refuse what a GPU refuses, in its words."""
        foreign = [x for x in others if x.ndim or name in _STRICT]
        places = {x.device for x in ours} | {x.device for x in foreign}
        if ours and len(places) > 1 and name not in _TWO_DEVICES:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{' and '.join(sorted(map(str, places)))}! (aten::{name}, {_line()})"
            )
        if name in ("index", "_unsafe_index") and ours and not isinstance(args[0], OnGpu):
            raise RuntimeError(
                f"indices should be either on cpu or on the same device as the indexed tensor (cpu) ({_line()})"
            )
        generator = kwargs.get("generator")
        if generator is not None and generator.device.type == "cpu" and ours:
            raise RuntimeError(f"Expected a 'cuda' device type for generator but found 'cpu' ({_line()})")
        if not self.works and name in ("convolution", "mm", "addmm", "bmm"):
            raise torch.AcceleratorError(_NO_KERNEL) if hasattr(torch, "AcceleratorError") else RuntimeError(_NO_KERNEL)
        if self.mps and _target(kwargs, ours).type != "cpu":
            wanted = kwargs.get("dtype") or (ours[0].dtype if ours and "dtype" not in kwargs else None)
            if wanted == torch.float64:
                raise TypeError(
                    f"Cannot convert a MPS Tensor to float64 dtype as the MPS framework has no float64 ({_line()})"
                )

    def note(self, name: str, args: Any, kwargs: Any, ours: list[OnGpu]) -> None:
        """Write down what the CPU waits for and what is sent up."""
        target = _target(kwargs, ours)
        if name == "_to_copy" and ours and target.type == "cpu":
            self.waits[f"{_line()} to the CPU"] += 1
        elif name == "copy_" and isinstance(args[0], OnGpu) != isinstance(args[1], OnGpu):
            if not isinstance(args[0], OnGpu):
                self.waits[f"{_line()} to the CPU"] += 1
            elif args[1].ndim:
                self.uploads[f"{_line()} {tuple(args[1].shape)}"] += 1
        elif name in _WAITING or (name.startswith("index") and _by_mask(args)):
            self.waits[f"{_line()} {name}"] += 1

    @contextlib.contextmanager
    def own_random(self, name: str) -> Iterator[None]:
        """Draw from the GPU's generator, which knows nothing of the CPU's seed."""
        self.draws[f"{_line()} {name}"] += 1
        saved = torch.default_generator.get_state()
        torch.default_generator.set_state(self._random)
        try:
            yield
        finally:
            self._random = torch.default_generator.get_state()
            torch.default_generator.set_state(saved)

    def _hold(self, key: int, count: int) -> None:
        with self._lock:
            if key in self._held:
                self._held[key][0] += 1
                return
            if self.allocated + count > self.memory:
                raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {count / 2**20:.2f} MiB. (pretended)")
            self._held[key] = [1, count]
            self.allocated += count
            self.reserved, self.peak = max(self.reserved, self.allocated), max(self.peak, self.allocated)

    def _let_go(self, key: int) -> None:
        with self._lock:
            entry = self._held.get(key)
            if entry is not None:
                entry[0] -= 1
                if not entry[0]:
                    self.allocated -= entry[1]
                    del self._held[key]

    def _cuda(self) -> dict[str, Any]:
        """What ``torch.cuda`` says and does meanwhile."""

        def empty_cache() -> None:
            self.reserved = self.allocated

        def seed(number: int = 0) -> None:
            self._random = torch.Generator().manual_seed(number ^ 0x6E0).get_state()

        def set_state(state: Tensor, *_: Any) -> None:
            self._random = state.clone()

        about = SimpleNamespace(name="Pretended GPU", major=8, minor=6, total_memory=self.memory, multi_processor_count=40)
        said: dict[str, Any] = {
            "is_available": True,
            "is_initialized": True,
            "device_count": self.count,
            "current_device": 0,
            "get_device_name": about.name,
            "get_device_properties": about,
            "get_device_capability": (about.major, about.minor),
            "is_bf16_supported": True,
            "set_device": None,
            "synchronize": None,
            "_lazy_init": None,
            "mem_get_info": lambda: (self.memory - self.reserved, self.memory),
            "memory_allocated": lambda: self.allocated,
            "memory_reserved": lambda: self.reserved,
            "max_memory_allocated": lambda: self.peak,
            "get_rng_state": lambda: self._random.clone(),
        }

        def saying(value: Any) -> Any:
            return lambda *_, **__: value() if callable(value) else value

        made = {name: saying(value) for name, value in said.items()}
        return made | {"empty_cache": empty_cache, "manual_seed": seed, "manual_seed_all": seed, "set_rng_state": set_state}


def _gpu() -> PretendedGpu:
    if _now is None:
        raise RuntimeError("the pretended GPU is off")
    return _now


def _target(kwargs: Any, ours: list[OnGpu]) -> torch.device:
    """Where an operator puts what it makes."""
    asked = kwargs.get("device")
    if asked is None:
        return ours[0].device if ours else torch.device("cpu")
    asked = torch.device(asked)
    return torch.device(asked.type, asked.index or 0) if asked.type == "cuda" else asked


def _compute(func: Any, args: Any, kwargs: Any) -> Any:
    """One operator: a GPU's checks, then the CPU's kernel on the tensors within."""
    gpu, name = _gpu(), func._schema.name.removeprefix("aten::")
    found: list[Tensor] = []
    tree_map(lambda x: found.append(x) if isinstance(x, Tensor) else None, (args, kwargs))
    ours = [x for x in found if isinstance(x, OnGpu)]
    target = _target(kwargs, ours)
    gpu.check(name, args, kwargs, ours, [x for x in found if not isinstance(x, OnGpu)])
    gpu.note(name, args, kwargs, ours)

    def within(x: Any) -> Any:
        return x.inner if isinstance(x, OnGpu) else torch.device("cpu") if isinstance(x, torch.device) else x

    inner_args, inner_kwargs = tree_map(within, args), tree_map(within, kwargs)
    gpu.operations += not func.is_view
    draws = torch.Tag.nondeterministic_seeded in func.tags and kwargs.get("generator") is None and target.type == "cuda"
    if name in ("_softmax", "_log_softmax") and args[2]:  # half in, single out: a GPU's kernel alone
        inner_args = [inner_args[0].float(), inner_args[1], False]
    with gpu.own_random(name) if draws else contextlib.nullcontext():
        if name in ("_softmax_backward_data", "_log_softmax_backward_data") and args[3] != args[0].dtype:
            out = func(*inner_args[:3], args[0].dtype).to(args[3])
        else:
            out = func(*inner_args, **inner_kwargs)
    if "out" in kwargs:
        return kwargs["out"]
    if name.endswith("_") and not name.startswith("_foreach") and isinstance(args[0], Tensor):
        return args[0]
    if target.type != "cuda":
        return out
    return tree_map(lambda x: OnGpu(x, target) if isinstance(x, Tensor) and not isinstance(x, OnGpu) else x, out)


_plain_apply = torch.nn.Module._apply


def _apply(module: torch.nn.Module, fn: Any, recurse: bool = True) -> Any:
    """``Module.cpu``: a pretended parameter cannot become a plain one in place, so the module gets new ones."""
    for child in module.children() if recurse else ():
        child._apply(fn)
    for key, parameter in module._parameters.items():
        if isinstance(parameter, OnGpu):
            with torch.no_grad():
                moved = fn(parameter)
            if not isinstance(moved, OnGpu):
                module._parameters[key] = torch.nn.Parameter(moved, parameter.requires_grad)
    return _plain_apply(module, fn, recurse=False)


def _by_mask(args: Any) -> bool:
    indices = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
    return any(getattr(index, "dtype", None) == torch.bool for index in indices)


def _line() -> str:
    """The innermost line of the product that is being run."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if f"{os.sep}napari_medgen{os.sep}" in path:
            return f"{path.rpartition('napari_medgen' + os.sep)[2]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


# A CPU build knows no current device and no stream of cuda, which indexing, "cuda" without a number and backward ask for.
_CURRENT_DEVICE = """
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
namespace {
struct Said final : at::CUDAHooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 2; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
};
const c10::Device first(c10::DeviceType::CUDA, 0);
struct Current final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }
  c10::Device exchangeDevice(c10::Device) const override { return first; }
  c10::Device getDevice() const override { return first; }
  c10::Stream getStream(c10::Device) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, first); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, first); }
};
const c10::impl::DeviceGuardImplRegistrar registered(c10::DeviceType::CUDA, new Current());
// PyTorch makes its own hooks once, when it is imported; these take their place.
const bool hooked = [] {
  static Said own;
  auto* theirs = const_cast<at::CUDAHooksInterface*>(&at::detail::getCUDAHooks());
  *reinterpret_cast<void**>(theirs) = *reinterpret_cast<void**>(&own);
  return true;
}();
}
"""


def _compiled() -> Path:
    """The library of those lines; made once for each PyTorch."""
    made_of = hashlib.sha256(f"{torch.__version__} {os.getuid()} {_CURRENT_DEVICE}".encode()).hexdigest()[:16]
    library = Path(tempfile.gettempdir()) / f"napari-medgen-pretended-gpu-{made_of}.so"
    if not library.is_file():
        home = Path(torch.__file__).parent
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            source, made = Path(folder) / "current.cpp", Path(folder) / "current.so"
            source.write_text(_CURRENT_DEVICE)
            places = [f"-I{home / 'include'}", f"-L{home / 'lib'}", "-lc10", "-ltorch_cpu"]
            subprocess.run(["g++", "-std=c++20", "-shared", "-fPIC", str(source), *places, "-o", str(made)], check=True)
            made.replace(library)
    return library


@functools.cache
def _register() -> list[torch.library.Library]:
    """Give the dispatcher's key for CUDA, which a CPU build leaves empty, one kernel for everything."""
    ctypes.CDLL(str(_compiled()))
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(lambda func, *args, **kwargs: _compute(func, args, kwargs), "CUDA")
    # torch.tensor(..., device="cuda") copies beneath the subclass, and copies have kernels of their own.
    copies = torch.library.Library("aten", "IMPL")
    copies.impl("copy_", lambda *args: _compute(torch.ops.aten.copy_.default, args, {}), "CUDA")
    return [everything, copies]

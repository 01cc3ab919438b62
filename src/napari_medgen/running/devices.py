"""Which device computes, in which numeric type, and what happens when its memory is short."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import platformdirs
import psutil
import torch

from napari_medgen.errors import MedGenError, MemoryShortageError
from napari_medgen.running.allocator import keep_freed_memory, release
from napari_medgen.running.convolution import Conv3d
from napari_medgen.running.settings import load_settings

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Device:
    """A device and the type it computes in.

    Attributes
    ----------
    name
        As PyTorch calls it: ``cpu``, ``cuda`` or ``mps``; ``cuda:1`` is the second of several.
    precision
        ``float32`` or ``bfloat16``; weights are float32 in either case.
    convolution_seconds
        How long a small 3D convolution takes: what time estimates are scaled by. Nothing else depends on it.
    chosen
        Whether somebody asked for this precision. Where nobody did, a model's card may ask for single precision.
    remark
        Why it is not a faster one, for a person: a GPU that is there and cannot compute.
    """

    name: str
    precision: str
    convolution_seconds: float
    chosen: bool = True
    remark: str = ""

    @property
    def torch(self) -> torch.device:
        """The device itself."""
        return torch.device(self.name)

    @property
    def kind(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.torch.type

    @property
    def label(self) -> str:
        """What a person reads."""
        return f"{_called(self.name)}, {self.precision}" + (f" ({self.remark})" if self.remark else "")

    @property
    def identity(self) -> str:
        """What the last digits depend on beside the precision: hardware, threads and PyTorch."""
        threads = f", {torch.get_num_threads()} threads" if self.kind == "cpu" else ""
        return f"{self.kind} {_hardware(self.name)}{threads}, torch {torch.__version__}"

    def at(self, precision: str) -> Device:
        """The same device in another precision, which is thereby chosen.

        Raises
        ------
        MedGenError
            If there is no such precision.
        """
        if precision not in PRECISIONS:
            raise MedGenError(f"The precision must be auto, float32 or bfloat16, not {precision}.")
        if precision == self.precision:
            return replace(self, chosen=True)
        return replace(self, precision=precision, convolution_seconds=_measured(self.name, precision), chosen=True)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which networks run."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.kind, dtype=torch.bfloat16)


def available() -> list[str]:
    """Devices of this machine, the fastest first; of several GPUs each, the first of them also as ``cuda``."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = ["cuda", *(f"cuda:{index}" for index in range(count))] if count else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(name: str = "", precision: str = "") -> Device:
    """The device to use: as asked, else as set, else the fastest that computes.

    Where no precision is asked for, it is bfloat16 on hardware that computes in it, and float32 elsewhere. That follows
    from what the hardware is and never from how fast it was today, for a seed must give one volume.

    Raises
    ------
    MedGenError
        If the device is not on this machine or cannot compute, or the precision is unknown.
    """
    keep_freed_memory()
    # Single precision is what it says: an Ampere GPU would round what it convolves to ten bits, and a seed would be another
    # volume there.
    torch.backends.cudnn.allow_tf32 = False
    settings = load_settings()
    name, precision = name or settings.device, precision or settings.precision
    names, remark = available(), ""
    if name == "auto":
        # A GPU that PyTorch sees may be too old or too new for it, or its driver be broken: another device works.
        whys = {one: why_not(one) for one in names if one in ("cuda", "mps")}
        name = next(one for one in names if ":" not in one and not whys.get(one))
        remark = " ".join(why for why in whys.values() if why)
    elif name not in names:
        raise MedGenError(f"There is no device {name} on this machine; there is: {', '.join(names)}.")
    elif why := why_not(name):
        raise MedGenError(f"{why[0].upper()}{why[1:]}; choose another device (cpu), or a PyTorch that is made for it.")
    chosen = precision != "auto"
    if not chosen:
        precision = "bfloat16" if computes_bfloat16(name) else "float32"
    if precision not in PRECISIONS:
        raise MedGenError(f"The precision must be auto, float32 or bfloat16, not {precision}.")
    return Device(name, precision, _measured(name, precision), chosen, remark)


@functools.cache
def _trial(name: str) -> str:
    """What PyTorch says when a device convolves and differentiates a little; empty where it can."""
    try:
        with torch.enable_grad():
            x = torch.ones(1, 1, 4, 4, device=name, requires_grad=True)
            torch.nn.functional.conv2d(x, torch.ones(1, 1, 3, 3, device=name)).sum().backward()
        synchronise(name)
    except torch.OutOfMemoryError:
        return ""  # another program's memory: the work itself will say so
    except RuntimeError as error:
        return "" if _says_short(error) else str(error).splitlines()[0] or "unknown error"
    return ""


def why_not(name: str) -> str:
    """Why a device of this machine cannot be used, as part of a sentence; empty where it can.

    PyTorch calls a GPU available whose generation it has no kernels for.
    """
    if torch.device(name).type == "cpu" or not (said := _trial(name)):
        return ""
    reason = "is too old or too new for this PyTorch" if "no kernel image" in said else f"does not compute: {said}"
    return f"the GPU {_called(name)} {reason}"


def _called(name: str) -> str:
    """A device for a person."""
    kind = torch.device(name).type
    return torch.cuda.get_device_name(name) if kind == "cuda" else {"cpu": "CPU", "mps": "Apple GPU"}[kind]


def computes_bfloat16(name: str) -> bool:
    """Whether the hardware has instructions for bfloat16; emulating them is many times slower than single precision."""
    kind = torch.device(name).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu":
        return False
    # A user may have limited oneDNN to older instructions.
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()
    if limit and not any(word in limit for word in ("ALL", "DEFAULT", "BF16", "AMX", "AVX512_CORE_FP16")):
        return False
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(supported()) for supported in asked if supported is not None)


def _measured(name: str, precision: str) -> float:
    """Seconds of a small 3D convolution, measured once for each machine and PyTorch and then kept."""
    file = platformdirs.user_cache_path("napari-medgen") / "convolution-seconds.json"
    key = f"{torch.device(name).type} {_hardware(name)} threads {torch.get_num_threads()} torch {torch.__version__}"
    known: dict[str, dict[str, float]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file.read_text())
    if precision not in known.get(key, {}):
        known.setdefault(key, {})[precision] = _time_convolution(name, precision)
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(known, indent=1))
    return known[key][precision]


def synchronise(device: torch.device | str) -> None:
    """Wait until a device has done what it was told: a GPU is told long before."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def _hardware(name: str) -> str:
    is_gpu = torch.device(name).type == "cuda"
    return torch.cuda.get_device_name(name) if is_gpu else torch.backends.cpu.get_cpu_capability()


@torch.no_grad()
def _time_convolution(name: str, precision: str) -> float:
    """Best of a few runs of a 48-channel convolution on 16 x 20 x 16 voxels, given up after a quarter of a second."""
    device = torch.device(name)
    layer = Conv3d(48, 48, 3, padding=1).to(device)
    x = torch.randn(1, 48, 16, 20, 16, device=device)
    best, deadline = float("inf"), time.perf_counter() + 0.25
    with Device(name, precision, 0).autocast():
        for run in range(20):
            begun = time.perf_counter()
            layer(x)
            synchronise(device)
            now = time.perf_counter()
            if run:
                best = min(best, now - begun)
            if now > deadline and run:
                break
    return best


def free_bytes(device: Device) -> int:
    """Memory that a computation can still have on a device."""
    if device.kind == "cuda":
        # What PyTorch keeps in reserve and nobody uses counts as taken to the driver, and is free to us.
        kept = torch.cuda.memory_reserved(device.torch) - torch.cuda.memory_allocated(device.torch)
        return int(torch.cuda.mem_get_info(device.torch)[0]) + max(kept, 0)
    return int(psutil.virtual_memory().available)


def free_memory(*, thoroughly: bool = False) -> None:
    """Give back what finished work leaves behind, on every device.

    Parameters
    ----------
    thoroughly
        Look for reference cycles as well, such as an exception's; that holds up every thread for some tenths of a second.
    """
    if thoroughly:
        gc.collect()
    free_gpu_memory()
    release()


def free_gpu_memory() -> None:
    """Give back to the driver, and thus to other programs, what PyTorch keeps in reserve on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


@contextlib.contextmanager
def memory_guard(what: str, would_fit: str = "") -> Iterator[None]:
    """Turn running out of memory into one sentence, and free what the failed work held.

    Parameters
    ----------
    what
        What was tried, for example ``"Sampling 128 x 128 x 128 voxels"``.
    would_fit
        What to try instead.

    Raises
    ------
    MemoryShortageError
        Where PyTorch or Python ran out of memory.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        short: Any = True
    except RuntimeError as error:
        if not _says_short(error):
            raise
        short = True
    else:
        return
    if short:
        free_memory(thoroughly=True)
        advice = f" {would_fit}" if would_fit else ""
        raise MemoryShortageError(f"{what} needs more memory than is free.{advice}")


# What PyTorch and the libraries beneath it say where memory is short; a full GPU mostly says it of its handles and engines.
_SHORT = (
    "can't allocate memory",
    "out of memory",
    "alloc_failed",
    "cudnn_status_not_initialized",
    "cublas_status_not_initialized",
    "unable to find an engine",
    "valid cudnn algorithm",
)


def _says_short(error: Exception) -> bool:
    return any(words in str(error).lower() for words in _SHORT)


@contextlib.contextmanager
def smaller_instead() -> Iterator[None]:
    """End quietly where memory runs out, with what was held freed: something smaller is tried next."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _says_short(error):
            raise
        traceback.clear_frames(error.__traceback__)  # they hold what the failed work had made
    else:
        return
    free_memory(thoroughly=True)


def require_bytes(needed: int, device: Device, what: str, would_fit: str = "") -> None:
    """Refuse work that cannot fit before it starts.

    Raises
    ------
    MemoryShortageError
        If less than ``needed`` is free; the sentence names both.
    """
    free = free_bytes(device)
    if needed > free:
        advice = f" {would_fit}" if would_fit else ""
        raise MemoryShortageError(f"{what} needs about {gib(needed)}, and {gib(free)} are free.{advice}")


def gib(count: float) -> str:
    """Bytes for a person."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"

"""Which device computes, in which numeric type, and what happens when its memory is short."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import time
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
    kind
        ``cpu``, ``cuda`` or ``mps``.
    precision
        ``float32`` or ``bfloat16``; weights are float32 in either case.
    convolution_seconds
        How long a small 3D convolution takes: what time estimates are scaled by. Nothing else depends on it.
    chosen
        Whether somebody asked for this precision. Where nobody did, a model's card may ask for single precision.
    """

    kind: str
    precision: str
    convolution_seconds: float
    chosen: bool = True

    @property
    def torch(self) -> torch.device:
        """As PyTorch calls it."""
        return torch.device(self.kind)

    @property
    def label(self) -> str:
        """What a person reads."""
        name = torch.cuda.get_device_name() if self.kind == "cuda" else {"cpu": "CPU", "mps": "Apple GPU"}[self.kind]
        return f"{name}, {self.precision}"

    @property
    def identity(self) -> str:
        """What the last digits depend on beside the precision: hardware, threads and PyTorch."""
        threads = f", {torch.get_num_threads()} threads" if self.kind == "cpu" else ""
        return f"{self.kind} {_hardware(self.kind)}{threads}, torch {torch.__version__}"

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
        return Device(self.kind, precision, _measured(self.kind, precision))

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which networks run."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.kind, dtype=torch.bfloat16)


def available() -> list[str]:
    """Kinds of device on this machine, the fastest first."""
    kinds = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        kinds.append("mps")
    return [*kinds, "cpu"]


def choose_device(kind: str = "", precision: str = "") -> Device:
    """The device to use: as asked, else as set, else the fastest.

    Where no precision is asked for, it is bfloat16 on hardware that computes in it, and float32 elsewhere. That follows
    from what the hardware is and never from how fast it was today, for a seed must give one volume.

    Raises
    ------
    MedGenError
        If the device is not on this machine, or the precision is unknown.
    """
    keep_freed_memory()
    settings = load_settings()
    kind, precision = kind or settings.device, precision or settings.precision
    kinds = available()
    if kind == "auto":
        kind = kinds[0]
    if kind not in kinds:
        raise MedGenError(f"There is no device {kind} on this machine; there is: {', '.join(kinds)}.")
    chosen = precision != "auto"
    if not chosen:
        precision = "bfloat16" if computes_bfloat16(kind) else "float32"
    if precision not in PRECISIONS:
        raise MedGenError(f"The precision must be auto, float32 or bfloat16, not {precision}.")
    return Device(kind, precision, _measured(kind, precision), chosen)


def computes_bfloat16(kind: str) -> bool:
    """Whether the hardware has instructions for bfloat16; emulating them is many times slower than single precision."""
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


def _measured(kind: str, precision: str) -> float:
    """Seconds of a small 3D convolution, measured once for each machine and PyTorch and then kept."""
    file = platformdirs.user_cache_path("napari-medgen") / "convolution-seconds.json"
    key = f"{kind} {_hardware(kind)} threads {torch.get_num_threads()} torch {torch.__version__}"
    known: dict[str, dict[str, float]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file.read_text())
    if precision not in known.get(key, {}):
        known.setdefault(key, {})[precision] = _time_convolution(kind, precision)
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


def _hardware(kind: str) -> str:
    return torch.cuda.get_device_name() if kind == "cuda" else torch.backends.cpu.get_cpu_capability()


@torch.no_grad()
def _time_convolution(kind: str, precision: str) -> float:
    """Best of a few runs of a 48-channel convolution on 16 x 20 x 16 voxels, given up after a quarter of a second."""
    device = torch.device(kind)
    layer = Conv3d(48, 48, 3, padding=1).to(device)
    x = torch.randn(1, 48, 16, 20, 16, device=device)
    best, deadline = float("inf"), time.perf_counter() + 0.25
    with Device(kind, precision, 0).autocast():
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
        return int(torch.cuda.mem_get_info()[0])
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
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
    release()


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
        if "can't allocate memory" not in str(error) and "out of memory" not in str(error).lower():
            raise
        short = True
    else:
        return
    if short:
        free_memory(thoroughly=True)
        advice = f" {would_fit}" if would_fit else ""
        raise MemoryShortageError(f"{what} needs more memory than is free.{advice}")


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

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from napari_medgen.errors import MedGenError, MemoryShortageError
from napari_medgen.running import devices
from napari_medgen.running.devices import choose_device, free_bytes, gib, memory_guard, require_bytes


def test_a_cpu_is_always_there() -> None:
    device = choose_device("cpu", "float32")
    assert device.torch == torch.device("cpu")
    assert device.label == "CPU, float32"
    assert device.convolution_seconds > 0


def test_the_precision_follows_from_the_hardware_and_never_from_a_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    for half in (0.01, 30.0):
        monkeypatch.setattr(devices, "_time_convolution", lambda kind, name, h=half: h if name == "bfloat16" else 1.0)
        monkeypatch.setattr(devices, "_hardware", lambda kind, h=half: f"machine {h}")
        for native, chosen in ((True, "bfloat16"), (False, "float32")):
            monkeypatch.setattr(devices, "computes_bfloat16", lambda kind, n=native: n)
            found = choose_device("cpu")
            assert (found.precision, found.chosen) == (chosen, False)


def test_instructions_that_onednn_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert devices.computes_bfloat16("cpu")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert not devices.computes_bfloat16("cpu")


def test_the_measurement_is_made_once_for_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def measure(kind: str, name: str) -> float:
        calls.append(name)
        return 1.0

    monkeypatch.setattr(devices, "_time_convolution", measure)
    device = choose_device("cpu", "float32")
    choose_device("cpu", "float32")
    assert calls == ["float32"]
    assert device.at("bfloat16").precision == "bfloat16"
    assert device.at("bfloat16").chosen
    assert calls == ["float32", "bfloat16"]
    with pytest.raises(MedGenError, match="int8"):
        device.at("int8")


def test_a_setting_is_followed_and_an_unknown_one_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_PRECISION", "float32")
    assert choose_device("cpu").precision == "float32"
    monkeypatch.setenv("NAPARI_MEDGEN_PRECISION", "int8")
    with pytest.raises(MedGenError, match="int8"):
        choose_device("cpu")
    with pytest.raises(MedGenError, match="no device abacus"):
        choose_device("abacus")


def test_too_little_memory_is_one_sentence_that_names_what_would_fit() -> None:
    device = choose_device("cpu", "float32")
    require_bytes(1, device, "Little")
    with pytest.raises(MemoryShortageError, match=r"Much needs about 1024\.0 GiB, and .* are free\. Choose less\."):
        require_bytes(2**40, device, "Much", "Choose less.")


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), torch.OutOfMemoryError("x")]
)
def test_running_out_of_memory_is_one_sentence(error: Exception) -> None:
    with (
        pytest.raises(MemoryShortageError, match=r"^Sampling needs more memory than is free\. Choose less\.$"),
        memory_guard("Sampling", "Choose less."),
    ):
        raise error


def test_other_errors_pass_the_guard() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_guard("Sampling"):
        raise RuntimeError("shapes do not match")


def test_free_memory_is_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=123))
    assert free_bytes(choose_device("cpu", "float32")) == 123
    assert (gib(2**30), gib(5 * 2**20)) == ("1.0 GiB", "5 MiB")

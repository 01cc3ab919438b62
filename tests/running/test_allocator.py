from __future__ import annotations

import gc
import sys

import pytest
import torch

from napari_medgen.running import allocator


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is told to keep memory")
def test_glibc_accepts_the_settings() -> None:
    assert allocator.keep_freed_memory() is (allocator._glibc() is not None)


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    assert allocator.keep_freed_memory.__wrapped__() is False
    allocator.release()


def test_freed_memory_is_given_back_on_request() -> None:
    import psutil

    allocator.keep_freed_memory()
    gc.collect()
    allocator.release()  # what earlier tests left free would be used again, and nothing would grow
    process = psutil.Process()
    before = process.memory_info().rss
    kept = torch.ones(64 * 2**20)  # 256 MiB
    held = process.memory_info().rss
    del kept
    allocator.release()
    assert held - before > 200 * 2**20
    assert process.memory_info().rss - before < 100 * 2**20

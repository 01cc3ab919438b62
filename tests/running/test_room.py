"""What does not fit in memory lies in a file, and is the same array."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_medgen.running import room
from napari_medgen.running.room import room_for, scratch_folder


def test_small_is_in_memory_and_large_in_a_file_that_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(room_for((3, 4))) is np.ndarray
    monkeypatch.setattr(room, "_SHARE", 1e-15)
    large = room_for((3, 4), np.float32)
    assert isinstance(large, np.memmap)
    assert (large == 0).all()
    seen = torch.from_numpy(large)
    seen[1] = 2.5
    assert large.sum() == 10
    np.testing.assert_array_equal(seen[[0, 1]].numpy(), [[0] * 4, [2.5] * 4])


def test_scratch_is_on_a_disk_with_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kinds = {"/": "ext4"}
    monkeypatch.setattr(
        room.psutil,
        "disk_partitions",
        lambda all: [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in kinds.items()],
    )
    assert scratch_folder(1000) == tmp_path.resolve()
    assert scratch_folder(2**60) is None
    kinds[str(tmp_path.resolve())] = "tmpfs"  # a disk in memory would only seem to help
    assert scratch_folder(1000) is None

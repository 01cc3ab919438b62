"""Where what does not fit in memory may lie."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_medgen.running import room
from napari_medgen.running.room import scratch_folder


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

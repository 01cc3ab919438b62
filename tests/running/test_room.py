"""What does not fit in memory lies in a file, and is the same array."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medgen.running import room
from napari_medgen.running.room import room_for


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

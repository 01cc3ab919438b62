"""Rows of an array where they are computed with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_medgen.running.training.resident import ResidentRows


def test_rows_and_parts_of_rows_come_in_single_precision(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.float16).reshape(2, 3, 4)
    np.save(tmp_path / "rows.npy", array)
    for held in (array, np.load(tmp_path / "rows.npy", mmap_mode="r")):
        rows = ResidentRows(held, torch.device("cpu"))
        assert rows.shape == (2, 3, 4)
        assert torch.equal(rows[np.array([1, 0, 1])], torch.from_numpy(array[[1, 0, 1]].astype(np.float32)))
        part = rows[1, slice(0, 2), slice(1, 3)]
        assert torch.equal(part, torch.from_numpy(array[1, :2, 1:3].astype(np.float32)))
        part += 1  # a copy of what is held, for good
        assert held[1, 0, 1] == array[1, 0, 1]

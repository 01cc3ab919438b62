"""The official code's outputs: facts, kept as numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text())


def assert_golden(tensor: torch.Tensor, expected: dict[str, Any]) -> None:
    """Shape, mean, spread and single elements, to 1e-3 of the spread."""
    spread = float(tensor.std(correction=0))
    assert list(tensor.shape) == expected["shape"]
    assert abs(spread - expected["std"]) < 1e-3 * expected["std"]
    assert abs(float(tensor.mean()) - expected["mean"]) < 1e-3 * expected["std"]
    for index, value in expected["picks"].items():
        assert abs(float(tensor.flatten()[int(index)]) - value) < 1e-3 * expected["std"]

"""The tests of ``tests/gpu``, in a process of their own.

PyTorch counts its devices when it first computes a gradient, and never again: one that is pretended later has no gradients.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pretended_gpu import why_not


def test_every_system_computes_on_a_gpu_that_is_not_there() -> None:
    if reason := why_not():
        pytest.skip(reason)
    words = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:xvfb", "-p", "no:pytest-qt", "tests/gpu")
    environment = os.environ | {"NAPARI_MEDGEN_PRETENDED_GPU": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

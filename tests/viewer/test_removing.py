"""Two images, the lower of which is removed; see :mod:`napari_medgen.viewer.canvas.gone_programs`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_layer_can_be_removed_from_below_another() -> None:
    """Without the mend the process ends with a segmentation fault where OpenGL is software."""
    session = Path(__file__).with_name("removing_session.py")
    environment = os.environ | {"NAPARI_CONFIG": ""}
    done = subprocess.run(
        [sys.executable, str(session), "watched"], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert "still here" in done.stdout, done.stderr[-500:]
    assert done.returncode == 0

"""Say whether a window can be opened here: Qt and OpenGL load, and there is a display, real or virtual.

Exit status 0 if so. A missing library makes Qt abort the whole process, so that only trying it in one of its own can tell.
"""

from __future__ import annotations

import os
import subprocess
import sys

_TRY = "from qtpy.QtWidgets import QApplication; import OpenGL.GL; QApplication([]); print('ready')"


def main() -> int:
    """Try it on the display that there is, else on a virtual one."""
    command = [sys.executable, "-W", "ignore", "-c", _TRY]
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or not sys.platform.startswith("linux"):
        return _status(command)
    try:
        from pyvirtualdisplay.display import Display

        with Display(visible=False, size=(320, 240)):
            return _status(command)
    except Exception:  # no Xvfb
        return 1


def _status(command: list[str]) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return 0 if "ready" in done.stdout else 1


if __name__ == "__main__":
    sys.exit(main())

"""Load PyTorch's libraries without holding up other threads.

``import torch`` links several hundred megabytes of libraries while it holds the interpreter's lock, and a window does not
answer meanwhile. Linking them first through a foreign function call releases the lock; the import then finds them loaded.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

_LIBRARIES = ("libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")


def preload_torch() -> None:
    """Link PyTorch's libraries; call it in a background thread before the first import. Does nothing where it cannot."""
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    link = ctypes.CDLL(None).dlopen
    link.restype = ctypes.c_void_p
    link.argtypes = (ctypes.c_char_p, ctypes.c_int)
    for name in _LIBRARIES:
        if (folder / name).is_file():
            link(str(folder / name).encode(), os.RTLD_LAZY | os.RTLD_GLOBAL)

"""Room on a disk for what does not fit in memory."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psutil

_LEFT = 2**30  # bytes of a disk that are left to others
_MEMORY = ("tmpfs", "ramfs", "devtmpfs")  # file systems that lie in memory


def scratch_folder(needed: int) -> Path | None:
    """The folder of temporary files (``TMPDIR``), where it has room for so many bytes and does not itself lie in memory."""
    folder = Path(tempfile.gettempdir()).resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    kind = next((mounts[parent] for parent in (folder, *folder.parents) if parent in mounts), "")
    if kind in _MEMORY or shutil.disk_usage(folder).free < needed + _LEFT:
        return None
    return folder

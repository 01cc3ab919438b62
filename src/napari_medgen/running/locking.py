"""A file that one process at a time works with; the system lets go of it when that process ends, however it ends."""

from __future__ import annotations

import sys
from typing import IO, Any


def take(file: IO[Any]) -> bool:
    """Lock an open file against other processes; False where another has it.

    A disk that knows no locks, as some network folders, is taken at its word that nobody else is there.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:
        return False
    except OSError:
        return True
    return True

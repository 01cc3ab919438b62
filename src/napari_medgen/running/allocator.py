"""Keep glibc from handing large buffers back to the kernel between two steps of a model.

glibc serves every large tensor with ``mmap`` and unmaps it on release, so each step of a network pays page faults for
memory that it had a moment ago. On 3D networks that is half of the time. Telling the allocator to keep what it has
costs resident memory and nothing else; :func:`release` gives the memory back when a job is over.
"""

from __future__ import annotations

import ctypes
import functools
import sys

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_TRIM_BYTES = 2**31 - 1
_TOP_PAD_BYTES = 64 * 2**20


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.gnu_get_libc_version  # noqa: B018  (musl has no such symbol)
    except (OSError, AttributeError):
        return None
    return libc


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory in the process; do nothing elsewhere.

    One arena is asked for as well: work runs in a thread of the viewer, and memory kept in one thread's arena would be
    of no use to the next.

    Returns
    -------
    bool
        Whether the allocator accepted the settings.
    """
    libc = _glibc()
    if libc is None:
        return False
    settings = (
        (_M_ARENA_MAX, 1),
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, _TRIM_BYTES),
        (_M_TOP_PAD, _TOP_PAD_BYTES),
    )
    return all(libc.mallopt(name, value) == 1 for name, value in settings)


def release() -> None:
    """Return the memory that the allocator kept and nobody uses to the system."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)

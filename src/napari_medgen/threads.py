"""How PyTorch's threads wait for each other.

By default they spin at every barrier, for they expect to have the machine to themselves. Beside one other busy program (an
archive's viewer, a browser, the window's own drawing) that makes a sample ten to twenty times slower: a thread that waits
takes the core from the one that is waited for. Waiting passively ends that (``docs/volumes/speed.md`` has the figures).

The setting is read when PyTorch's OpenMP library is loaded, so :mod:`napari_medgen` makes it on import, before anything
here imports PyTorch. Whatever the user has set stays.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# What a user may have set instead: libgomp's and LLVM's own knobs say the same thing.
_KNOBS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_passively(environment: MutableMapping[str, str] | None = None) -> None:
    """Ask OpenMP for passive waiting, unless the user has asked for anything in this respect."""
    environment = os.environ if environment is None else environment
    if not any(knob in environment for knob in _KNOBS):
        environment["OMP_WAIT_POLICY"] = "PASSIVE"

"""Several processes of one training: the first prepares alone, the others wait without a barrier.

A barrier that lasts ends a training: processes on GPUs are taken for dead after some minutes, and preparing a thousand
volumes takes hours. So the others look for a note in the folder that all see, which the first keeps young while it works.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medgen.errors import RecipeError
from napari_medgen.running.progress import Progress, Steps

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")

_BEAT = 5.0  # seconds between two signs of life
_PATIENCE = 180.0  # seconds without one, after which the first process is taken for lost
_LOOK = 0.5  # seconds between two looks
_DONE, _FAILED = "done", "failed"


def first_alone(fabric: Fabric, folder: Path, prepare: Callable[[], Steps[T]]) -> Steps[T]:
    """Prepare in the first process, then in the others, which find it done.

    Parameters
    ----------
    folder
        That all processes see.
    prepare
        Leaves what takes long in files.

    Yields
    ------
    Progress
        Of the own preparation; a step without a length while another process is waited for.

    Raises
    ------
    RecipeError
        In the others, if the first failed or was lost.
    """
    if fabric.world_size == 1:
        return (yield from prepare())
    note = folder / f".first-{fabric.broadcast(secrets.token_hex(8))}"
    if fabric.is_global_zero:
        with _signs_of_life(note):
            made = yield from prepare()
    else:
        yield from _wait(note)
        made = yield from prepare()
    fabric.barrier()  # a short one: for the others everything was there
    if fabric.is_global_zero:
        note.unlink(missing_ok=True)
    return made


@contextlib.contextmanager
def _signs_of_life(note: Path) -> Iterator[None]:
    note.parent.mkdir(parents=True, exist_ok=True)
    over = threading.Event()

    def beat() -> None:
        count = 0
        while not over.is_set():
            count += 1
            note.write_text(str(count))
            over.wait(_BEAT)

    alive = threading.Thread(target=beat, daemon=True)
    alive.start()
    end = _FAILED
    try:
        yield
        end = _DONE
    finally:
        over.set()
        alive.join()
        note.write_text(end)


def _wait(note: Path) -> Steps[None]:
    said, since = "", time.monotonic()
    while said != _DONE:
        time.sleep(_LOOK)
        with contextlib.suppress(OSError):
            if (now := note.read_text()) != said:
                said, since = now, time.monotonic()
        if said == _FAILED:
            raise RecipeError("The first process could not prepare the data; it says why.")
        if time.monotonic() - since > _PATIENCE:
            raise RecipeError(f"The first process was lost, or {note.parent} is not a folder that all processes see.")
        yield Progress(0, 0, "Waiting for the first process to prepare the data")

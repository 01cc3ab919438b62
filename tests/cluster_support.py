"""Work that pickle can name, for tests of :mod:`napari_medgen.running.cluster`."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_medgen.errors import ImageError, ModelError, WritingError
from napari_medgen.running.folder_rows import Row
from napari_medgen.running.folders import Item
from napari_medgen.running.progress import Progress, Steps


def square(number: int) -> Steps[int]:
    yield Progress(0, 2, "half")
    if number == 3:
        raise ImageError("Three is no image.")
    if number == 4:
        raise RuntimeError("what nobody foresaw")
    return number * number


def no_room(number: int) -> Steps[int]:
    yield Progress(0, 1)
    raise WritingError("There is no room.")


def threads(number: int) -> Steps[tuple[int, int]]:
    yield Progress(0, 1)
    return os.getpid(), torch.get_num_threads()


def dies_once(note: Path) -> Steps[str]:
    """Kill the worker the first time; ``note`` remembers."""
    yield Progress(0, 1)
    try:
        note.touch(exist_ok=False)
    except FileExistsError:
        return "done"
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def slow(folder: Path) -> Steps[str]:
    yield Progress(0, 1)
    (folder / f"{time.monotonic_ns()}-{os.getpid()}").touch()
    time.sleep(0.3)
    return "slept"


def sleeps(seconds: float) -> Steps[float]:
    yield Progress(0, 1)
    time.sleep(seconds)
    return seconds


@dataclass(frozen=True)
class Grades:
    """Grades an image by nothing, and draws a picture of it."""

    out: Path

    def __call__(self, item: Item) -> Steps[Row]:
        yield Progress(0, 1)
        if "odd" in item.file.name:
            raise ZeroDivisionError("nobody foresaw this")
        if "slow" in item.file.name:
            time.sleep(1.0)
        if "bad" in item.file.name:
            raise ImageError(f"{item.file.name} cannot be read.")
        if "missing" in item.file.name:
            raise ModelError("There is no model.")
        self.out.mkdir(exist_ok=True)
        picture = self.out / f"{item.stem}_grade.png"
        picture.write_bytes(item.file.read_bytes())
        return Row({"grade": 1.5, "class": "=cmd"} | ({"about": item.about} if item.about else {}), (picture,))


def no_model(item: Item) -> Steps[Row]:
    yield Progress(0, 1)
    raise ModelError("There is no model.")

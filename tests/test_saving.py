"""Saving at random points of failure: the earlier file whole, or the new one, always.

A child process saves; at a random one of its accesses to the disk it is killed, the disk is full, the folder is gone or its
rights are withdrawn. Set NAPARI_MEDGEN_FAILURES to 50 for the whole check.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.files import read_radiograph, read_volume
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png
from napari_medgen.imaging.secondary_capture import write_secondary_capture
from napari_medgen.imaging.volume import Volume
from napari_medgen.progression.cohort.folder import open_cohort, save_cohort
from napari_medgen.running import writing
from napari_medgen.running.writing import json_bytes, write_all
from progression_support import three_visit_cohort

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
COUNT = int(os.environ.get("NAPARI_MEDGEN_FAILURES", "8"))


def volume(value: int) -> Volume:
    return Volume.on_grid(np.full((9, 10, 11), value, np.int16), (1, 1, 1), "a")


def radiograph(value: int) -> Radiograph:
    return Radiograph(np.full((30, 40), value, np.uint8), (0, 255))


def save_report(folder: Path, value: int) -> None:
    write_all({folder / "a.html": b"x" * 5000 + bytes([value]), folder / "a.json": json_bytes({"value": value})})


def report_value(folder: Path) -> int:
    html = (folder / "a.html").read_bytes()
    assert len(html) == 5001
    return html[-1]


def save_visits(folder: Path, value: int) -> None:
    cohort = three_visit_cohort()
    object.__setattr__(cohort, "errors", np.full(len(cohort.visits), value, np.float32))
    save_cohort(cohort, folder / "cohort")


SAVERS: dict[str, tuple[Callable[[Path, int], Any], Callable[[Path], Any]]] = {
    "nii": (lambda f, v: write_nifti(volume(v), f / "a.nii"), lambda f: read_volume(f / "a.nii").voxels.max()),
    "nii.gz": (lambda f, v: write_nifti(volume(v), f / "a.nii.gz"), lambda f: read_volume(f / "a.nii.gz").voxels.max()),
    "png": (lambda f, v: write_png(radiograph(v), f / "a.png"), lambda f: read_radiograph(f / "a.png").pixels.max()),
    "dcm": (
        lambda f, v: write_secondary_capture(radiograph(v), f / "a.dcm"),
        lambda f: read_radiograph(f / "a.dcm").pixels.max(),
    ),
    "report": (save_report, report_value),
    "cohort": (save_visits, lambda f: open_cohort(f / "cohort").errors.max()),
}


class Faulty:
    """The module :mod:`os` as the writer sees it, with a fault at one of its accesses to the disk."""

    def __init__(self, at: int, fault: str, folder: Path) -> None:
        self.left, self.fault, self.folder = at, fault, folder

    def __getattr__(self, name: str) -> Any:
        value = getattr(os, name)
        return self._watched(value) if name in ("open", "fdopen", "fsync", "replace") else value

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if function is os.fdopen:
                    os.write(args[0], b"half of it")
                self.strike()
            return function(*args, **kwargs)

        return call

    def strike(self) -> None:
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "gone":
            shutil.move(self.folder, self.folder.with_name("elsewhere"))
        elif self.fault == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.parametrize("name", list(SAVERS))
def test_what_was_there_is_there_or_what_is_new(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, read = SAVERS[name]
    random = np.random.default_rng(sum(name.encode()))
    struck = 0
    for number in range(COUNT):
        folder = tmp_path / str(number)
        folder.mkdir()
        save(folder, 1)
        fault = ("killed", "full", "withdrawn", "gone")[number % 4]
        child = os.fork()
        if child == 0:
            status = 3
            try:
                writing.os = Faulty(int(random.integers(1, 14)), fault, folder)  # type: ignore[assignment]
                save(folder, 2)
                status = 0
            except MedGenError as error:
                status = 1 if "cannot be written" in str(error) else 2
            finally:
                sys.stdout.flush()
                os._exit(status)
        random.integers(1, 14)  # the child drew it
        _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) in (0, 1, -signal.SIGKILL), (fault, ended)
        struck += ended != 0
        moved = folder.with_name("elsewhere")
        if moved.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(moved, folder)
        found = read(folder)
        assert found in (1, 2)
        assert found == 2 or ended != 0
    assert struck >= COUNT // 6

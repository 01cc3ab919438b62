"""A DICOM series of 500 slices of 512 x 512: listed, its first slice, all of it; SimpleITK and dcm2niix beside it.

    python -m benchmarks series

Files are written to a temporary folder and read from the system's cache, as the second look at a disc is.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_SLICES, _SIDE, _RUNS = 500, 512, 3


def _written(folder: Path) -> None:
    from napari_medgen.imaging.series.writing import write_series
    from napari_medgen.imaging.volume import Volume
    from napari_medgen.running.progress import drive

    rng = np.random.default_rng(0)
    row = rng.integers(-1000, 2000, (1, _SIDE, _SIDE)).astype(np.int16)
    voxels = np.concatenate([np.roll(row, number, 2) for number in range(_SLICES)])
    drive(write_series(Volume.on_grid(voxels, (1.0, 0.7, 0.7)), folder, "CT"))


def _best(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def main() -> None:
    """Print the table."""
    from napari_medgen.imaging.series.finding import dicom_files, find_series
    from napari_medgen.imaging.series.reading import read_stack, thumbnails
    from napari_medgen.running.progress import drive

    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "in", Path(place) / "out"
        out.mkdir()
        _written(folder)
        (series,) = drive(find_series(dicom_files(folder))).series
        stack = series.stacks[0]
        ours = {
            "list of series": _best(lambda: drive(find_series(dicom_files(folder)))),
            "first slice, after the list": _best(lambda: thumbnails([stack.frames])),
            "all voxels, after the list": _best(lambda: drive(read_stack(series, stack))),
        }
        whole = ours["list of series"] + ours["all voxels, after the list"]
        for name, seconds in ours.items():
            print(f"{name:32} {seconds:7.3f} s")
        print(f"{'list and all voxels':32} {whole:7.3f} s")
        try:
            import SimpleITK
        except ImportError:
            print("SimpleITK is not installed")
        else:

            def peer() -> None:
                reader = SimpleITK.ImageSeriesReader()
                reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
                reader.Execute()

            other = _best(peer)
            print(f"{'SimpleITK, the same':32} {other:7.3f} s   ours / theirs {whole / other:.2f}")
        if shutil.which("dcm2niix"):
            command = ["dcm2niix", "-b", "n", "-z", "n", "-o", str(out), str(folder)]
            other = _best(lambda: subprocess.run(command, capture_output=True, check=False))
            print(f"{'dcm2niix, to a file':32} {other:7.3f} s   ours / theirs {whole / other:.2f}")

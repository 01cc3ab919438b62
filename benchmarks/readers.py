"""How fast good files are read: another checkout as it is, and this one, in turns.

    python -m benchmarks.readers --against ../napari-medgen-before

Each file and side is a process of its own, for what was read before decides how the C library makes room; seconds are the
best of its runs, the first left out, for it loads libraries and starts the process that decodes compressed pixels. Quote
the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parents[1]


def _write(folder: Path) -> None:
    """Files of clinical size, made with the libraries' own writers."""
    import nibabel as nib
    import nrrd
    import numpy as np
    import pydicom
    from PIL import Image
    from pydicom.data import get_testdata_file

    random = np.random.default_rng(0)
    voxels = (random.normal(size=(192, 192, 128)) * 100).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / "integers.nii.gz")
    nib.save(nib.Nifti1Image(voxels.astype(np.float32), np.eye(4)), folder / "floats.nii")
    nrrd.write(str(folder / "gzip.nrrd"), voxels, {"encoding": "gzip"})
    nrrd.write(str(folder / "raw.nrrd"), voxels, {"encoding": "raw"})
    pixels = random.integers(0, 4095, (2500, 2000)).astype(np.uint16)
    Image.fromarray(pixels).save(folder / "radiograph.png")
    Image.fromarray((pixels // 16).astype(np.uint8)).save(folder / "radiograph.jpg")
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.Rows, data.Columns = pixels.shape
    data.PixelRepresentation, data.PixelData = 0, pixels.tobytes()
    data.save_as(folder / "native.dcm")
    for syntax, label in ((pydicom.uid.JPEG2000Lossless, "jpeg2000"), (pydicom.uid.JPEGLSLossless, "jpegls")):
        packed = pydicom.dcmread(folder / "native.dcm")
        try:
            packed.compress(syntax)
        except Exception:
            continue
        packed.save_as(folder / f"{label}.dcm")


def _measure(path: Path, runs: int) -> None:
    from napari_medgen.imaging.files import read_radiograph, read_volume

    read: Callable[[Path], Any] = read_volume if path.name.endswith((".nii", ".gz", ".nrrd")) else read_radiograph
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        read(path)
        times.append(time.perf_counter() - begun)
    print(min(times[1:]))


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        _measure(chosen.measure, chosen.runs)
        return
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        files = sorted(Path(folder).iterdir())
        best: dict[Path, dict[str, float]] = {chosen.against: {}, _HERE: {}}
        for path, source in itertools.product(files, (chosen.against, _HERE, _HERE, chosen.against)):
            command = [sys.executable, str(Path(__file__).resolve()), "--against", ".", "--measure", str(path)]
            environment = os.environ | {"PYTHONPATH": str(source.resolve() / "src")}
            done = subprocess.run(
                [*command, "--runs", str(chosen.runs)], capture_output=True, text=True, check=True, env=environment, cwd="/"
            )
            seconds = float(done.stdout.splitlines()[-1])
            best[source][path.name] = min(seconds, best[source].get(path.name, seconds))
    print("| file | that checkout, ms | this one, ms | ratio |\n| --- | --- | --- | --- |")
    for name, before in best[chosen.against].items():
        after = best[_HERE][name]
        print(f"| {name} | {before * 1e3:.1f} | {after * 1e3:.1f} | {after / before:.2f} |")


if __name__ == "__main__":
    main()

"""DICOM series of other packages' test files beside dcm2niix: one row a volume, in Markdown.

    python scripts/series_table.py FOLDER-OR-FILE...        # needs dcm2niix (a Debian package)

Of every stack that is found, affine and voxels are compared with the volume of dcm2niix that lies nearest; what one of the
two does not read is said.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.series.finding import dicom_files, find_series, unpacked
from napari_medgen.imaging.series.reading import read_stack
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive


def by_dcm2niix(files: list[Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Voxels and affines, on the axes that lie nearest to right, front and top."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in", Path(folder) / "out"
        source.mkdir()
        out.mkdir()
        for number, file in enumerate(files):
            shutil.copy(file, source / f"{number:05d}.dcm")
        command = ["dcm2niix", "-b", "n", "-z", "n", "-f", "%s_%p", "-o", str(out), str(source)]
        subprocess.run(command, capture_output=True, check=False, timeout=300)
        found = []
        for path in sorted(out.glob("*.nii")):
            image = nib.as_closest_canonical(nib.load(path))
            values = np.asarray(image.dataobj)
            parts = np.moveaxis(values, 3, 0) if values.ndim == 4 else [values]
            found += [(part, image.affine) for part in parts if part.ndim == 3]
    return found


def row(name: str, volume: Volume, peers: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """How far a volume is from the nearest of the other program's."""
    ours, affine = volume.oriented(("R", "A", "S"))
    alike = [(values, other) for values, other in peers if values.shape == ours.shape]
    if not alike:
        return f"| {name} | {ours.shape} | not made by dcm2niix | |"
    values, other = min(alike, key=lambda one: (np.abs(one[1] - affine).max() > 0.1, np.abs(one[0] - ours).max()))
    corners = np.array(
        [[i, j, k, 1] for i in (0, ours.shape[0] - 1) for j in (0, ours.shape[1] - 1) for k in (0, ours.shape[2] - 1)]
    )
    apart = np.abs((affine - other) @ corners.T).max()
    grey = np.abs(ours.astype(np.float64) - values.astype(np.float64)).max()
    return f"| {name} | {ours.shape} | {apart:.1e} mm | {grey:.3g} of {np.ptp(ours):.4g} |"


def main() -> None:
    """Print the table."""
    print("| series | right, front, top | corners apart | grey values apart |\n| --- | --- | --- | --- |")
    for source in map(Path, sys.argv[1:]):
        with unpacked(source) as place:
            try:
                files = dicom_files(place)
                found = drive(find_series(files))
            except ImageError as error:
                print(f"| {source.name} | | not read: {error} | |")
                continue
            for failure in found.failures:
                print(f"| {source.name} | | not read: {failure} | |")
            for series in found.series:
                own = sorted({frame.path for stack in series.stacks for frame in stack.frames})
                peers = by_dcm2niix(own) if own else []
                for stack in series.stacks:
                    name = f"{source.name}: {series.number} {series.title} {stack.apart}".strip()
                    try:
                        print(row(name, drive(read_stack(series, stack, even=True)), peers))
                    except ImageError as error:
                        print(f"| {name} | | not read: {error} | |")
                if series.images:
                    frames = len(series.images)
                    print(f"| {source.name}: {series.number} {series.title} | | {frames} picture(s) without a place | |")


if __name__ == "__main__":
    main()

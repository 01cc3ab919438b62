"""Every file that pydicom, nibabel and pynrrd ship for their own tests, through the readers: opened, or its sentence.

    python -m benchmarks.shipped > docs/findings/shipped-files.md

pynrrd ships none. Values are compared with those of the libraries by ``tests/imaging/test_shipped_files.py``.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from pathlib import Path

import nibabel.testing
import pydicom.data.data_manager

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_image


def main() -> None:
    """Print the two tables."""
    warnings.simplefilter("ignore")
    folders = {
        "pydicom": Path(pydicom.data.data_manager.DATA_ROOT),
        "nibabel": Path(nibabel.testing.data_path),
    }
    print("# Files that libraries ship, through the readers\n\nMade by `python -m benchmarks.shipped`.")
    for library, folder in folders.items():
        opened: list[str] = []
        said: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")):
            try:
                found = read_image(path)
            except ImageError as error:
                sentence = str(error).replace(path.name, "It").replace("|", " ")
                said[sentence].append(path.name)
                continue
            data = found.voxels if hasattr(found, "voxels") else found.pixels
            opened.append(f"{path.name} ({' x '.join(map(str, data.shape))})")
        counts = Counter({sentence: len(names) for sentence, names in said.items()})
        print(f"\n## {library}: {len(opened)} opened, {counts.total()} a sentence\n\nOpened: {', '.join(opened)}.\n")
        print("| sentence | files |\n| --- | --- |")
        for sentence, _ in counts.most_common():
            print(f"| {sentence} | {', '.join(said[sentence])} |")


if __name__ == "__main__":
    main()

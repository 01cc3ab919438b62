"""In a real window: a hostile file is dropped, then a good one. The good one opens, every layer goes, the window closes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.testing import data_path
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file

GOOD = Path(data_path) / "anatomical.nii"


def volume(values: np.ndarray, affine: np.ndarray | None = None) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        image = nib.Nifti1Image(values, np.eye(4))
        if affine is not None:
            image.set_qform(None, 0)
            image.set_sform(affine, 1)
        nib.save(image, folder / "bad.nii")
        return folder / "bad.nii"

    return make


def noted(**changes: Any) -> Callable[[Path], Path]:
    """A PNG whose notes of ours say what cannot be."""

    def make(folder: Path) -> Path:
        notes = PngInfo()
        own = {"provenance": {}, "window": [0, 255], "spacing": [0.1, 0.1], "laterality": "", "view": ""} | changes
        notes.add_text("napari-medgen", json.dumps(own))
        Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(folder / "bad.png", pnginfo=notes)
        return folder / "bad.png"

    return make


def dicom(**changes: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        for keyword, value in changes.items():
            setattr(data, keyword, value)
        data.save_as(folder / "bad.dcm")
        return folder / "bad.dcm"

    return make


def cut(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_bytes(gzip.compress(GOOD.read_bytes())[:5000])
    return folder / "bad.nii.gz"


NOISE = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
HOSTILE: dict[str, Callable[[Path], Path]] = {
    "nan": volume(np.where(NOISE > 1, np.nan, NOISE).astype(np.float32)),
    "infinity": volume(np.where(NOISE > 1, np.inf, NOISE).astype(np.float32)),
    "all nan": volume(np.full((4, 4, 4), np.nan, np.float32)),
    "huge": volume(NOISE * np.float32(1e32)),
    "close": volume((1e30 * (1 + 1e-9 * NOISE)).astype(np.float64)),
    "flat": volume(np.zeros((4, 4, 4), np.int16)),
    "degenerate": volume(np.ones((4, 4, 4), np.int16), np.diag([1.0, 1, 0, 1])),
    "metres": volume(np.ones((4, 4, 4), np.int16), np.diag([1e6, 1, 1, 1])),
    "spacing nan": noted(spacing=[float("nan"), 1]),
    "spacing infinite": noted(spacing=[float("inf"), 1]),
    "spacing huge": noted(spacing=[1e300, 1e300]),
    "window infinite": noted(window=[0, float("inf")]),
    "window odd": noted(window=["a"]),
    "dicom spacing zero": dicom(PixelSpacing=["0", "0"]),
    "dicom window": dicom(WindowCenter="1e38", WindowWidth="1e38"),
    "dicom slope": dicom(RescaleSlope="1e38"),
    "cut": cut,
}


# One of each kind of damage that a layer once did not survive.
QUICK = ["nan", "close", "degenerate", "spacing nan", "window odd", "dicom spacing zero", "cut"]


def in_a_session(paths: list[Path]) -> list[dict[str, Any]]:
    """What is seen of files that are dropped in a session of its own, which must end as it should."""
    command = [sys.executable, str(Path(__file__).with_name("hostile_session.py")), str(GOOD), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def survived(line: dict[str, Any]) -> bool:
    """Whether the good file opened after a hostile one, every layer could be shown, and every layer be removed."""
    return "anatomical" in line["layers"] and line["finite"] and line["left"] == 0


def test_hostile_files_leave_nothing_behind(tmp_path: Path) -> None:
    # NAPARI_MEDGEN_HOSTILE=all for all of them; each costs napari two seconds.
    names = list(HOSTILE) if os.environ.get("NAPARI_MEDGEN_HOSTILE") == "all" else QUICK
    paths = []
    for place, name in enumerate(names):
        (tmp_path / str(place)).mkdir()
        paths.append(HOSTILE[name](tmp_path / str(place)))
    seen = in_a_session(paths)
    assert {name: survived(line) for name, line in zip(names, seen, strict=True)} == dict.fromkeys(names, True)
    assert all(not line["said"] or "ImageError" in line["said"] for line in seen)


@pytest.mark.real_data
def test_the_samples_that_kill_decoders_leave_the_window_alive(real_data: Path) -> None:
    seen = in_a_session(sorted((real_data.parent / "reference" / "findings" / "hostile").glob("*.dcm")))
    assert len(seen) == 6
    for line in seen:
        assert survived(line), line
        assert line["layers"] == ["anatomical"]
        assert "ImageError" in line["said"]

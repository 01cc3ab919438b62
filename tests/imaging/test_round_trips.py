"""The same image through every format that can hold it, out and in again: values, geometry, window, side, mark, identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medgen.imaging.files import read_radiograph, read_volume
from napari_medgen.imaging.geometry import Placement
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png
from napari_medgen.imaging.secondary_capture import write_secondary_capture
from napari_medgen.imaging.volume import Volume

MADE = Provenance(synthetic=True, operation="sample", model="brain-t1", seed=7, steps=20)
READ = Provenance(software="")
RANDOM = np.random.default_rng(0)
WRITERS: dict[str, Any] = {"png": write_png, "dcm": write_secondary_capture}


def pixels(kind: str) -> np.ndarray:
    if kind == "float32":
        return (RANDOM.normal(size=(30, 41)) * 300).astype(np.float32)
    info = np.iinfo(kind)
    low, high = max(info.min, -2000), min(info.max, 60_000)
    return RANDOM.integers(low, high, (30, 41)).astype(kind)


@pytest.mark.parametrize("way", [("png",), ("dcm",), ("png", "dcm", "png")], ids="-".join)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "int32", "float32"])
@pytest.mark.parametrize("made", [MADE, READ], ids=["synthetic", "real"])
@pytest.mark.parametrize("side", ["", "L", "B"])
def test_a_radiograph_comes_back(tmp_path: Path, way: tuple[str, ...], kind: str, made: Provenance, side: Any) -> None:
    image = Radiograph(
        pixels(kind), (-10.5, 200.25) if kind != "uint8" else (3.0, 200.0), spacing=(0.143, 0.2), laterality=side,
        provenance=made, identity="present", view="PA",
    )  # fmt: skip
    again = image
    for place, ending in enumerate(way):
        again = read_radiograph(WRITERS[ending](again, tmp_path / f"{place}.{ending}"))
    assert again.spacing == pytest.approx(image.spacing)
    assert (again.laterality, again.identity, again.view) == (side, "present", "PA")
    assert again.provenance.synthetic == made.synthetic
    assert again.provenance.seed == made.seed
    exact = kind in ("uint8", "uint16") or (way == ("dcm",) and kind == "int16")
    if exact:
        np.testing.assert_array_equal(again.pixels, image.pixels)
        assert again.window == pytest.approx(image.window)
    elif way == ("dcm",):
        np.testing.assert_allclose(again.pixels, image.pixels, atol=np.ptp(image.pixels.astype(float)) / 65535 * 0.51)
        assert again.window == pytest.approx(image.window)
    np.testing.assert_allclose(again.grey(), image.grey(), atol=2e-2 if kind == "float32" else 1e-2)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "int64", "uint64", "float32"])
@pytest.mark.parametrize("placement", [Placement(), Placement(codes=(1, 1)), Placement(oriented=False, unit="unknown")])
def test_a_volume_comes_back(tmp_path: Path, ending: str, kind: str, placement: Placement) -> None:
    voxels = (RANDOM.normal(size=(4, 5, 6)) * 50 + (200 if kind.startswith("u") else 0)).astype(kind)
    if kind.endswith("64"):
        voxels[0, 0, 0] = 2**40 + 1
    affine = Volume.on_grid(voxels, (1.5, 0.8, 2.25)).affine
    image = Volume(voxels, affine, "a", MADE, ("L", "A", "S"), (), placement)
    again = read_volume(write_nifti(image, tmp_path / f"a{ending}")[0])
    np.testing.assert_array_equal(again.voxels, voxels)
    np.testing.assert_allclose(again.spacing, image.spacing, rtol=1e-6)
    if placement.oriented:
        np.testing.assert_allclose(again.affine, affine, atol=1e-5)
    assert (again.placement.oriented, again.placement.unit) == (placement.oriented, placement.unit)
    assert again.provenance == MADE

"""Landmarks of volumes with random affines are where nibabel and SimpleITK say, on screen and in the file saved again.

Where a screen cannot show it, since napari slices along the axes of the array, a sentence says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import pytest
from napari.layers import Image

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_volume
from napari_medgen.imaging.orientation import CANONICAL_AXES
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.plugin.writers import write_volume

FACTORS = {"mm": 1.0, "micron": 1e-3, "meter": 1e3, "unknown": 1.0}
# The whole check: NAPARI_MEDGEN_LANDMARKS=375 python -m pytest tests/viewer/plugin/test_landmarks.py (3,000 files).
COUNT = int(os.environ.get("NAPARI_MEDGEN_LANDMARKS", "10"))
SHAPE = (7, 9, 8)


def random_affine(random: np.random.Generator) -> np.ndarray:
    """Rotated, sheared, flipped, permuted or none of it; anisotropic; somewhere in space, in millimetres."""
    axes = np.eye(3)[:, random.permutation(3)] * random.choice((-1, 1), 3)
    if random.random() < 0.6:
        angle = random.choice((random.uniform(0, np.pi), np.deg2rad(random.choice((10, 30, 45, 135, 225, 315)))))
        axis = random.normal(size=3) if random.random() < 0.5 else np.eye(3)[random.integers(3)]
        x, y, z = axis / np.linalg.norm(axis)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        axes = (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross) @ axes
    if random.random() < 0.3:
        shear = np.eye(3)
        shear[tuple(random.permutation(3)[:2])] = random.uniform(-0.5, 0.5)
        axes = axes @ shear
        axes /= np.linalg.norm(axes, axis=0)
    affine = np.eye(4)
    affine[:3, :3] = axes * random.uniform(0.4, 6, 3)
    affine[:3, 3] = random.uniform(-300, 300, 3)
    return affine


def with_landmark(random: np.random.Generator) -> tuple[np.ndarray, tuple[int, ...]]:
    voxels = np.zeros(SHAPE, np.int16)
    place = tuple(int(random.integers(n)) for n in SHAPE)
    voxels[place] = 1000
    return voxels, place


def write(path: Path, voxels: np.ndarray, affine: np.ndarray, unit: str, random: np.random.Generator) -> np.ndarray:
    """The file, and the affine in millimetres that its library reads from it."""
    counted = affine.copy()
    counted[:3] /= FACTORS[unit]
    if path.suffix == ".nrrd":
        header: dict[str, Any] = {
            "space": "left-posterior-superior" if random.random() < 0.5 else "right-anterior-superior",
            "space directions": None,
        }
        signs = np.array((-1, -1, 1) if header["space"].startswith("left") else (1, 1, 1))
        header["space directions"] = (counted[:3, :3] * signs[:, None]).T
        header["space origin"] = counted[:3, 3] * signs
        if unit != "unknown":
            header["space units"] = [{"mm": "mm", "micron": "um", "meter": "m"}[unit]] * 3
        nrrd.write(str(path), voxels, header)
        return affine
    image = nib.Nifti1Image(voxels, counted)
    image.header.set_xyzt_units(unit)
    if random.random() < 0.4:
        image.set_qform(counted, 1, strip_shears=True)
        image.set_sform(None if random.random() < 0.5 else counted, 0)
    nib.save(image, path)
    read = nib.load(path).affine.copy()
    read[:3] *= FACTORS[unit]
    return np.asarray(read)


def brightest(voxels: np.ndarray) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unravel_index(np.argmax(voxels), voxels.shape))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
def test_landmarks_are_where_they_are_or_a_sentence_says_so(tmp_path: Path, ending: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    sitk = pytest.importorskip("SimpleITK") if seed == 0 else None  # one seed is enough for the second judge
    told = 0
    for _ in range(COUNT):
        voxels, place = with_landmark(random)
        unit = str(random.choice(list(FACTORS)))
        true = write(tmp_path / f"a{ending}", voxels, random_affine(random), unit, random)
        try:
            volume = read_volume(tmp_path / f"a{ending}")
        except ImageError as error:
            raise AssertionError(str(error)) from None
        landmark = (true @ [*place, 1])[:3]
        half = 0.5 * np.linalg.norm(true[:3, :3], axis=0).min()

        layer = Image(volume.voxels, **image_options(volume))
        shown = CANONICAL_AXES @ np.asarray(layer.data_to_world(brightest(np.asarray(layer.data))))
        if np.linalg.norm(shown - landmark) > half + 1e-3:
            told += 1
            assert any("shown along its own axes" in remark for remark in volume.remarks), true
        assert any("left and right are unknown" in remark for remark in volume.remarks) == (not volume.placement.oriented)
        assert any("sizes are unknown" in remark for remark in volume.remarks) == (unit == "unknown")

        data, meta, _ = layer.as_layer_data_tuple()
        saved = Path(write_volume(str(tmp_path / "b.nii"), data, meta)[0])
        image = nib.load(saved)
        again = (image.affine @ [*brightest(np.asarray(image.dataobj)), 1])[:3]
        np.testing.assert_allclose(again, landmark, atol=half / 20 + 1e-3)
        assert (image.header.get_xyzt_units()[0] == "unknown") == (unit == "unknown")
        if sitk is not None:
            try:
                found = sitk.ReadImage(str(saved))
            except RuntimeError:
                continue  # SimpleITK refuses what is no rotation
            where = tuple(int(n) for n in brightest(sitk.GetArrayFromImage(found)))[::-1]
            x, y, z = found.TransformIndexToPhysicalPoint(where)
            np.testing.assert_allclose((-x, -y, z), landmark, atol=half)
    assert told > COUNT // 10

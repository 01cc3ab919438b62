from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medgen.errors import ImageError, RecipeError
from napari_medgen.imaging.volume import Volume
from napari_medgen.volumes.training.dataset import find_cases, held_out, prepare
from napari_medgen.volumes.training.latents import augment
from napari_medgen.volumes.training.recipe import DataRecipe, read_recipe


def box(shape: tuple[int, int, int] = (12, 10, 8)) -> Volume:
    voxels = np.zeros(shape, np.float32)
    voxels[2:8, 3:7, 2:6] = np.linspace(50, 100, 6 * 4 * 4).reshape(6, 4, 4)
    return Volume.on_grid(voxels, (2.0, 2.0, 2.0))


def test_padding_is_background_and_not_mid_grey() -> None:
    recipe = DataRecipe(shape=(20, 20, 20), spacing=(2, 2, 2), upper=100)
    made = prepare(box(), None, recipe).voxels
    assert made.shape == (20, 20, 20)
    assert made[0, 0, 0] == -1
    assert made.max() == pytest.approx(1, abs=1e-3)


def test_a_mask_makes_the_rest_background_and_the_foreground_goes_to_the_middle() -> None:
    volume = box()
    mask = volume.with_voxels((volume.voxels > 0).astype(np.uint8), volume.provenance, "mask")
    noisy = volume.with_voxels(volume.voxels + 7, volume.provenance, "noisy")
    made = prepare(noisy, mask, DataRecipe(shape=(12, 12, 12), spacing=(2, 2, 2), centre="foreground")).voxels
    inside = np.argwhere(made > -0.9)
    np.testing.assert_allclose((inside.min(0) + inside.max(0)) / 2, 5.5, atol=0.6)
    assert made[0, 0, 0] == -1


def test_a_volume_of_one_grey_value_is_refused() -> None:
    flat = Volume.on_grid(np.full((4, 4, 4), 3, np.int16), (1, 1, 1), "flat")
    with pytest.raises(ImageError, match="flat holds a single grey value"):
        prepare(flat, None, DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1)))


def test_the_split_keeps_subjects_together_and_does_not_depend_on_the_others() -> None:
    subjects = [f"s{i}" for i in range(40)]
    chosen = held_out(subjects * 2, 0.25)
    assert len(chosen) == 10
    assert held_out(list(reversed(subjects)), 0.25) == chosen


def test_missing_files_are_named(tmp_path: Path) -> None:
    recipe = DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1), masks="{stem}_mask.nii.gz", images="*_t1.nii.gz")
    with pytest.raises(RecipeError, match="no data folder"):
        find_cases(recipe, (), tmp_path / "absent")
    with pytest.raises(RecipeError, match="no NIfTI file that matches"):
        find_cases(recipe, (), tmp_path)
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), tmp_path / "a_t1.nii.gz")
    with pytest.raises(RecipeError, match=r"a_t1\.nii\.gz has no mask a_t1_mask\.nii\.gz"):
        find_cases(recipe, (), tmp_path)


def test_augmentation_moves_a_little_and_stays_in_range() -> None:
    recipe = DataRecipe(shape=(16, 16, 16), spacing=(1, 1, 1), rotation=5, scaling=0.05, shift=1)
    volume = np.full((16, 16, 16), -1, np.float32)
    volume[4:12, 4:12, 4:12] = 0.5
    moved = augment(volume, recipe, np.random.default_rng(0))
    assert -1 <= moved.min() <= moved.max() <= 1
    assert 0.5 < np.corrcoef(moved.ravel(), volume.ravel())[0, 1] < 0.999
    still = augment(volume, DataRecipe(shape=(16, 16, 16), spacing=(1, 1, 1)), np.random.default_rng(0))
    np.testing.assert_allclose(still, volume, atol=1e-5)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "count"), [("brain-t1", 40), ("hippocampus", 223)])
def test_the_shipped_recipes_find_their_public_data(real_data: Path, name: str, count: int) -> None:
    recipe = read_recipe(Path(__file__).parents[3] / "recipes" / f"{name}.toml")
    folder = real_data / ("brain-t1-mri" if name == "brain-t1" else "hippocampus-mri")
    cases = find_cases(recipe.data, recipe.conditions, folder)
    assert len(cases) == count

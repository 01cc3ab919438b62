from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medgen.errors import ImageError, MedGenError, RecipeError
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.recipe import find_recipe
from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.training.augment import augment
from napari_medgen.volumes.training.dataset import (
    build_dataset,
    find_cases,
    held_out,
    load_case,
    prepare,
    subject_of,
)
from napari_medgen.volumes.training.recipe import DataRecipe, Recipe, read_recipe


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


def test_a_window_is_the_same_for_every_image_and_what_samples_are_written_in() -> None:
    recipe = DataRecipe(shape=(6, 6, 6), spacing=(2, 2, 2), window=(-1000.0, 1000.0))
    for bright in (200.0, 3000.0):  # a metal clip changes nothing of the rest
        voxels = np.full((6, 6, 6), -1000.0, np.float32)
        voxels[2:4, 2:4, 2:4] = 50.0
        voxels[0, 0, 0] = bright
        made = prepare(Volume.on_grid(voxels, (2.0, 2.0, 2.0)), None, recipe).voxels
        assert made[3, 3, 3] == pytest.approx(0.05)
        assert made[5, 5, 5] == -1
    architecture = dataset_recipe(window=(-1000.0, 1000.0)).architecture(LatentScale.of((-1.0, 1.0), 1.0))
    assert (architecture.intensities, architecture.absolute) == ((-1000.0, 1000.0), True)
    with pytest.raises(ValueError, match="must rise"):
        DataRecipe(shape=(6, 6, 6), spacing=(2, 2, 2), window=(1000.0, -1000.0))


def test_recipes_without_a_window_are_what_they_were_before_there_were_any() -> None:
    plain = DataRecipe(shape=(6, 6, 6), spacing=(2, 2, 2))
    assert "window" not in plain.model_dump(mode="json", exclude={"range"})
    assert "window" not in dataset_recipe().model_dump(mode="json")["data"]
    assert DataRecipe(shape=(6, 6, 6), spacing=(2, 2, 2), window=(0, 1)).model_dump()["window"] == (0, 1)


def test_a_volume_of_one_grey_value_is_refused() -> None:
    flat = Volume.on_grid(np.full((4, 4, 4), 3, np.int16), (1, 1, 1), "flat")
    with pytest.raises(ImageError, match="flat holds a single grey value"):
        prepare(flat, None, DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1)))


def test_the_split_is_each_subjects_own_and_more_subjects_move_nobody() -> None:
    subjects = [f"s{i}" for i in range(400)]
    few, all_ = held_out(subjects[:200], 0.1), held_out(subjects, 0.1)
    assert few == all_ & set(subjects[:200])
    assert 0.05 < len(all_) / 400 < 0.15
    assert held_out(subjects, 0.1, ["s3", "s7", "elsewhere"]) == {"s3", "s7"}


@pytest.mark.parametrize(
    ("pattern", "place", "subject"),
    [
        ("", "sub-01/anat/T1", "sub-01"),
        ("", "sub-01_ses-2_T1w", "sub-01"),
        ("", "a/scan", "a/scan"),
        ("", "b/scan", "b/scan"),
        (r"(\d+)_", "x/0042_t1", "0042"),
        (r"patient(\d+)/", "train/patient00007/study1/view1", "00007"),
    ],
)
def test_subjects_are_found_in_names_and_in_folders(pattern: str, place: str, subject: str) -> None:
    recipe = DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1), subject=pattern)
    assert subject_of(recipe, place) == subject


def test_a_name_that_says_no_subject_is_refused() -> None:
    with pytest.raises(RecipeError, match="does not say which subject"):
        subject_of(DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1), subject=r"(\d+)"), "nobody")


def save(path: Path, shape: tuple[int, ...] = (6, 6, 6), affine: np.ndarray | None = None, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(1, 200, shape).astype(np.uint8)
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return path


def test_a_row_is_that_of_the_whole_subject_and_not_of_one_whose_name_begins_alike(tmp_path: Path) -> None:
    for number in (1, 10, 2):
        save(tmp_path / f"sub-{number}" / "T1.nii.gz")
    (tmp_path / "people.csv").write_text("id,age\nsub-1,20\nsub-2,30\n")
    recipe = DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1), table="people.csv", table_key="id")
    age = (Condition(name="age", label="Age", kind="number", column="age", high=100),)
    with pytest.raises(RecipeError, match=r"T1\.nii\.gz has no row"):
        find_cases(recipe, age, tmp_path)
    (tmp_path / "people.csv").write_text("id,age\nsub-1,20\nsub-2,30\nsub-10,40\n")
    assert [case.values["age"] for case in find_cases(recipe, age, tmp_path)] == ["20", "40", "30"]
    (tmp_path / "people.csv").write_text("id,age\nsub-1,20\nsub-2,30\nsub-10,40\nsub-1,50\n")
    with pytest.raises(RecipeError, match="two rows for sub-1"):
        find_cases(recipe, age, tmp_path)


def test_hidden_files_are_nobody(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz")
    save(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.nii.gz")
    (tmp_path / "._a.nii.gz").write_bytes(b"\0\5\26\7")
    recipe = DataRecipe(shape=(4, 4, 4), spacing=(1, 1, 1))
    assert [case.name for case in find_cases(recipe, (), tmp_path)] == ["a"]


def test_a_mask_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    far = np.eye(4)
    far[0, 3] = 500
    save(tmp_path / "images" / "a.nii.gz")
    save(tmp_path / "masks" / "a.nii.gz", affine=far)
    recipe = DataRecipe(images="images/*", masks="masks/{stem}.nii.gz", shape=(4, 4, 4), spacing=(1, 1, 1))
    (case,) = find_cases(recipe, (), tmp_path)
    with pytest.raises(RecipeError, match="lie 500 mm apart"):
        load_case(case, recipe)


def test_gaps_of_a_mask_are_outside(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.nii.gz")
    (tmp_path / "masks").mkdir()
    mask = np.full((6, 6, 6), np.nan, np.float32)
    mask[2:4] = 1
    nib.save(nib.Nifti1Image(mask, np.eye(4)), tmp_path / "masks" / "a.nii.gz")
    recipe = DataRecipe(images="images/*", masks="masks/{stem}.nii.gz", shape=(6, 6, 6), spacing=(1, 1, 1))
    (case,) = find_cases(recipe, (), tmp_path)
    assert (load_case(case, recipe).voxels == -1).mean() > 0.6


def test_a_file_of_several_volumes_is_asked_about(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz", (6, 6, 6, 3))
    recipe = DataRecipe(shape=(6, 6, 6), spacing=(1, 1, 1))
    (case,) = find_cases(recipe, (), tmp_path)
    with pytest.raises(RecipeError, match=r"holds 3 volumes; say which one is meant with data\.volume"):
        load_case(case, recipe)
    first, last = (load_case(case, recipe.model_copy(update={"volume": n})).voxels for n in (0, 2))
    assert not np.array_equal(first, last)


def dataset_recipe(**data: object) -> Recipe:
    about = dict.fromkeys(("title", "description", "data", "licence", "intended_use", "limits"), "x")
    return Recipe.model_validate(
        {
            "name": "r",
            "about": about,
            "data": {"shape": (8, 8, 8), "spacing": (1, 1, 1), "validation": 0.0} | data,
            "autoencoder": {"patch": (8, 8, 8)},
            "denoiser": {"sizes": {"architecture": "conv-unet", "widths": (16, 16)}},
        }
    )


def test_a_file_that_was_replaced_is_prepared_anew_and_only_that(tmp_path: Path) -> None:
    data, work, recipe = tmp_path / "data", tmp_path / "work", dataset_recipe()
    for number in range(3):
        save(data / f"p{number}.nii.gz", seed=number)
    first = drive(build_dataset(recipe, data, work))
    before = np.array(first.volumes)
    save(data / "p1.nii.gz", (7, 6, 6), seed=9)
    made: list[str] = []
    second = drive(build_dataset(recipe, data, work), lambda progress: made.append(progress.message))
    assert made == ["Preparing p1.nii.gz"]
    assert first.contents != second.contents
    assert not np.array_equal(second.volumes[1], before[1])
    np.testing.assert_array_equal(second.volumes[2], before[2])
    save(data / "p00.nii.gz", seed=4)  # sorted before others: every place moves
    made.clear()
    third = drive(build_dataset(recipe, data, work), lambda progress: made.append(progress.message))
    assert made == ["Preparing p00.nii.gz"]
    np.testing.assert_array_equal(third.volumes[3], before[2])


def test_a_preparation_that_was_stopped_goes_on(tmp_path: Path) -> None:
    data, work, recipe = tmp_path / "data", tmp_path / "work", dataset_recipe()
    for number in range(20):
        save(data / f"p{number:02}.nii.gz", seed=number)
    steps = build_dataset(recipe, data, work)
    for _ in range(10):
        next(steps)
    steps.close()
    made: list[str] = []
    found = drive(build_dataset(recipe, data, work), lambda progress: made.append(progress.message))
    assert 10 <= len(made) <= 12
    whole = drive(build_dataset(recipe, data, tmp_path / "other"))
    np.testing.assert_array_equal(found.volumes, whole.volumes)


def test_workers_prepare_the_same_volumes(tmp_path: Path) -> None:
    data, recipe = tmp_path / "data", dataset_recipe()
    for number in range(4):
        save(data / f"p{number}.nii.gz", seed=number)
    here = drive(build_dataset(recipe, data, tmp_path / "here"))
    there = drive(build_dataset(recipe, data, tmp_path / "there", Placement("local:2", 1)))
    np.testing.assert_array_equal(there.volumes, here.volumes)
    assert there.contents == here.contents
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["volumes.json", "volumes.npy"]


def test_a_worker_s_bad_file_is_one_sentence_and_the_others_are_kept(tmp_path: Path) -> None:
    data, recipe = tmp_path / "data", dataset_recipe()
    for number in range(3):
        save(data / f"p{number}.nii.gz", seed=number)
    (data / "p9.nii.gz").write_bytes(b"no volume")
    with pytest.raises(MedGenError, match=r"^1 of 4 failed; the others are kept\. p9: "):
        drive(build_dataset(recipe, data, tmp_path / "work", Placement("local:1", 1)))
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["volumes.json", "volumes.npy"]
    save(data / "p9.nii.gz", seed=9)
    made: list[str] = []
    drive(build_dataset(recipe, data, tmp_path / "work"), lambda progress: made.append(progress.message))
    assert made == ["Preparing p9.nii.gz"]


def test_an_empty_split_is_said(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "data" / f"p{number}.nii.gz")
    with pytest.raises(RecipeError, match="None of the 3 subjects fell into the validation split"):
        drive(build_dataset(dataset_recipe(validation=0.001), tmp_path / "data", tmp_path / "work"))
    with pytest.raises(RecipeError, match="All 3 subjects fell into the validation split"):
        names = ["p0", "p1", "p2"]
        drive(build_dataset(dataset_recipe(held_out=names), tmp_path / "data", tmp_path / "work"))


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
@pytest.mark.parametrize(
    ("name", "counts"), [("brain-t1", {"": 166, "brain-t1-mri": 40}), ("hippocampus", {"hippocampus-mri": 223})]
)
def test_the_shipped_recipes_find_their_public_data(real_data: Path, name: str, counts: dict[str, int]) -> None:
    recipe = read_recipe(find_recipe(name))
    for folder, count in counts.items():  # the brains lie in two, and one of them is a data folder too
        assert len(find_cases(recipe.data, recipe.conditions, real_data / folder)) == count

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from napari_medgen.errors import ModelError, RecipeError
from napari_medgen.running.devices import choose_device
from napari_medgen.running.progress import drive
from napari_medgen.volumes.evaluation import evaluate_volumes, figures
from napari_medgen.volumes.generator import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.perceptual import LPIPS, load_lpips
from napari_medgen.volumes.training.pipeline import train_volumes
from napari_medgen.volumes.training.recipe import Recipe, read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
TOML = """
name = "small"
seed = 3
precision = "32-true"
save_every = 2
sample_every = 3
[about]
title = "Small"
description = "A test."
data = "none"
licence = "none"
intended_use = "Tests."
limits = "All."
[data]
images = "*.nii.gz"
table = "people.csv"
table_key = "id"
validation = 0.25
shape = [16, 16, 16]
spacing = [2.0, 2.0, 2.0]
flip = "L"
rotation = 5.0
copies = 2
[[conditions]]
name = "age"
label = "Age (years)"
kind = "number"
column = "age"
low = 0
high = 100
[autoencoder]
iterations = 5
batch = 2
patch = [16, 16, 16]
codes_from = 1
bypass = 0.5
gradient = 1.0
adversarial_from = 3
disc_channels = 4
[autoencoder.sizes]
n_hiddens = 4
num_groups = 4
downsample = [4, 4, 4]
n_codes = 16
[denoiser]
prediction = "velocity"
timesteps = 20
iterations = 5
batch = 2
warmup = 2
drop_condition = 0.5
[denoiser.sizes]
architecture = "conv-unet"
widths = [16, 16]
groups = 4
condition_width = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight blurred boxes as NIfTI files, with ages."""
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    rows = ["id,age"]
    for index in range(8):
        voxels = np.zeros((34, 36, 32), np.uint8)
        low, high = rng.integers(4, 10, 3), rng.integers(20, 28, 3)
        voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = rng.integers(100, 250)
        voxels += rng.integers(0, 10, voxels.shape, dtype=np.uint8)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), data / f"person{index}.nii.gz")
        rows.append(f"person{index},{20 + index * 5}")
    (data / "people.csv").write_text("\n".join(rows))
    return data


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "small.toml").write_text(TOML)
    return read_recipe(tmp_path / "small.toml")


def test_a_folder_becomes_a_model_that_samples_and_is_measured(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    model = drive(train_volumes(recipe, folder, work, tmp_path / "small"))
    model.verify()
    for stage in ("autoencoder", "denoiser"):
        assert list((work / stage).glob("*.png"))
        with (work / f"{stage}.csv").open() as file:
            assert int(list(csv.DictReader(file))[-1]["iteration"]) == 5
    generator = VolumeGenerator(model, choose_device("cpu", "float32"))
    sample = drive(generator.sample(SampleRequest(steps=3, condition={"age": 40}, guidance=2.0, previews=True)))
    assert sample.volume.spacing == pytest.approx((2, 2, 2))
    assert sample.nearest is not None
    assert sample.nearest.name.startswith("person")
    report = drive(evaluate_volumes(generator, folder, count=3, pairs=4, request=SampleRequest(steps=2)))
    assert report["reconstruction"]["volumes"] == 2
    assert report["reconstruction"]["held_out"]
    assert report["ms_ssim"]["real"]["pairs"] == 4
    assert report["ms_ssim"]["synthetic"]["pairs"] == 3
    assert report["memorisation"]["volumes"] == 3
    assert {"reconstruction PSNR", "kernel distance", "near copies", "seconds per step"} <= set(figures(report))


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    whole = drive(train_volumes(recipe, folder, tmp_path / "a", tmp_path / "whole"))
    # Killed in each stage, between two checkpoints.
    for kill_at in (8 + 3, 8 + 5 + 12 + 3):
        steps = train_volumes(recipe, folder, tmp_path / "b", tmp_path / "resumed", resume=True)
        list(itertools.islice(steps, kill_at))
        steps.close()
    resumed = drive(train_volumes(recipe, folder, tmp_path / "b", tmp_path / "resumed", resume=True))
    for name in ("autoencoder.safetensors", "denoiser.safetensors"):
        left, right = whole.tensors(name), resumed.tensors(name)
        for key in left:
            torch.testing.assert_close(left[key], right[key], msg=f"{name} {key}")
    rows = (tmp_path / "b" / "denoiser.csv").read_text().splitlines()
    assert len(rows) == len((tmp_path / "a" / "denoiser.csv").read_text().splitlines())


def test_an_unfinished_training_is_not_overwritten(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    steps = train_volumes(recipe, folder, tmp_path / "w", tmp_path / "m")
    list(itertools.islice(steps, 8 + 3))
    steps.close()
    with pytest.raises(RecipeError, match="--resume"):
        next(train_volumes(recipe, folder, tmp_path / "w", tmp_path / "m"))


def test_the_published_denoiser_trains_as_well(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    changed = recipe.model_dump()
    changed["conditions"] = ()
    changed["denoiser"] |= {"sizes": {"architecture": "unet3d", "dim": 8, "multipliers": (1, 2)}, "prediction": "noise"}
    changed["denoiser"] |= {"loss": "l1", "warmup": 0}
    model = drive(train_volumes(Recipe.model_validate(changed), folder, tmp_path / "w", tmp_path / "m"))
    sample = drive(VolumeGenerator(model, choose_device("cpu", "float32")).sample(SampleRequest(sampler="ancestral")))
    assert np.isfinite(sample.volume.voxels).all()


def test_latents_that_do_not_divide_are_refused(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    changed = recipe.model_dump()
    changed["denoiser"]["sizes"]["widths"] = (16, 16, 16, 16)
    with pytest.raises(RecipeError, match="do not divide"):
        drive(train_volumes(Recipe.model_validate(changed), folder, tmp_path / "w", tmp_path / "m"))


@pytest.mark.parametrize("name", ["brain-t1", "hippocampus"])
def test_the_shipped_recipes_are_valid_and_made_the_shipped_models(name: str) -> None:
    from napari_medgen.models.catalogue import find_model

    recipe = read_recipe(RECIPES / f"{name}.toml")
    assert recipe.model_dump(mode="json") == find_model(name).card.recipe


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = [", "not a TOML file"),
        (TOML.replace("batch = 2", "batch = 0"), r"autoencoder\.batch"),
        (TOML.replace("seed = 3", "colour = 3"), "colour"),
        (TOML.replace('"conv-unet"', '"transformer"'), r"denoiser\.sizes"),
    ],
)
def test_a_bad_recipe_names_the_entry(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(RecipeError, match=says):
        read_recipe(tmp_path / "bad.toml")


def test_lpips_weights_come_from_an_official_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LPIPS()
    names = set(network.state_dict())
    assert {"net.slice5.28.bias", "lin4.model.1.weight", "scaling_layer.shift"} <= names
    assert len(names) == 13 * 2 + 5 + 2
    state = {f"perceptual_model.{key}": value.abs() for key, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"codebook.N": torch.zeros(3)}}, tmp_path / "vqgan.ckpt")
    loaded = load_lpips(tmp_path / "vqgan.ckpt")
    a, b = torch.rand(2, 2, 1, 32, 32)
    assert float(loaded(a, a)) == 0
    assert 0 < float(loaded(a, (a + b) / 2)) < float(loaded(a, b))
    with pytest.raises(RecipeError, match="perceptual_weights"):
        load_lpips("")
    torch.save({"state_dict": {}}, tmp_path / "none.ckpt")
    with pytest.raises(ModelError, match="lacks the tensor"):
        load_lpips(tmp_path / "none.ckpt")

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

import napari_medgen
from napari_medgen.errors import ModelError, RecipeError
from napari_medgen.models.kept import Opened
from napari_medgen.running.devices import choose_device
from napari_medgen.running.progress import drive
from napari_medgen.volumes.evaluation.measure import evaluate_volumes, figures
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.dataset import find_cases
from napari_medgen.volumes.training.perceptual import LPIPS, load_lpips
from napari_medgen.volumes.training.pipeline import prepare_archive, train_volumes
from napari_medgen.volumes.training.recipe import Recipe, read_recipe

RECIPES = Path(napari_medgen.__file__).parent / "recipes"
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
held_out = ["person2", "person5"]
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
    assert model is not None
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
    report = drive(evaluate_volumes(Opened(generator, "small"), folder, count=2, pairs=4, request=SampleRequest(steps=2)))
    assert report["reconstruction"]["volumes"] == 2
    assert report["reconstruction"]["held_out"]
    assert report["ms_ssim"]["real"]["pairs"] == 4
    assert report["ms_ssim"]["synthetic"]["pairs"] == 1
    assert report["memorisation"]["volumes"] == 2
    assert {"reconstruction PSNR", "kernel distance", "near copies", "seconds per step"} <= set(figures(report))


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    whole = drive(train_volumes(recipe, folder, tmp_path / "a", tmp_path / "whole"))
    # Killed in each stage, between two checkpoints.
    for kill_at in (8 + 3, 8 + 5 + 12 + 3):
        steps = train_volumes(recipe, folder, tmp_path / "b", tmp_path / "resumed", resume=True)
        list(itertools.islice(steps, kill_at))
        steps.close()
    resumed = drive(train_volumes(recipe, folder, tmp_path / "b", tmp_path / "resumed", resume=True))
    assert whole is not None
    assert resumed is not None
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
    content = recipe.model_dump()
    content["conditions"] = ()
    content["denoiser"] |= {"sizes": {"architecture": "unet3d", "dim": 8, "multipliers": (1, 2)}, "prediction": "noise"}
    content["denoiser"] |= {"loss": "l1", "warmup": 0}
    model = drive(train_volumes(Recipe.model_validate(content), folder, tmp_path / "w", tmp_path / "m"))
    assert model is not None
    sample = drive(VolumeGenerator(model, choose_device("cpu", "float32")).sample(SampleRequest(sampler="ancestral")))
    assert np.isfinite(sample.volume.voxels).all()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("widths = [16, 16]", "widths = [16, 16, 16, 16]", "do not divide"),
        ("condition_width = 1", "", "the conditions have 1 entries, and the denoiser .conv-unet. has condition_width = 0"),
        ("condition_width = 1", "condition_width = 2", "has condition_width = 2"),
        (
            'architecture = "conv-unet"\nwidths = [16, 16]\ngroups = 4\ncondition_width = 1',
            'architecture = "unet3d"\ndim = 8\nmultipliers = [1, 2]',
            "the denoiser .unet3d. takes no conditions",
        ),
        ("patch = [16, 16, 16]", "patch = [16, 16, 32]", r"autoencoder\.patch .* is larger than data\.shape"),
        ("patch = [16, 16, 16]", "", r"autoencoder\.patch .* is larger than data\.shape"),
        ("patch = [16, 16, 16]", "patch = [16, 10, 16]", "does not divide by the downsampling"),
        ("shape = [16, 16, 16]", "shape = [16, 18, 16]", "the shape .* does not divide"),
    ],
)
def test_what_does_not_fit_together_is_said_when_the_recipe_is_read(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "bad.toml").write_text(TOML.replace(old, new))
    with pytest.raises(RecipeError, match=says):
        read_recipe(tmp_path / "bad.toml")


def test_a_training_takes_an_archive_and_begins_from_a_model(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    """As on a lent machine: prepared here, trained there, and gone on with from what came back."""
    archive = drive(prepare_archive(recipe, folder, tmp_path / "w", tmp_path / "small.npz"))
    wanted = changed(recipe, denoiser={"standardise": True}, data={"elastic": 1.0, "contrast": 0.1, "bias": 0.1})
    first = drive(train_volumes(wanted, archive, tmp_path / "there", tmp_path / "first"))
    assert first is not None
    architecture = VolumeGenerator(first, choose_device("cpu", "float32")).architecture
    assert len(architecture.scale.low) == 8
    assert architecture.latent_limit > 1.5
    started = wanted.model_copy(update={"start": str(first.path)})
    further = changed(started, autoencoder={"iterations": 0}, denoiser={"iterations": 2})
    second = drive(train_volumes(further, archive, tmp_path / "here", tmp_path / "second"))
    assert second is not None
    kept, changed_weights = (first.tensors(name) for name in ("autoencoder.safetensors", "denoiser.safetensors"))
    for key, value in second.tensors("autoencoder.safetensors").items():
        torch.testing.assert_close(value, kept[key])
    assert any(not torch.equal(v, changed_weights[k]) for k, v in second.tensors("denoiser.safetensors").items())
    sample = drive(VolumeGenerator(second, choose_device("cpu", "float32")).sample(SampleRequest(steps=3)))
    assert np.isfinite(sample.volume.voxels).all()
    with pytest.raises(RecipeError, match="--resume"):  # its first stage leaves no checkpoint
        drive(train_volumes(further, archive, tmp_path / "here", tmp_path / "second"))
    (first.path / "denoiser.safetensors").write_bytes((second.path / "denoiser.safetensors").read_bytes())
    with pytest.raises(RecipeError, match="start was"):
        drive(train_volumes(further, archive, tmp_path / "here", tmp_path / "second", resume=True))
    other = changed(started, autoencoder={"iterations": 0}, denoiser={"prediction": "noise"})
    with pytest.raises(RecipeError, match="has other prediction than the recipe"):
        drive(train_volumes(other, archive, tmp_path / "third", tmp_path / "third-model"))


def test_a_stage_of_no_iterations_needs_a_beginning(recipe: Recipe, tmp_path: Path, folder: Path) -> None:
    content = recipe.model_dump()
    content["autoencoder"]["iterations"] = 0
    with pytest.raises(ValueError, match="needs a model to start from"):
        Recipe.model_validate(content)
    nowhere = Recipe.model_validate(content | {"start": str(tmp_path / "nowhere")})
    with pytest.raises(RecipeError, match="no weights to start from"):
        drive(train_volumes(nowhere, folder, tmp_path / "w", tmp_path / "m"))


def test_a_decoder_is_trained_alone_and_the_denoiser_still_fits(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    wanted = changed(recipe, denoiser={"standardise": True})
    first = drive(train_volumes(wanted, folder, tmp_path / "a", tmp_path / "first"))
    assert first is not None
    alone = {"part": "decoder", "bypass": 1.0, "adversarial": 0.0}
    with pytest.raises(ValueError, match=r"latents of another model \(start\)"):
        Recipe.model_validate(changed(wanted, autoencoder=alone).model_dump())
    started = wanted.model_copy(update={"start": str(first.path)})
    with pytest.raises(ValueError, match="train the decoder alone"):
        Recipe.model_validate(changed(started, denoiser={"iterations": 0}).model_dump())
    further = changed(started, autoencoder=alone, denoiser={"iterations": 0}, data={"copies": 1})
    second = drive(train_volumes(further, folder, tmp_path / "b", tmp_path / "second"))
    assert second is not None
    known, made = (one.tensors("autoencoder.safetensors") for one in (first, second))
    differ = {key.split(".")[0] for key, value in made.items() if not torch.equal(value, known[key])}
    assert differ == {"decoder", "post_vq_conv"}
    known, made = (one.tensors("denoiser.safetensors") for one in (first, second))
    assert all(torch.equal(value, known[key]) for key, value in made.items())
    scales = [VolumeGenerator(one, choose_device("cpu", "float32")).architecture.scale for one in (first, second)]
    assert scales[0] == scales[1]


def test_a_stage_that_time_ended_is_over(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    hurried = changed(recipe, autoencoder={"iterations": 10**6, "minutes": 1e-4}, denoiser={"minutes": 1e-4})
    first = drive(train_volumes(hurried, folder, tmp_path / "w", tmp_path / "first"))
    rows = (tmp_path / "w" / "autoencoder.csv").read_text().splitlines()
    assert 2 <= len(rows) < 20
    again = drive(train_volumes(hurried, folder, tmp_path / "w", tmp_path / "again", resume=True))
    assert first is not None
    assert again is not None
    for key, value in first.tensors("autoencoder.safetensors").items():
        assert torch.equal(again.tensors("autoencoder.safetensors")[key], value)


def test_a_training_that_stops_before_its_rate_has_fallen_is_the_first_part_of_the_whole(
    recipe: Recipe, folder: Path, tmp_path: Path
) -> None:
    whole = drive(train_volumes(recipe, folder, tmp_path / "a", tmp_path / "whole"))
    part = changed(recipe, denoiser={"stop": 3})
    drive(train_volumes(part, folder, tmp_path / "b", tmp_path / "part"))
    assert (tmp_path / "b" / "denoiser.csv").read_text().splitlines()[-1].startswith("3,")
    gone_on = drive(train_volumes(recipe, folder, tmp_path / "b", tmp_path / "gone-on", resume=True))
    assert whole is not None
    assert gone_on is not None
    for key, value in whole.tensors("denoiser.safetensors").items():
        torch.testing.assert_close(gone_on.tensors("denoiser.safetensors")[key], value)


def test_several_tables_are_one(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    rows = (folder / "people.csv").read_text().splitlines()
    (folder / "people.csv").unlink()
    for part, some in (("a", rows[1:4]), ("b", rows[4:])):
        (folder / f"people-{part}.csv").write_text("\n".join([rows[0], *some]))
    assert len(find_cases(changed(recipe, data={"table": "people-*.csv"}).data, recipe.conditions, folder)) == 8
    (folder / "._people-a.csv").write_bytes(b"\xff\xfe\x00")
    assert len(find_cases(changed(recipe, data={"table": "people-*.csv"}).data, recipe.conditions, folder)) == 8
    for none in ("nobody-*.csv", "/elsewhere/*.csv", "**x/*.csv"):
        with pytest.raises(RecipeError, match="no table that matches"):
            find_cases(changed(recipe, data={"table": none}).data, recipe.conditions, folder)


def changed(recipe: Recipe, **tables: dict[str, object]) -> Recipe:
    content = recipe.model_dump()
    for name, entries in tables.items():
        content[name] = content[name] | entries
    return Recipe.model_validate(content)


def test_a_training_is_not_gone_on_with_under_another_recipe(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    drive(train_volumes(recipe, folder, work, tmp_path / "m"))
    for other, says in (
        (changed(recipe, denoiser={"prediction": "noise"}), r'denoiser\.prediction was "velocity" and is "noise"'),
        (changed(recipe, autoencoder={"l1": 1.0}), r"autoencoder\.l1 was 4\.0 and is 1\.0"),
        (changed(recipe, denoiser={"iterations": 3}), "has done 5 iterations, and the recipe asks for 3"),
        (changed(recipe, data={"lower": 2.0}), r"data\.lower"),
    ):
        with pytest.raises(RecipeError, match=says):
            drive(train_volumes(other, folder, work, tmp_path / "other", resume=True))
    assert not (tmp_path / "other").exists()
    about = recipe.about.model_copy(update={"title": "Other"})
    again = drive(train_volumes(recipe.model_copy(update={"about": about}), folder, work, tmp_path / "other", resume=True))
    assert again is not None
    assert again.card.title == "Other"


def test_a_training_that_breaks_down_keeps_its_last_checkpoint(
    recipe: Recipe, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_medgen.volumes.training import autoencoder

    def one_gap(*words: object) -> torch.Tensor:
        batch = draw(*words)  # type: ignore[arg-type]
        if next(drawn) == 3:
            batch[0, 0, 0, 0, 0] = float("nan")
        return batch

    draw, drawn = autoencoder.draw_patches, itertools.count()
    monkeypatch.setattr(autoencoder, "draw_patches", one_gap)
    with pytest.raises(RecipeError, match=r"broke down: .* at iteration 3\..*last checkpoint is whole"):
        drive(train_volumes(recipe, folder, tmp_path / "w", tmp_path / "m"))
    kept = torch.load(tmp_path / "w" / "autoencoder.pt", weights_only=True)
    assert kept["iteration"] == 2
    assert all(torch.isfinite(value).all() for value in kept["net"].values() if value.is_floating_point())


def test_a_model_carries_no_file_names(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    model = drive(train_volumes(recipe, folder, tmp_path / "w", tmp_path / "m"))
    assert model is not None
    generator = VolumeGenerator(model, choose_device("cpu", "float32"))
    assert generator.reference is not None
    assert list(generator.reference.names) == [f"person {number}" for number in range(1, 7)]
    travelling = [path.read_bytes() for path in model.path.iterdir() if path.name != "model.json"]
    assert not any(b"person0" in content for content in travelling)
    assert "person0" in (tmp_path / "w" / "people.csv").read_text()


@pytest.mark.parametrize("name", ["brain-t1", "hippocampus"])
def test_the_shipped_recipes_are_valid_and_made_the_shipped_models(name: str) -> None:
    from napari_medgen.models.catalogue import find_model

    recipe = read_recipe(RECIPES / f"{name}.toml")
    # Entries that came after the training have their defaults on the card.
    assert recipe == Recipe.model_validate(find_model(name).card.recipe)


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

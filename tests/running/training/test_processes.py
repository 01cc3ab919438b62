"""Trainings in two processes: the whole suite starts them here, as a user with two GPUs would."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import nibabel as nib
import numpy as np
import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.running.progress import drive
from napari_medgen.saliency.training.pipeline import train_saliency
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from napari_medgen.volumes.training.pipeline import train_volumes
from napari_medgen.volumes.training.recipe import Recipe
from saliency_support import RECIPE as SPOTS
from saliency_support import write_images

Table = TypeVar("Table", Recipe, ClassifierRecipe)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def train(recipe: Path, data: Path, work: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_medgen", "train", recipe, "--data", data]
    command += ["--work", work, "--out", out, "--devices", "2", *more]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": str(free_port()), "NAPARI_MEDGEN_DEVICE": "cpu"}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, env=one_thread, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


VOLUMES = """
name = "small"
precision = "32-true"
save_every = 2
keep_every = 2
sample_every = 100
[about]
title = "Small"
description = "x"
data = "x"
licence = "x"
intended_use = "x"
limits = "x"
[data]
shape = [16, 16, 16]
spacing = [2.0, 2.0, 2.0]
held_out = ["p3"]
[autoencoder]
iterations = 4
batch = 2
patch = [16, 16, 16]
adversarial_from = 2
codes_from = 100
disc_channels = 4
[autoencoder.sizes]
n_hiddens = 4
num_groups = 4
downsample = [4, 4, 4]
n_codes = 16
[denoiser]
timesteps = 20
iterations = 4
batch = 2
[denoiser.sizes]
architecture = "conv-unet"
widths = [16, 16]
groups = 4
"""


def iterations(log: Path) -> list[int]:
    with log.open() as file:
        return [int(row["iteration"]) for row in csv.DictReader(file)]


def test_two_processes_train_the_volume_model_that_one_trains_with_two_batches(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        nib.save(nib.Nifti1Image(rng.integers(1, 200, (30, 30, 30)).astype(np.uint8), np.eye(4)), data / f"p{number}.nii.gz")
    recipe = tmp_path / "small.toml"
    recipe.write_text(VOLUMES)
    done = train(recipe, data, tmp_path / "work", tmp_path / "out")
    assert done.stdout.count(str(tmp_path / "out")) == 1  # one process writes and says so

    alone = with_changes(Recipe, recipe, "autoencoder.accumulate=2", "denoiser.accumulate=2")
    drive(train_volumes(alone, data, tmp_path / "alone", tmp_path / "by-one"))
    for stage in ("autoencoder", "denoiser"):
        begun = torch.load(tmp_path / "work" / f"{stage}-00000002.pt", weights_only=True)["net"]
        two, one = (torch.load(tmp_path / work / f"{stage}.pt", weights_only=True)["net"] for work in ("work", "alone"))
        moved = distance(two, begun)
        assert moved > 0
        assert distance(two, one) < 0.02 * moved  # rounding, which Adam makes larger

    # And one process goes on with what two began, if it makes as many batches.
    longer = ("denoiser.iterations=6", "denoiser.accumulate=2", "autoencoder.accumulate=2")
    drive(train_volumes(with_changes(Recipe, recipe, *longer), data, tmp_path / "work", tmp_path / "longer", resume=True))
    assert iterations(tmp_path / "work" / "denoiser.csv") == [4, 6]
    assert (tmp_path / "longer" / "model.json").is_file()
    with pytest.raises(RecipeError, match="batches_an_update was 2 and is absent"):
        drive(train_volumes(with_changes(Recipe, recipe), data, tmp_path / "work", tmp_path / "no", resume=True))


def with_changes(kind: type[Table], recipe: Path, *changes: str) -> Table:
    return validate_recipe(kind, read_toml(recipe, changes), recipe.name)


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return float(sum((one[name].float() - other[name].float()).square().sum() for name in one)) ** 0.5


def test_two_processes_train_the_classifier_that_one_trains_with_two_batches(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    recipe = tmp_path / "spots.toml"
    recipe.write_text(SPOTS)
    changes = ("training=standard", "precision=32-true", "optimiser.epochs=2", "keep_every=1", "optimiser.batch=8")
    train(recipe, data, tmp_path / "work", tmp_path / "out", *(w for change in changes for w in ("--set", change)))
    alone = with_changes(ClassifierRecipe, recipe, *changes, "optimiser.accumulate=2")
    drive(train_saliency(alone, data, tmp_path / "alone", tmp_path / "by-one"))
    kept = sorted((tmp_path / "work").glob("classifier-*.pt"))
    assert len(kept) == 2
    states = [torch.load(path, weights_only=True)["network"] for path in (*kept, tmp_path / "alone" / "classifier.pt")]
    first, two, one = (
        {name: value for name, value in state.items() if "running" not in name and "tracked" not in name} for state in states
    )
    assert distance(two, one) < 0.02 * distance(two, first)  # but for the statistics of batches, which each has of its own


def test_processes_come_to_one_verdict_about_patience(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    recipe = tmp_path / "spots.toml"
    recipe.write_text(SPOTS)
    changes = ("training=standard", "precision=32-true", "optimiser.epochs=12", "optimiser.patience=1")
    options = [word for change in (*changes, "optimiser.learning_rate=0.5") for word in ("--set", change)]
    train(recipe, data, tmp_path / "work", tmp_path / "out", *options)
    epochs = len((tmp_path / "work" / "classifier.csv").read_text().splitlines()) - 1
    assert 1 < epochs < 12
    assert (tmp_path / "out" / "model.json").is_file()


@pytest.mark.parametrize("encoder", ["joint"])
def test_generator_and_encoder_are_trained_by_two_processes(tmp_path: Path, encoder: str) -> None:
    from progression_support import RECIPE as KNEES
    from progression_support import write_graded

    data = write_graded(tmp_path / "knees")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(KNEES)
    done = train(recipe, data, tmp_path / "work", tmp_path / "out", "--set", f"optimiser.encoder={encoder}")
    assert done.stdout.count(str(tmp_path / "out")) == 1
    assert (tmp_path / "out" / "cohort.parquet").is_file()

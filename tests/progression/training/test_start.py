"""Trainings that begin with another model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.progression.architecture import EncoderSizes, StyleGANSizes
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.networks.stylegan_layers import double
from napari_medgen.progression.training.pipeline import train_progression
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.progression.training.start import begin_with, start_of
from napari_medgen.running.progress import Progress, drive
from progression_support import RECIPE, PlainGrader, write_graded, write_model


def recipe(tmp_path: Path, *changes: str) -> ProgressionRecipe:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return validate_recipe(ProgressionRecipe, read_toml(tmp_path / "tiny.toml", changes), "tiny.toml")


def test_a_generator_of_twice_the_resolution_begins_with_the_same_images_enlarged(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small")
    small = StyleGANSizes.model_validate(folder.card.architecture["generator"])
    encoder_sizes = EncoderSizes.model_validate(folder.card.architecture["encoder"])
    sizes = small.model_copy(update={"resolution": 2 * small.resolution})
    first, larger = Generator(small), Generator(sizes)
    begin_with(str(folder.path), first, Encoder(small, encoder_sizes))
    begin_with(str(folder.path), larger, Encoder(sizes, encoder_sizes))
    z = torch.randn(2, small.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        kernel = first.synthesis.b4.resample_filter
        torch.testing.assert_close(larger(z, noise="none"), double(first(z, noise="none"), kernel), atol=1e-4, rtol=1e-4)


def test_a_training_of_no_images_packs_what_it_begins_with(tmp_path: Path) -> None:
    data = write_graded(tmp_path / "images")
    first = drive(train_progression(recipe(tmp_path), PlainGrader, data, tmp_path / "one", tmp_path / "first"))
    assert first is not None
    nothing = ("optimiser.kimg=0", "optimiser.warmup_kimg=0")
    again = recipe(tmp_path, f"start={first.path}", *nothing)
    second = drive(train_progression(again, PlainGrader, data, tmp_path / "two", tmp_path / "second"))
    assert second is not None
    for name in ("generator.safetensors", "encoder.safetensors"):
        assert second.tensors(name).keys() == first.tensors(name).keys()
        assert all(torch.equal(second.tensors(name)[key], value) for key, value in first.tensors(name).items())
    with pytest.raises(RecipeError, match="needs a model to start from"):
        recipe(tmp_path, *nothing)


def test_a_training_that_time_ended_is_over(tmp_path: Path) -> None:
    data, wanted = write_graded(tmp_path / "images"), ("optimiser.kimg=1000", "cohort.projection=none")
    short = recipe(tmp_path, *wanted, "optimiser.minutes=0.01")
    seen: list[Progress] = []
    drive(train_progression(short, PlainGrader, data, tmp_path / "work", tmp_path / "out"), seen.append)
    assert (tmp_path / "out" / "model.json").is_file()
    assert max(progress.step for progress in seen if progress.total > 1000) < 2000
    drive(train_progression(short, PlainGrader, data, tmp_path / "work", tmp_path / "again", resume=True))
    with pytest.raises(RecipeError, match="trained jointly"):
        recipe(tmp_path, "optimiser.minutes=1", "optimiser.encoder=after")


def test_a_folder_without_weights_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="There are no weights of a generator and its encoder"):
        start_of(str(tmp_path))
    assert start_of("") == {}

"""Training of generator and encoder: it resumes, it packs a model, and its parts do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.errors import CohortError, RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.progression.cohort.folder import cohort_of_model
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.training.augmentation import AugmentationControl, augment
from napari_medgen.progression.training.frames import find_visits, read_frames
from napari_medgen.progression.training.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from napari_medgen.progression.training.pipeline import train_progression
from napari_medgen.progression.training.recipe import SURROGATE, AugmentationRecipe, ProgressionRecipe
from napari_medgen.running.progress import drive
from progression_support import CPU, RECIPE, PlainGrader, radiograph, write_graded


def recipe(tmp_path: Path, *changes: str) -> ProgressionRecipe:
    file = tmp_path / "tiny.toml"
    file.write_text(RECIPE)
    return validate_recipe(ProgressionRecipe, read_toml(file, changes), file.name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_graded(tmp_path_factory.mktemp("knees"))


@pytest.mark.parametrize("encoder", ["joint", "after"])
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path, data: Path, encoder: str) -> None:
    wanted = recipe(tmp_path, f"optimiser.encoder={encoder}", "optimiser.encoder_kimg=0.032")
    drive(train_progression(wanted, PlainGrader, data, tmp_path / "whole", tmp_path / "a"))
    steps = train_progression(wanted, PlainGrader, data, tmp_path / "broken", tmp_path / "b")
    for progress in steps:
        if progress.total in (9, 10) and progress.step == 5:
            break
    steps.close()
    assert not (tmp_path / "b").exists()
    with pytest.raises(RecipeError, match="--resume"):
        drive(train_progression(wanted, PlainGrader, data, tmp_path / "broken", tmp_path / "b"))
    drive(train_progression(wanted, PlainGrader, data, tmp_path / "broken", tmp_path / "b", resume=True))
    first, second = (torch.load(tmp_path / run / "networks.pt", weights_only=True) for run in ("whole", "broken"))
    for network in ("generator", "discriminator", "encoder", "mean_generator", "mean_encoder"):
        assert all(torch.equal(first[network][name], second[network][name]) for name in first[network])
    assert (tmp_path / "whole" / "networks" / "000004.png").is_file()
    assert (tmp_path / "whole" / "distance.csv").read_text().startswith("iteration,reproduced,generated")


def test_what_comes_out_projects_and_looks_ahead(tmp_path: Path, data: Path) -> None:
    folder = drive(train_progression(recipe(tmp_path), PlainGrader, data, tmp_path / "work", tmp_path / "out"))
    assert folder is not None
    cohort = cohort_of_model(folder)
    assert cohort is not None
    assert cohort.surrogate == SURROGATE
    assert len(cohort.visits) == 20
    assert {visit.months for visit in cohort.visits} == {0.0, 24.0, 48.0}
    model = Extrapolator(folder, PlainGrader(), None, CPU)
    projected = drive(model.project(radiograph()))
    assert SURROGATE in projected.provenance.operation
    assert drive(model.look_ahead(projected)).images.shape == (5, 16, 16)


def test_warming_up_reproduces_better_and_better(tmp_path: Path, data: Path) -> None:
    wanted = recipe(
        tmp_path, "optimiser.warmup_kimg=1.2", "save_every=1000", "look_every=1000", "optimiser.learning_rate=0.01"
    )
    drive(train_progression(wanted, PlainGrader, data, tmp_path / "work", tmp_path / "out"))
    rows = [line.split(",") for line in (tmp_path / "work" / "networks.csv").read_text().splitlines()]
    pixel = [float(row[rows[0].index("pixel")]) for row in rows[1:]]
    assert pixel[6] < 0.7 * pixel[0]


def test_no_change_is_made_where_the_probability_is_zero() -> None:
    images = torch.rand(4, 1, 16, 16)
    generator = torch.Generator().manual_seed(0)
    assert augment(images, 0.0, AugmentationRecipe(), generator) is images
    changed = augment(images, 1.0, AugmentationRecipe(), generator)
    assert changed.shape == images.shape
    assert not torch.equal(changed, images)


def test_gradients_flow_through_the_changes_and_sides_are_kept() -> None:
    left = torch.full((1, 1, 32, 32), -1.0)
    left[..., :8] = 1
    left.requires_grad_()
    for seed in range(10):
        changed = augment(left, 1.0, AugmentationRecipe(), torch.Generator().manual_seed(seed))
        assert changed[..., :16].mean() > changed[..., 16:].mean()
    changed.sum().backward()
    assert left.grad is not None
    assert left.grad.abs().sum() > 0


def test_the_probability_follows_the_discriminators_opinion() -> None:
    control = AugmentationControl(AugmentationRecipe(interval=2, kimg=0.08), batch=8)
    for _ in range(4):
        control.saw(1.0)
    assert control.probability == pytest.approx(0.4)
    saved = control.state_dict()
    for _ in range(4):
        control.saw(0.0)
    assert control.probability == pytest.approx(0.0)
    control.load_state_dict(saved)
    assert control.probability == pytest.approx(0.4)


def test_losses_are_those_of_the_papers() -> None:
    scores = torch.tensor([[0.0], [2.0]])
    assert float(generator_loss(scores)) == pytest.approx(np.mean(np.log1p(np.exp([-0.0, -2.0]))), rel=1e-5)
    assert float(discriminator_loss(scores, scores)) == pytest.approx(
        np.mean(np.log1p(np.exp([-0.0, -2.0]))) + np.mean(np.log1p(np.exp([0.0, 2.0]))), rel=1e-5
    )
    images = torch.randn(3, 1, 4, 4).requires_grad_()
    # A score that is linear in the pixels has the same gradient everywhere.
    assert float(r1_penalty((2 * images).sum((1, 2, 3)), images)) == pytest.approx(4 * 16)
    ws = torch.randn(5, 3, 8).requires_grad_()
    lengths = path_lengths(ws.mean((1, 2))[:, None, None, None].expand(-1, 1, 4, 4), ws)
    assert lengths.shape == (5,)
    assert (lengths > 0).all()


def test_a_recipe_that_knows_more_than_it_may_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"generator\.colour"):
        recipe(tmp_path, "generator.colour=true")


def test_a_training_is_not_gone_on_with_under_another_recipe_or_grader(tmp_path: Path, data: Path) -> None:
    drive(train_progression(recipe(tmp_path), PlainGrader, data, tmp_path / "work", tmp_path / "out"))

    class OtherGrader(PlainGrader):
        checksum = "other"

    for wanted, grader, says in (
        (recipe(tmp_path, "optimiser.pixel=1.0"), PlainGrader, r"optimiser\.pixel"),
        (recipe(tmp_path, "mirror=L"), PlainGrader, "mirror was"),
        (recipe(tmp_path), OtherGrader, 'grader was "plain-1" and is "other"'),
    ):
        with pytest.raises(RecipeError, match=says):
            drive(train_progression(wanted, grader, data, tmp_path / "work", tmp_path / "b", resume=True))


def test_frames_follow_their_files_and_unreadable_ones_are_left_out(tmp_path: Path) -> None:
    data = write_graded(tmp_path / "knees")
    wanted, work = recipe(tmp_path), tmp_path / "work"
    visits = [visit for visit in find_visits(wanted, data) if visit.split == "train"]
    first, _ = drive(read_frames(visits, data, wanted.architecture, work))
    before = np.array(first)
    (data / visits[3].image).write_bytes((data / visits[-1].image).read_bytes())
    second, _ = drive(read_frames(visits, data, wanted.architecture, work))
    assert not np.array_equal(second[3], before[3])
    (data / visits[3].image).write_bytes(b"half a picture")
    kept, known = drive(read_frames(visits, data, wanted.architecture, work))
    assert len(kept) == len(known) == len(visits) - 1
    assert visits[3] not in known
    for visit in visits[:5]:
        (data / visit.image).write_bytes(b"half a picture")
    with pytest.raises(CohortError, match=r"5 of 20 images cannot be read, for example: 9\d+[LR]\.jpg"):
        drive(read_frames(visits, data, wanted.architecture, work))


def test_a_cohort_in_a_model_names_nobody_and_still_knows_its_own(tmp_path: Path, data: Path) -> None:
    folder = drive(train_progression(recipe(tmp_path), PlainGrader, data, tmp_path / "work", tmp_path / "out"))
    assert folder is not None
    cohort = cohort_of_model(folder)
    assert cohort is not None
    names = {visit.patient for visit in cohort.visits}
    assert all(name.startswith("p-") for name in names)
    assert len(names) == 10
    assert cohort.key_of("9003") in names
    assert cohort.key_of("1234") not in names
    assert {visit.image for visit in cohort.visits} == {""}
    assert all(len(rows) == 2 for rows in cohort.trajectories.values())

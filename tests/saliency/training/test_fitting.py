"""Training three ways on pictures with spots: it learns, it resumes, it takes the right path, and it packs a model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.kept import Opened
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.running.progress import drive
from napari_medgen.running.training.fabric import build_fabric
from napari_medgen.saliency.evaluation.measure import EvaluationRequest, evaluate_classifier, figures
from napari_medgen.saliency.evaluation.variants import compare_variants, family_members
from napari_medgen.saliency.training import fitting
from napari_medgen.saliency.training.dataset import build_dataset
from napari_medgen.saliency.training.pipeline import train_saliency
from napari_medgen.saliency.training.recipe import ClassifierRecipe, OptimiserRecipe
from saliency_support import RECIPE, load, write_images

WAYS = ("standard", "adversarial", "dual")


def recipe(tmp_path: Path, *changes: str) -> ClassifierRecipe:
    file = tmp_path / "spots.toml"
    file.write_text(RECIPE)
    return validate_recipe(ClassifierRecipe, read_toml(file, ("precision=32-true", *changes)), file.name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("spots"), train=80, test=40)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path / "classifier.pt", weights_only=True)["network"]


@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path, data: Path, way: str) -> None:
    wanted = recipe(tmp_path, f"training={way}", "optimiser.epochs=2")
    drive(train_saliency(wanted, data, tmp_path / "whole", tmp_path / "a"))
    steps = train_saliency(wanted, data, tmp_path / "broken", tmp_path / "b")
    for progress in steps:
        if progress.message.startswith("Epoch 2"):
            break
    steps.close()
    assert not (tmp_path / "b").exists()
    with pytest.raises(RecipeError, match="--resume"):
        drive(train_saliency(wanted, data, tmp_path / "broken", tmp_path / "b"))
    drive(train_saliency(wanted, data, tmp_path / "broken", tmp_path / "b", resume=True))
    first, second = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [(tmp_path / run / "classifier.csv").read_text().splitlines() for run in ("whole", "broken")]
    assert [len(log) for log in logs] == [3, 3]


def test_each_way_moves_the_statistics_that_it_should(tmp_path: Path, data: Path) -> None:
    fabric = build_fabric("32-true")
    moved = {}
    for way in WAYS:
        wanted = recipe(tmp_path, f"training={way}")
        dataset = drive(build_dataset(wanted, data, tmp_path / way))
        steps = fitting.train_classifier(wanted, dataset, tmp_path / way, fabric)
        next(steps)
        assert steps.gi_frame is not None
        net = steps.gi_frame.f_locals["network"]
        moved[way] = {
            name: value for name, value in net.state_dict().items() if name.startswith("bn1") and "running" in name
        }
        steps.close()
    assert set(moved["standard"]) == {"bn1.running_mean", "bn1.running_var"}
    assert not torch.equal(moved["standard"]["bn1.running_mean"], moved["adversarial"]["bn1.running_mean"])
    clean, adversarial = (moved["dual"][f"bn1.bns.{d}.running_mean"] for d in (0, 1))
    # Same seed, same images: the clean statistics of the dual network are those of the standard one.
    assert torch.allclose(clean, moved["standard"]["bn1.running_mean"])
    assert torch.allclose(adversarial, moved["adversarial"]["bn1.running_mean"], atol=1e-4)


def test_training_learns_what_a_spot_is_and_everything_measures_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    for way in ("standard", "dual"):
        wanted = recipe(tmp_path, f"training={way}", "optimiser.epochs=8", "attack.epsilon=0.01")
        folder = drive(train_saliency(wanted, data, tmp_path / way, models / wanted.model_name))
        assert folder.name == wanted.model_name
    model = load(models / "spots")
    assert model.architecture.training == "dual"
    assert model.architecture.attack is not None
    assert model.reference is not None
    asked = EvaluationRequest(epsilons=(0.01,), attacked_images=8, redraws=200)
    report = drive(evaluate_classifier(Opened(model, "spots"), data, asked))
    clean = report["batch_norms"]["clean"]
    assert report["images"] == 40
    assert clean["auc"]["spot"]["value"] > 0.9
    assert clean["auc"]["spot"]["low"] <= clean["auc"]["spot"]["value"] <= clean["auc"]["spot"]["high"]
    assert clean["maps"]["energy_inside"]["value"] > 1.5 * clean["maps"]["chance"]
    assert 0 <= clean["calibration"]["spot"]["brier"] < 0.25
    assert set(clean["auc_under_attack"]) == {"0.01"}
    assert "AUC spot" in figures(report)
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(models))
    members = family_members("spots")
    assert [member.name for member in members] == ["spots-standard", "spots"]
    table = drive(compare_variants(members, data, "cpu", attacked_images=8, redraws=200))
    assert [(row.training, row.domain) for row in table.rows] == [
        ("standard", ""),
        ("dual", "clean"),
        ("dual", "adversarial"),
    ]
    assert all(row.energy is not None for row in table.rows)
    assert "AUC: dual (clean) - standard" in table.differences
    assert table.epsilon == 0.01


def test_training_ends_early_where_the_clean_loss_does_not_fall(tmp_path: Path, data: Path) -> None:
    wanted = recipe(
        tmp_path, "training=standard", "optimiser.epochs=30", "optimiser.patience=1", "optimiser.learning_rate=0.5"
    )
    drive(train_saliency(wanted, data, tmp_path / "work", tmp_path / "out"))
    rows = (tmp_path / "work" / "classifier.csv").read_text().splitlines()
    assert len(rows) < 30


def test_rates_follow_their_schedules() -> None:
    own = OptimiserRecipe(epochs=10, learning_rate=1.0, warmup=0.5)
    rates = [fitting.learning_rate(own, step, 100) for step in range(100)]
    assert max(rates) == rates[49] == pytest.approx(1)
    assert rates[99] < 0.01
    twice = OptimiserRecipe(epochs=10, learning_rate=1.0, warmup=0.5, cycles=2)
    again = [fitting.learning_rate(twice, step, 100) for step in range(100)]
    assert again[:50] == again[50:]
    published = OptimiserRecipe(epochs=300, learning_rate=0.01, schedule="steps")
    assert [fitting.learning_rate(published, step, 300) for step in (0, 99, 100, 200)] == pytest.approx(
        [0.01, 0.01, 1e-3, 1e-4]
    )


def test_a_split_with_one_class_only_is_refused(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", train=20)
    for file in (data / "train" / "spot").glob("*.png"):
        file.unlink()
    with pytest.raises(RecipeError, match="every image has the same label for spot"):
        drive(train_saliency(recipe(tmp_path), data, tmp_path / "work", tmp_path / "out"))


def test_a_training_that_time_ended_is_over(tmp_path: Path, data: Path) -> None:
    short = recipe(tmp_path, "training=standard", "optimiser.epochs=500", "optimiser.minutes=0.02")
    assert drive(train_saliency(short, data, tmp_path / "work", tmp_path / "a")) is not None
    before = weights(tmp_path / "work")
    drive(train_saliency(short, data, tmp_path / "work", tmp_path / "b", resume=True))
    assert all(torch.equal(weights(tmp_path / "work")[name], value) for name, value in before.items())

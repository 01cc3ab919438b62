"""Labelled images are found, labelled as said, and split by patient."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.saliency.training.cases import find_cases
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from saliency_support import RECIPE, write_images

RECIPES = Path(__file__).parents[3] / "recipes"


def recipe(tmp_path: Path, *changes: str) -> ClassifierRecipe:
    file = tmp_path / "spots.toml"
    file.write_text(RECIPE)
    return validate_recipe(ClassifierRecipe, read_toml(file, changes), file.name)


def write_table(root: Path, rows: list[dict[str, object]]) -> None:
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_folders_become_labels_and_names_sides_and_patients(tmp_path: Path) -> None:
    cases = find_cases(recipe(tmp_path), write_images(tmp_path / "data"))
    assert len(cases) == 80
    assert {(case.image.parent.name, case.targets) for case in cases} == {("none", (0.0,)), ("spot", (1.0,))}
    assert {case.side for case in cases} == {"L", "R"}
    assert all((case.mask is not None) == (case.targets == (1.0,)) for case in cases)


def test_a_patient_is_on_one_side_of_every_split(tmp_path: Path) -> None:
    cases = find_cases(recipe(tmp_path), write_images(tmp_path / "data"))
    splits: dict[str, set[str]] = {}
    for case in cases:
        splits.setdefault(case.subject, set()).add(case.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {case.split for case in cases} == {"train", "validation", "test"}


def test_smaller_shares_are_parts_of_larger_ones(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")

    def chosen(share: float) -> set[Path]:
        cases = find_cases(recipe(tmp_path, f"data.share={share}"), data)
        return {case.image for case in cases if case.split == "train"}

    assert chosen(0.2) < chosen(0.6) < chosen(1.0)


def test_a_patient_in_training_and_test_is_refused_or_dropped(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    doubled = next((data / "test" / "none").glob("*.png"))
    (data / "train" / "none" / doubled.name).write_bytes(doubled.read_bytes())
    with pytest.raises(RecipeError, match="1 patients are both in training and in test"):
        find_cases(recipe(tmp_path), data)
    cases = find_cases(recipe(tmp_path, "data.in_both=drop"), data)
    assert [case.split for case in cases if case.image.name == doubled.name] == ["test"]


def test_the_official_table_is_read_with_uncertain_labels_as_asked(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", train=8, test=4)
    images = sorted(data.glob("t*/*/*.png"))
    rows = [
        {"Image Index": str(image.relative_to(data)), "spot": label, "fold": fold}
        for image, label, fold in zip(images, (1, 0, -1, ""), ("train", "train", "valid", "test"), strict=False)
    ]
    write_table(data, rows)
    changes = ("data.table=labels.csv", "data.folders={}", "data.mask=", "data.subject=(.*)")
    assert [case.targets[0] for case in find_cases(recipe(tmp_path, *changes), data)] == [1, 0, 0, 0]
    assert [case.split for case in find_cases(recipe(tmp_path, *changes), data)] == ["train", "train", "validation", "test"]
    unknown = find_cases(recipe(tmp_path, *changes, "data.uncertain=unknown"), data)
    assert math.isnan(unknown[2].targets[0])
    write_table(data, [rows[0] | {"Image Index": "gone.png"}])
    with pytest.raises(RecipeError, match=r"names gone\.png"):
        find_cases(recipe(tmp_path, *changes), data)
    write_table(data, [{"Image Index": "a", "fold": "train"}])
    with pytest.raises(RecipeError, match="has no column spot"):
        find_cases(recipe(tmp_path, *changes), data)


def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no data folder"):
        find_cases(recipe(tmp_path), tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="holds no image"):
        find_cases(recipe(tmp_path), tmp_path / "empty")
    with pytest.raises(RecipeError, match="does not say which patient"):
        find_cases(recipe(tmp_path, "data.subject=^(x)"), write_images(tmp_path / "data"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("training=magic", "training: Input should be"),
        ('data.folders={"a": "tumour"}', "name a label that is not among the labels"),
        ("data.table=labels.csv", "name one of the two"),
        ("optimiser.epochs=0", "optimiser.epochs"),
        ("extra=1", "extra"),
        ("nonsense", "KEY=VALUE"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        recipe(tmp_path, change)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [("knee-kl", "knee-radiographs", (5468, 310, 826)), ("chest-pneumonia", "chest-radiographs", (4405, 575, 318))],
)
def test_the_shipped_recipes_find_the_public_data(
    real_data: Path, name: str, folder: str, counts: tuple[int, int, int]
) -> None:
    wanted = validate_recipe(ClassifierRecipe, read_toml(RECIPES / f"{name}.toml"), name)
    splits = [case.split for case in find_cases(wanted, real_data / folder)]
    assert tuple(splits.count(split) for split in ("train", "validation", "test")) == counts  # type: ignore[arg-type]

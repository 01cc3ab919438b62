"""Labelled images are found, labelled as said, and split by patient."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import napari_medgen
from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.saliency.training.cases import Case, find_cases, unlabelled
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from saliency_support import RECIPE, write_images

RECIPES = Path(napari_medgen.__file__).parent / "recipes"


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
    found = find_cases(recipe(tmp_path, *changes), data)
    assert [case.targets[0] for case in found[:2]] == [1, 0]
    assert [case.labelled for case in found] == [True, True, False, False]
    assert unlabelled(found) == 2
    assert [case.split for case in found] == ["train", "train", "validation", "test"]
    absent = (*changes, "data.blank=absent", "data.uncertain=absent")
    assert [case.targets[0] for case in find_cases(recipe(tmp_path, *absent), data)] == [1, 0, 0, 0]
    mixed = find_cases(recipe(tmp_path, *changes, "data.blank=absent"), data)
    assert [case.labelled for case in mixed] == [True, True, False, True]
    write_table(data, [rows[0] | {"Image Index": "gone.png"}])
    with pytest.raises(RecipeError, match=r"names gone\.png"):
        find_cases(recipe(tmp_path, *changes), data)
    write_table(data, [{"Image Index": "a", "fold": "train"}])
    with pytest.raises(RecipeError, match="has no column spot"):
        find_cases(recipe(tmp_path, *changes), data)


TABLE = ("data.table=labels.csv", "data.folders={}", "data.mask=", "data.subject=(.*)")


def table_of(tmp_path: Path, rows: list[dict[str, object]], *changes: str) -> list[Case]:
    data = tmp_path / "data"
    if not data.is_dir():
        write_images(data, train=8, test=4)
    images = sorted(path.relative_to(data).as_posix() for path in data.glob("t*/*/*.png"))
    write_table(data, [{"Image Index": images[i], "fold": "train"} | row for i, row in enumerate(rows)])
    return find_cases(recipe(tmp_path, *TABLE, *changes), data)


def test_an_exclusive_image_without_a_class_is_nobodys_and_not_the_first_classes(tmp_path: Path) -> None:
    labels = ('labels=["a", "b", "c"]', "exclusive=true", "network.classes=3")
    rows = [{"a": 0, "b": 1, "c": 0}, {"a": 0, "b": 0, "c": 0}, {"a": "", "b": "", "c": ""}, {"a": -1, "b": 0, "c": 0}]
    found = table_of(tmp_path, rows, *labels)  # type: ignore[arg-type]
    assert [case.labelled for case in found] == [True, False, False, False]
    assert found[0].targets == (0, 1, 0)
    (gaps,) = table_of(tmp_path, [{"a": 1, "b": "", "c": ""}], *labels)
    assert gaps.targets == (1, 0, 0)  # the one that holds says what the gaps are
    with pytest.raises(RecipeError, match=r"labels\.csv, line 2: more than one of the labels holds"):
        table_of(tmp_path, [{"a": 1, "b": 1, "c": 0}], *labels)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"spot": "yes"}, "line 2, spot: the label is 'yes'"),
        ({"spot": 1, "fold": "0"}, "line 2: the fold is '0'"),
        ({"spot": 1, "Image Index": ""}, "line 2 names no image"),
    ],
)
def test_a_table_value_that_says_nothing_is_named_with_its_line(
    tmp_path: Path, row: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RecipeError, match=sentence):
        table_of(tmp_path, [row])


def test_folds_are_read_by_meaning_and_an_image_counts_once(tmp_path: Path) -> None:
    found = table_of(
        tmp_path, [{"spot": 1, "fold": " Train "}, {"spot": "nan", "fold": "VALID"}, {"spot": 0, "fold": "Test"}]
    )
    assert [case.split for case in found] == ["train", "validation", "test"]
    data = tmp_path / "data"
    name = found[0].image.relative_to(data).as_posix()
    write_table(data, [{"Image Index": name, "fold": "train", "spot": 1}, {"Image Index": name, "fold": "test", "spot": 1}])
    with pytest.raises(RecipeError, match=r"line 3: .* was named before"):
        find_cases(recipe(tmp_path, *TABLE), data)


def test_a_patient_in_training_and_validation_of_a_table_is_refused_or_dropped(tmp_path: Path) -> None:
    rows = [{"spot": 1, "who": "p1"}, {"spot": 0, "who": "p1", "fold": "valid"}, {"spot": 0, "who": "p2"}]
    with pytest.raises(RecipeError, match="1 patients are both in validation and in training, for example p1"):
        table_of(tmp_path, rows, "data.subject_column=who")  # type: ignore[arg-type]
    found = table_of(tmp_path, rows, "data.subject_column=who", "data.in_both=drop")  # type: ignore[arg-type]
    assert [(case.subject, case.split) for case in found] == [("p1", "validation"), ("p2", "train")]


def test_a_patient_may_be_named_by_a_folder(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    for file in sorted((data / "train" / "none").glob("*.png"))[:4]:
        place = data / "train" / "none" / file.stem
        place.mkdir()
        file.rename(place / "view1_frontal.png")
    names = [f"train/none/{p.name}/view1_frontal.png" for p in sorted((data / "train" / "none").iterdir()) if p.is_dir()]
    write_table(data, [{"Image Index": name, "fold": "train", "spot": 0} for name in names])
    changes = ("data.table=labels.csv", "data.folders={}", "data.mask=", r"data.subject=/(p\d+)[LR]/")
    found = find_cases(recipe(tmp_path, *changes), data)
    assert len({case.subject for case in found}) == 2
    assert len(found) == 4


def test_hidden_copies_are_no_images(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    first = next((data / "train" / "none").glob("*.png"))
    (first.parent / f"._{first.name}").write_bytes(b"x")
    (first.parent / ".ipynb_checkpoints").mkdir()
    (first.parent / ".ipynb_checkpoints" / first.name).write_bytes(first.read_bytes())
    assert len(find_cases(recipe(tmp_path), data)) == 80


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

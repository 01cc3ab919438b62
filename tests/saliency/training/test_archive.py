"""Prepared radiographs as one file: what a training needs comes back, for the recipe that prepared it and no other."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.running.progress import drive
from napari_medgen.saliency.training.archive import read_archive, write_archive
from napari_medgen.saliency.training.dataset import Dataset, build_dataset
from napari_medgen.saliency.training.pipeline import prepare_archive, train_saliency
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from saliency_support import RECIPE, load, write_images


def recipe(folder: Path, *changes: str) -> ClassifierRecipe:
    file = folder / "spots.toml"
    file.write_text(RECIPE)
    return validate_recipe(ClassifierRecipe, read_toml(file, ("precision=32-true", *changes)), file.name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("spots"), train=60, test=12)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Dataset, Path]:
    folder = tmp_path_factory.mktemp("archive")
    wanted = recipe(folder)
    path = drive(prepare_archive(wanted, data, folder / "work", folder / "spots.npz"))
    return drive(build_dataset(wanted, data, folder / "work")), path


def test_what_a_training_looks_at_comes_back(tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    whole, path = archive
    back = read_archive(recipe(tmp_path), path)
    rows = [row for row, case in enumerate(whole.cases) if case.split != "test"]
    known = [whole.cases[row] for row in rows]
    assert [(case.image.name, case.subject, case.split, case.side) for case in back.cases] == [
        (case.image.name, case.subject, case.split, case.side) for case in known
    ]
    assert torch.equal(back.targets, whole.targets[rows])
    assert back.people == whole.people
    apart = back.frames.astype(float) - whole.frames[rows]
    assert np.sqrt((apart**2).mean()) < 8  # of 255, and the spots are noise for the most part
    assert len(back.rows("train")) and len(back.rows("validation")) and not len(back.rows("test"))


def test_all_three_ways_are_trained_from_one_archive(tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    for way in ("standard", "dual"):
        wanted = recipe(tmp_path, f"training={way}", "optimiser.epochs=1")
        drive(train_saliency(wanted, archive[1], tmp_path / way, tmp_path / f"{way}-model"))
        assert load(tmp_path / f"{way}-model").architecture.training == way


def test_another_frame_or_split_is_refused(tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    for change in ("data.frame=[40,40]", "data.validation=0.4"):
        with pytest.raises(RecipeError, match=r"spots\.npz was prepared by another recipe"):
            read_archive(recipe(tmp_path, change), archive[1])


_CHANGES: dict[str, tuple[str, Any]] = {
    "frames cut": ("frames", lambda a: a[:-9]),
    "frames of numbers": ("frames", lambda a: a.astype(np.float32)),
    "frames of noise": ("frames", lambda a: np.random.default_rng(0).integers(0, 256, len(a)).astype(np.uint8)),
    "ends backwards": ("ends", lambda a: a[::-1]),
    "ends below zero": ("ends", lambda a: np.where(np.arange(len(a)) == 1, -5, a)),
    "fewer targets": ("targets", lambda a: a[:-1]),
    "targets of text": ("targets", lambda a: a.astype(str)),
}


@pytest.mark.parametrize("how", ["empty", "text", "no about", "numbers for names", "a test image", *_CHANGES])
def test_what_is_no_such_archive_is_one_sentence(how: str, tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    with np.load(archive[1]) as whole:
        parts = {name: whole[name] for name in whole.files}
    about = json.loads(bytes(parts["about"]))
    if how in _CHANGES:
        name, change = _CHANGES[how]
        parts[name] = change(parts[name])
    elif how == "no about":
        about = {}
    elif how == "numbers for names":
        about["names"] = list(range(len(about["names"])))
    elif how == "a test image":
        about["splits"][0] = "test"
    parts["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **parts)
    path = tmp_path / "spots.npz"
    path.write_bytes({"empty": b"", "text": b"no archive"}.get(how, file.getvalue()))
    with pytest.raises(RecipeError, match=r"spots\.npz is no archive of prepared images"):
        read_archive(recipe(tmp_path), path)


def test_an_archive_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"There is no file .*gone\.npz"):
        read_archive(recipe(tmp_path), tmp_path / "gone.npz")


def test_changed_bytes_anywhere_are_one_sentence_or_the_same_images(tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    path, rng, own = tmp_path / "spots.npz", np.random.default_rng(0), recipe(tmp_path)
    whole = archive[1].read_bytes()
    for _ in range(60):
        changed = bytearray(whole)
        for place in rng.integers(len(whole), size=3):
            changed[place] = int(rng.integers(256))
        path.write_bytes(bytes(changed))
        with contextlib.suppress(RecipeError):
            back = read_archive(own, path)
            assert back.frames.shape == (len(back.cases), *own.data.frame)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, archive: tuple[Dataset, Path]) -> None:
    taken = tmp_path / "spots.npz"
    taken.mkdir()
    with pytest.raises(RecipeError, match=r"spots\.npz"):
        write_archive(recipe(tmp_path), archive[0], taken)

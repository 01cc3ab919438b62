"""Prepared volumes as one file: what was prepared comes back, for the recipe that prepared it and no other."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medgen.errors import RecipeError
from napari_medgen.volumes.training.archive import read_archive, write_archive
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.recipe import Recipe


def recipe() -> Recipe:
    about = dict.fromkeys(("title", "description", "data", "licence", "intended_use", "limits"), "a test")
    age = {"name": "age", "label": "Age", "kind": "number", "column": "age", "low": 0, "high": 100}
    sex = {"name": "sex", "label": "Sex", "kind": "class", "column": "sex", "values": ["F", "M"]}
    content = {
        "name": "small",
        "about": about,
        "data": {"shape": [16, 16, 16], "spacing": [2.0, 2.0, 2.0]},
        "conditions": [age, sex],
        "autoencoder": {"patch": [16, 16, 16], "sizes": {"n_hiddens": 4, "num_groups": 4}},
        "denoiser": {"sizes": {"architecture": "conv-unet", "widths": [16], "condition_width": 3}},
    }
    return Recipe.model_validate(content)


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    volumes = rng.uniform(-1, 1, (3, *recipe().data.shape)).astype(np.float16)
    conditions = np.array([[0.5, 0, 1], [0.1, 1, 0], [-0.2, 0, 1]], np.float32)
    return Dataset(volumes, conditions, ["a/x", "a/y", "b/z"], ["x", "y", "z"], np.array([True, True, False]), "made of")


def test_what_was_prepared_comes_back_to_a_grey_value(tmp_path: Path) -> None:
    own, path = dataset(), tmp_path / "small.npz"
    write_archive(recipe(), own, path)
    back = read_archive(recipe(), path)
    assert np.abs(back.volumes.astype(np.float32) - own.volumes.astype(np.float32)).max() <= 1 / 255 + 1e-3
    np.testing.assert_array_equal(back.conditions, own.conditions)
    assert (back.names, back.subjects, back.contents) == (own.names, own.subjects, own.contents)
    np.testing.assert_array_equal(back.train, [0, 1])
    assert back.people == own.people


def test_augmentation_may_be_another_and_the_grid_may_not(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    write_archive(recipe(), dataset(), path)
    other = recipe()
    augmented = other.model_copy(update={"data": other.data.model_copy(update={"elastic": 2.0, "copies": 9})})
    assert len(read_archive(augmented, path).names) == 3
    moved = other.model_copy(update={"data": other.data.model_copy(update={"spacing": (1.0, 1.0, 9.0)})})
    with pytest.raises(RecipeError, match="prepared by another recipe"):
        read_archive(moved, path)


_CHANGES: dict[str, tuple[str, Any]] = {
    "other shape": ("volumes", lambda a: a[:, :-1]),
    "fewer volumes": ("volumes", lambda a: a[:2]),
    "volumes of numbers": ("volumes", lambda a: a.astype(np.float64) * 1e9),
    "volumes of text": ("volumes", lambda a: np.array(["a", "b", "c"])),
    "fewer in the split": ("training", lambda a: a[:1]),
    "a split of text": ("training", lambda a: np.array(["a", "b", "c"])),
    "other conditions": ("conditions", lambda a: a[:, :1]),
}


def _damaged(how: str, content: bytes) -> bytes:
    if how == "cut":
        return content[: len(content) // 2]
    if how == "empty":
        return b""
    if how == "text":
        return b"no archive at all"
    if how == "array":
        file = io.BytesIO()
        np.save(file, np.zeros(3))
        return file.getvalue()
    with np.load(io.BytesIO(content)) as whole:
        parts = {name: whole[name] for name in whole.files}
    if how == "other about":
        parts["about"] = np.frombuffer(json.dumps([1, 2]).encode(), np.uint8)
    elif how == "fewer names":
        about = json.loads(bytes(parts["about"]))
        parts["about"] = np.frombuffer(json.dumps(about | {"names": ["a/x"]}).encode(), np.uint8)
    elif how == "names that are none":
        about = json.loads(bytes(parts["about"]))
        parts["about"] = np.frombuffer(json.dumps(about | {"names": 3}).encode(), np.uint8)
    elif how == "nested":
        parts["about"] = np.frombuffer(b"[" * 100_000, np.uint8)
    else:
        name, change = _CHANGES[how]
        parts[name] = change(parts[name])
    file = io.BytesIO()
    np.savez(file, **parts)
    return file.getvalue()


@pytest.mark.parametrize(
    "how",
    ["cut", "empty", "text", "array", "other about", "fewer names", "names that are none", "nested", *_CHANGES],
)
def test_what_is_no_such_archive_is_one_sentence(how: str, tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    write_archive(recipe(), dataset(), path)
    path.write_bytes(_damaged(how, path.read_bytes()))
    with pytest.raises(RecipeError, match=r"small\.npz is no archive of prepared volumes"):
        read_archive(recipe(), path)


def test_an_archive_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"There is no file .*gone\.npz"):
        read_archive(recipe(), tmp_path / "gone.npz")


def test_changed_bytes_anywhere_are_one_sentence_or_the_same_volumes(tmp_path: Path) -> None:
    path, rng = tmp_path / "small.npz", np.random.default_rng(0)
    write_archive(recipe(), dataset(), path)
    whole = path.read_bytes()
    for _ in range(150):
        changed = bytearray(whole)
        for place in rng.integers(len(whole), size=3):
            changed[place] = int(rng.integers(256))
        path.write_bytes(bytes(changed))
        with contextlib.suppress(RecipeError):
            assert read_archive(recipe(), path).volumes.shape == (3, 16, 16, 16)


def test_a_split_without_anybody_to_train_on_is_refused(tmp_path: Path) -> None:
    own = dataset()
    write_archive(recipe(), replace(own, training=np.zeros(3, bool)), tmp_path / "small.npz")
    with pytest.raises(RecipeError, match="All 3 subjects fell into the validation split"):
        read_archive(recipe(), tmp_path / "small.npz")

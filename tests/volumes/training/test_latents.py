"""Latents are encoded once, wherever that is done, and again only where something that they depend on changed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement
from napari_medgen.running.training.fabric import build_fabric
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.latents import encode_dataset
from napari_medgen.volumes.training.recipe import Recipe


@pytest.fixture
def recipe() -> Recipe:
    about = dict.fromkeys(("title", "description", "data", "licence", "intended_use", "limits"), "x")
    sizes = {"n_hiddens": 4, "num_groups": 4, "n_codes": 16}
    return Recipe.model_validate(
        {
            "name": "small",
            "precision": "32-true",
            "about": about,
            "data": {"shape": (16, 16, 16), "spacing": (2.0, 2.0, 2.0), "copies": 3, "rotation": 5.0},
            "autoencoder": {"sizes": sizes, "patch": (16, 16, 16)},
            "denoiser": {"sizes": {"architecture": "conv-unet", "widths": (16, 16), "groups": 4}},
        }
    )


def dataset(contents: str = "a") -> Dataset:
    volumes = np.random.default_rng(0).uniform(-1, 1, (5, 16, 16, 16)).astype(np.float16)
    people = [f"p{n}" for n in range(5)]
    return Dataset(volumes, np.zeros((5, 0), np.float32), people, people, np.array([1, 1, 0, 1, 1], bool), contents)


def autoencoder(recipe: Recipe, seed: int = 0) -> VQGAN:
    torch.manual_seed(seed)
    return VQGAN(recipe.autoencoder.sizes).eval()


def test_workers_encode_what_this_process_does(recipe: Recipe, tmp_path: Path) -> None:
    fabric, net = build_fabric("32-true"), autoencoder(recipe)
    here = drive(encode_dataset(recipe, dataset(), net, tmp_path / "here", fabric))
    workers = Placement("local:1", torch.get_num_threads())
    there = drive(encode_dataset(recipe, dataset(), net, tmp_path / "there", fabric, workers))
    assert here.latents.shape == (12, 8, 4, 4, 4)
    assert here.latents.std() > 0.01
    assert here.source.tolist() == [0, 0, 0, 1, 1, 1, 3, 3, 3, 4, 4, 4]
    np.testing.assert_array_equal(here.latents, there.latents)
    assert here.scale == there.scale
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["latents.json", "latents.npy"]


def test_what_is_encoded_stays_until_what_it_depends_on_changes(recipe: Recipe, tmp_path: Path) -> None:
    fabric, net = build_fabric("32-true"), autoencoder(recipe)
    steps = encode_dataset(recipe, dataset(), net, tmp_path, fabric)
    list(itertools.islice(steps, 2))
    steps.close()  # as by Ctrl-C
    assert len(list(encode_dataset(recipe, dataset(), net, tmp_path, fabric))) == 2
    assert list(encode_dataset(recipe, dataset(), net, tmp_path, fabric)) == []
    assert len(list(encode_dataset(recipe, dataset("b"), net, tmp_path, fabric))) == 4
    assert len(list(encode_dataset(recipe, dataset("b"), autoencoder(recipe, 1), tmp_path, fabric))) == 4

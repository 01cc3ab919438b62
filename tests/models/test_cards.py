"""Cards from elsewhere: impossible sizes end in a sentence before memory is taken, and weights are numbers."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_medgen.errors import ModelError
from napari_medgen.models.card import model_name
from napari_medgen.models.catalogue import STARTER
from napari_medgen.models.folder import build_network, open_folder
from napari_medgen.progression.model import load_networks
from napari_medgen.saliency.model import Classifier
from napari_medgen.volumes.model import VolumeGenerator

OPENERS: dict[str, Any] = {"hippocampus": VolumeGenerator, "knee-kl": Classifier, "knee-progression": load_networks}


def changed(tmp_path: Path, name: str, path: str, value: Any) -> Path:
    """A shipped model whose card says something else in one place."""
    folder = tmp_path / name
    shutil.copytree(STARTER / name, folder)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    *parents, last = path.split(".")
    place = card["architecture"]
    for parent in parents:
        place = place[parent]
    assert last in place
    place[last] = value
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("knee-progression", "generator.mapping_layers", 2**31),
        ("knee-progression", "generator.mapping_layers", 0),
        ("knee-progression", "generator.w_dim", 2**31),
        ("knee-progression", "generator.channel_base", 1),
        ("knee-progression", "generator.clamp", math.nan),
        ("knee-progression", "crop", [math.nan, 1.0]),
        ("knee-progression", "crop", [0, 1]),
        ("knee-kl", "network.classes", 2**63),
        ("knee-kl", "network.widths", [0, 1, 1, 1]),
        ("knee-kl", "network.widen", 2**40),
        ("knee-kl", "network.mean", math.inf),
        ("knee-kl", "view.crop", [math.inf, 1]),
        ("hippocampus", "shape", [0, 0, 0]),
        ("hippocampus", "shape", [2**40, 8, 8]),
        ("hippocampus", "spacing", [math.nan, 1, 1]),
        ("hippocampus", "spacing", [0, 1, 1]),
        ("hippocampus", "spacing", [1e300, 1, 1]),
        ("hippocampus", "intensities", [math.inf, math.nan]),
        ("hippocampus", "intensities", [5, 5]),
        ("hippocampus", "latent_range", [1, math.inf]),
        ("hippocampus", "latent_range", []),
        ("hippocampus", "latent_range", [[0, 1], [0, 1]]),
        ("hippocampus", "latent_range", [[0, 1]] * 7 + [[1, 0]]),
        ("hippocampus", "latent_limit", 0),
        ("hippocampus", "axes", ["X", "Y", "Z"]),
        ("hippocampus", "axes", ["L", "R", "S"]),
        ("hippocampus", "timesteps", 2**40),
        ("hippocampus", "autoencoder.num_groups", 7),
        ("hippocampus", "autoencoder.n_codes", 2**31),
        ("hippocampus", "autoencoder.downsample", []),
        ("hippocampus", "denoiser.widths", []),
        ("hippocampus", "denoiser.groups", 7),
        ("hippocampus", "denoiser.heads", 0),
    ],
)
def test_sizes_that_make_no_model_are_a_sentence(tmp_path: Path, name: str, path: str, value: Any) -> None:
    folder = changed(tmp_path, name, path, value)
    with pytest.raises(ModelError):
        OPENERS[name](open_folder(folder))


def test_memory_is_taken_only_for_what_the_weights_fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make() -> torch.nn.Module:
        network = torch.nn.Linear(10, 50_000_000)
        made.append(network.weight.device.type)
        return network

    with pytest.raises(ModelError, match="weight has the shape"):
        build_network(make, {"weight": torch.zeros(1, 10), "bias": torch.zeros(1)}, "network")
    assert made == ["meta"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", list(OPENERS))
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, name: str, value: float) -> None:
    folder = tmp_path / name
    shutil.copytree(STARTER / name, folder)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    file = {"hippocampus": "denoiser", "knee-kl": "classifier", "knee-progression": "generator"}[name] + ".safetensors"
    tensors = load_file(folder / file)
    key = next(key for key, tensor in tensors.items() if tensor.is_floating_point())
    tensors[key].view(-1)[0] = value
    save_file(tensors, folder / file)
    card["checksums"][file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="holds what is no finite number"):
        OPENERS[name](open_folder(folder))


def test_weights_of_an_unknown_type_are_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "knee-kl"
    shutil.copytree(STARTER / "knee-kl", folder)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    content = (folder / "classifier.safetensors").read_bytes().replace(b'"F16"', b'"F4"  ', 1)
    (folder / "classifier.safetensors").write_bytes(content)
    card["checksums"]["classifier.safetensors"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="not a safetensors file"):
        Classifier(open_folder(folder))


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "null", "{", '"a"', "9" * 5000])
def test_texts_that_are_no_card(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError):
        open_folder(tmp_path)


def test_a_model_larger_than_the_settings_allow_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy.copy(open_folder(STARTER / "knee-kl"))
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_MODEL", "0.0001")
    with pytest.raises(ModelError, match=r"classifier\.safetensors of the model knee-kl asks for .* are allowed"):
        folder.tensors("classifier.safetensors")


@pytest.mark.parametrize("name", ["a b", "-a", ".a", "a/b", "café", "a\n", "<b>"])
def test_names_that_no_model_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="A model is called by letters"):
        model_name(name, tmp_path)


def test_a_model_is_called_like_its_folder(tmp_path: Path) -> None:
    assert model_name("", tmp_path / "my-model") == "my-model"
    assert model_name("other", tmp_path) == "other"

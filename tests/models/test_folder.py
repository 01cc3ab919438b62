from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.catalogue import find_model, list_models, user_folder
from napari_medgen.models.folder import load_weights, open_folder, write_folder
from napari_medgen.volumes.generator import VolumeGenerator


def change_card(folder: Path, **entries: object) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | entries))


def test_what_is_written_is_read_and_is_whole(tiny_model: Path) -> None:
    folder = open_folder(tiny_model)
    folder.verify()
    assert folder.name == "tiny"
    assert folder.tensors("denoiser.safetensors")


def test_a_changed_weight_is_refused(tiny_model: Path) -> None:
    file = tiny_model / "denoiser.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    folder = open_folder(tiny_model)
    for attempt in (folder.verify, lambda: folder.tensors("denoiser.safetensors")):
        with pytest.raises(ModelError, match="does not match its checksum"):
            attempt()


def test_a_missing_file_is_named(tiny_model: Path) -> None:
    (tiny_model / "autoencoder.safetensors").unlink()
    with pytest.raises(ModelError, match=r"incomplete: autoencoder\.safetensors is missing"):
        VolumeGenerator(open_folder(tiny_model))


def test_a_missing_tensor_is_named(tiny_model: Path) -> None:
    folder = open_folder(tiny_model)
    tensors = folder.tensors("denoiser.safetensors")
    tensors.pop("first.weight")
    network = VolumeGenerator(folder).denoiser
    with pytest.raises(ModelError, match=r"The denoiser lacks the tensor first\.weight"):
        load_weights(network, tensors, "denoiser")
    tensors = folder.tensors("denoiser.safetensors") | {"more": torch.zeros(1)}
    with pytest.raises(ModelError, match="does not know: more"):
        load_weights(network, tensors, "denoiser")
    tensors = folder.tensors("denoiser.safetensors") | {"first.bias": torch.zeros(3)}
    with pytest.raises(ModelError, match=r"first\.bias has the shape \(3,\)"):
        load_weights(network, tensors, "denoiser")


def test_an_unknown_architecture_is_refused(tiny_model: Path) -> None:
    card = json.loads((tiny_model / "model.json").read_text())
    change_card(tiny_model, architecture=card["architecture"] | {"kind": "transformer"})
    with pytest.raises(ModelError, match="unknown architecture: kind"):
        VolumeGenerator(open_folder(tiny_model))


@pytest.mark.parametrize(
    ("entries", "says"), [({"task": "poetry"}, "task"), ({"format": 2}, "format"), ({"colour": 1}, "colour")]
)
def test_a_card_of_another_version_is_refused(tiny_model: Path, entries: dict[str, object], says: str) -> None:
    change_card(tiny_model, **entries)
    with pytest.raises(ModelError, match=says):
        open_folder(tiny_model)


def test_a_folder_without_a_card_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model folder"):
        open_folder(tmp_path)


def test_somebody_s_folder_is_not_overwritten(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(ModelError, match="choose another place"):
        write_folder(tmp_path / "thesis", open_folder(tiny_model).card, {})


def test_models_are_found_by_name_and_by_folder(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))
    assert find_model("tiny").path == tiny_model
    assert find_model(tiny_model).name == "tiny"
    assert "tiny" in [folder.name for folder in list_models("volumes")]
    with pytest.raises(ModelError, match=r"There is no model nobody\. There are: .*tiny"):
        find_model("nobody")
    assert "napari-medgen" in str(user_folder())


def test_the_starter_models_are_whole() -> None:
    names = {folder.name for folder in list_models("volumes")}
    assert {"brain-t1", "hippocampus"} <= names
    for name in ("brain-t1", "hippocampus"):
        folder = find_model(name)
        folder.verify()
        assert folder.card.figures
        assert all(file.stat().st_size <= 16 * 2**20 for file in folder.path.iterdir())

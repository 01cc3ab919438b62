from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.card import Figure
from napari_medgen.models.catalogue import STARTER, find_model, list_models, user_folder
from napari_medgen.models.folder import load_weights, open_folder, write_card, write_folder
from napari_medgen.volumes.model import VolumeGenerator


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
    with pytest.raises(ModelError, match="impossible architecture: kind"):
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


def test_a_model_is_replaced_as_a_whole_or_not_at_all(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(tiny_model)
    before = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    (tiny_model / "notes.txt").write_text("mine")
    weights = {name: {key: value + 1 for key, value in folder.tensors(name).items()} for name in folder.card.checksums}
    renamed = Path.rename

    def fails_at_the_last(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("the disk went away")
        return renamed(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fails_at_the_last)
        with pytest.raises(ModelError, match="cannot be written"):
            write_folder(tiny_model, folder.card, weights)
    assert {path.name: path.read_bytes() for path in tiny_model.iterdir() if path.name != "notes.txt"} == before
    fewer = {name: tensors for name, tensors in weights.items() if name != "reference.safetensors"}
    write_folder(tiny_model, folder.card, fewer).verify()
    assert sorted(path.name for path in tiny_model.iterdir()) == sorted([*fewer, "model.json", "notes.txt"])
    assert [path.name for path in tiny_model.parent.iterdir()] == ["tiny"]


def test_what_a_user_trained_comes_before_what_ships(tiny_model: Path) -> None:
    own = user_folder() / "hippocampus"
    card = open_folder(tiny_model).card.model_copy(update={"name": "hippocampus"})
    write_folder(own, card, {name: open_folder(tiny_model).tensors(name) for name in card.checksums})
    assert find_model("hippocampus").path == own
    assert next(folder for folder in list_models() if folder.name == "hippocampus").path == own
    # A shipped model that needs a classifier takes the one that it was shipped with.
    write_folder(user_folder() / "knee-kl", card.model_copy(update={"name": "knee-kl"}), {})
    assert find_model("knee-kl").path.parent == user_folder()
    assert find_model("knee-kl", beside=open_folder(STARTER / "knee-progression")).path == STARTER / "knee-kl"


def test_a_figure_that_could_not_be_measured_does_not_lose_the_card(tiny_model: Path) -> None:
    figures = {"AUC": Figure(value=float("nan"), note="the class is absent"), "steps": Figure(value=3, unit="s")}
    write_card(tiny_model, open_folder(tiny_model).card.model_copy(update={"figures": figures}))
    found = open_folder(tiny_model).card.figures
    assert math.isnan(found["AUC"].value)
    assert (found["AUC"].text, found["steps"].text) == ("not measurable", "3 s")
    json.loads((tiny_model / "model.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    # What an earlier version wrote.
    content = json.loads((tiny_model / "model.json").read_text())
    content["figures"]["AUC"]["value"] = None
    (tiny_model / "model.json").write_text(json.dumps(content))
    assert math.isnan(open_folder(tiny_model).card.figures["AUC"].value)

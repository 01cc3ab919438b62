"""A StyleGAN2-ADA pickle becomes a model folder; the source that it carries is not run."""

from __future__ import annotations

import os
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.inert import Inert, Name
from napari_medgen.progression.architecture import GENERATOR_FILE, StyleGANSizes, progression_architecture
from napari_medgen.progression.importing import import_snapshot, tensors_of
from napari_medgen.progression.model import load_networks
from napari_medgen.progression.networks.stylegan import Generator

SIZES = StyleGANSizes(resolution=16, z_dim=12, w_dim=12, mapping_layers=2, channel_base=128, channel_max=8)


@pytest.fixture
def official() -> Iterator[types.ModuleType]:
    """Modules of the official code's names, as far as pickling needs them."""
    parent, module = types.ModuleType("torch_utils"), types.ModuleType("torch_utils.persistence")
    util, dnnlib = types.ModuleType("dnnlib.util"), types.ModuleType("dnnlib")

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
        """What the official loader does: it runs the source text."""
        found: dict[str, Any] = {}
        exec(meta["module_src"], found)
        return found

    class EasyDict(dict):  # type: ignore[type-arg]
        pass

    _reconstruct_persistent_obj.__module__, _reconstruct_persistent_obj.__qualname__ = (
        "torch_utils.persistence",
        "_reconstruct_persistent_obj",
    )
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    module._reconstruct_persistent_obj, util.EasyDict = _reconstruct_persistent_obj, EasyDict  # type: ignore[attr-defined]
    names = {"torch_utils": parent, "torch_utils.persistence": module, "dnnlib": dnnlib, "dnnlib.util": util}
    sys.modules.update(names)
    yield module
    for name in names:
        del sys.modules[name]


class Persistent:
    """Pickles as the official networks do: a call with a description, the source text and the state."""

    def __init__(self, module: types.ModuleType, name: str, state: dict[str, Any], source: str) -> None:
        self.function = module._reconstruct_persistent_obj
        self.meta = sys.modules["dnnlib.util"].EasyDict(
            type="class", version=6, module_src=source, class_name=name, state=state
        )

    def __reduce__(self) -> Any:
        return self.function, (self.meta,)


def persistent(network: torch.nn.Module, official: types.ModuleType, source: str, **more: Any) -> Persistent:
    state = {
        "_parameters": dict(network._parameters),
        "_buffers": dict(network._buffers),
        "_modules": {name: persistent(child, official, source) for name, child in network._modules.items() if child},
        "training": False,
    }
    return Persistent(official, type(network).__name__, state | more, source)


def snapshot(path: Path, official: types.ModuleType, source: str = "", **kwargs: Any) -> Generator:
    torch.manual_seed(0)
    generator = Generator(SIZES).eval()
    made = {
        "z_dim": 12,
        "w_dim": 12,
        "c_dim": 0,
        "img_resolution": 16,
        "img_channels": 1,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": {"channel_base": 128, "channel_max": 8, "num_fp16_res": 4, "conv_clamp": 256},
    } | kwargs
    network = persistent(generator, official, source, _init_args=(), _init_kwargs=made)
    with path.open("wb") as file:
        pickle.dump({"training_set_kwargs": {}, "G": None, "D": None, "G_ema": network, "augment_pipe": None}, file)
    return generator


def test_an_official_pickle_makes_the_same_images(tmp_path: Path, official: types.ModuleType) -> None:
    generator = snapshot(tmp_path / "network-snapshot.pkl", official)
    folder = import_snapshot(tmp_path / "network-snapshot.pkl", tmp_path / "oai", classifier="knee-kl")
    own = progression_architecture(folder.card)
    assert own.generator == SIZES
    assert own.classifier == "knee-kl"
    assert own.encoder is None
    found, encoder = load_networks(folder)
    assert encoder is None
    z = torch.randn(2, 12)
    assert torch.equal(found.eval()(z), generator(z))
    assert set(folder.card.checksums) == {GENERATOR_FILE}


def test_the_source_within_a_pickle_is_not_run(tmp_path: Path, official: types.ModuleType) -> None:
    trace = tmp_path / "it-ran"
    source = f"import pathlib; pathlib.Path({str(trace)!r}).write_text('x')"
    file = tmp_path / "network-snapshot.pkl"
    snapshot(file, official, source)
    import_snapshot(file, tmp_path / "oai")
    assert not trace.exists()
    # The proof that there was something to run: the official way of loading does run it.
    with file.open("rb") as opened:
        pickle.load(opened)
    assert trace.exists()


class Hostile:
    def __reduce__(self) -> Any:
        return os.system, ("echo x > it-ran",)


def test_nothing_of_a_hostile_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(pickle.dumps({"G_ema": Hostile()}))
    with pytest.raises(ModelError, match="holds no generator G_ema"):
        import_snapshot(file, tmp_path / "oai")
    assert not (tmp_path / "it-ran").exists()
    assert not (tmp_path / "oai").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not a pickle", "damaged"),
        (pickle.dumps({"a": 1}), "no generator G_ema"),
        (pickle.dumps((1, 2, 3)), "TensorFlow"),
    ],
)
def test_other_files_get_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        import_snapshot(tmp_path / "a.pkl", tmp_path / "out")


def test_generators_that_want_a_class_are_refused(tmp_path: Path, official: types.ModuleType) -> None:
    snapshot(tmp_path / "a.pkl", official, c_dim=3)
    with pytest.raises(ModelError, match="class with every image"):
        import_snapshot(tmp_path / "a.pkl", tmp_path / "out")


def test_a_generator_of_the_stylegan3_code_keeps_its_width_and_clamp(tmp_path: Path, official: types.ModuleType) -> None:
    """There the options of the synthesis lie beside the others, and activations are clamped at 256 unless told otherwise."""
    torch.manual_seed(0)
    generator = Generator(SIZES)
    made = {"z_dim": 12, "w_dim": 12, "c_dim": 0, "img_resolution": 16, "img_channels": 1}
    made |= {"mapping_kwargs": {"num_layers": 2}, "channel_base": 128, "channel_max": 8, "num_fp16_res": 4}
    network = persistent(generator, official, "", _init_args=(), _init_kwargs=made)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"G_ema": network}))
    own = progression_architecture(import_snapshot(tmp_path / "a.pkl", tmp_path / "out").card).generator
    assert own == SIZES
    assert own.clamp == 256


def test_a_layer_s_own_clamp_counts(tmp_path: Path, official: types.ModuleType) -> None:
    torch.manual_seed(0)
    network = persistent(Generator(SIZES), official, "", _init_args=(), _init_kwargs={
        "z_dim": 12, "w_dim": 12, "c_dim": 0, "img_resolution": 16, "img_channels": 1,
        "synthesis_kwargs": {"channel_base": 128, "channel_max": 8},
    })  # fmt: skip
    synthesis = network.meta["state"]["_modules"]["synthesis"]
    for block in synthesis.meta["state"]["_modules"].values():
        for name, layer in block.meta["state"]["_modules"].items():
            if name.startswith("conv"):
                layer.meta["state"]["conv_clamp"] = 64
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"G_ema": network}))
    own = progression_architecture(import_snapshot(tmp_path / "a.pkl", tmp_path / "out").card).generator
    assert (own.clamp, own.mapping_layers) == (64, 2)


def test_parts_that_hold_themselves_are_counted() -> None:
    state: dict[str, Any] = {"_parameters": {"w": torch.ones(1)}}
    network = Inert(Name("torch_utils.persistence", "_reconstruct_persistent_obj"), ({"state": state},))
    assert list(tensors_of(network)) == ["w"]
    state["_modules"] = {f"part{place}": network for place in range(10)}
    with pytest.raises(ModelError, match="more parts than any"):
        tensors_of(network)


def test_stylegan3_is_named(tmp_path: Path, official: types.ModuleType) -> None:
    network = torch.nn.Module()
    network.synthesis = torch.nn.Module()
    network.synthesis.input = torch.nn.Linear(2, 2)
    found = persistent(network, official, "", _init_kwargs={"z_dim": 12})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"G_ema": found}))
    with pytest.raises(ModelError, match="a generator of StyleGAN3"):
        import_snapshot(tmp_path / "a.pkl", tmp_path / "out")

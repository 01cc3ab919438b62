"""Weights are found by their own last names, whatever a trainer put around them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_medgen.models.checkpoints import read_checkpoint
from napari_medgen.models.weights import beside, weights_named

WANTED = ("conv1.weight", "fc.weight")
STATE = OrderedDict(
    {"conv1.weight": torch.randn(2, 1, 3, 3), "bn.running_mean": torch.zeros(2), "fc.weight": torch.randn(3, 2)}
)


def prefixed(prefix: str, state: Any = STATE) -> OrderedDict[str, torch.Tensor]:
    return OrderedDict((prefix + name, value) for name, value in state.items())


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE},
        {"state_dict": prefixed("module.")},
        {"model": prefixed("module.model.")},
        {"model_state_dict": prefixed("_orig_mod."), "optimizer": {"state": {0: torch.ones(3)}}},
        {"net": prefixed("backbone."), "epoch": 3},
        {"a": {"b": {"c": STATE}}},
        prefixed("model."),
    ],
)
def test_a_network_is_found_below_any_prefix(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    found = weights_named(read_checkpoint(tmp_path / "a.pt"), WANTED)
    assert found is not None
    assert set(found[1]) == set(STATE)
    assert all(torch.equal(found[1][name], tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize("key", ["ema", "model_ema", "state_dict_ema", "ema_model.module", "swa_model", "shadow"])
def test_the_average_comes_before_the_last_step(key: str) -> None:
    average = OrderedDict((name, value + 1) for name, value in STATE.items())
    found = weights_named({"model": STATE, key: average}, WANTED)
    assert found is not None
    assert torch.equal(found[1]["fc.weight"], average["fc.weight"])
    alone = weights_named({key: average}, WANTED)
    assert alone is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_becomes_single(dtype: torch.dtype) -> None:
    found = weights_named({name: value.to(dtype) for name, value in STATE.items()} | {"step": torch.tensor(3)}, WANTED)
    assert found is not None
    assert {value.dtype for name, value in found[1].items() if name != "step"} == {torch.float32}
    assert found[1]["step"].dtype == torch.int64


def test_another_network_is_none() -> None:
    assert weights_named({"conv1.weight": torch.ones(1)}, WANTED) is None
    assert weights_named({"my_conv1.weight": torch.ones(1), "my_fc.weight": torch.ones(1)}, WANTED) is None


def test_a_network_that_was_saved_whole(tmp_path: Path) -> None:
    network = nn.Sequential(OrderedDict(conv1=nn.Conv2d(1, 2, 3), fc=nn.Linear(2, 3)))
    torch.save(nn.DataParallel(network) if torch.cuda.is_available() else network, tmp_path / "a.pt")
    found = weights_named(read_checkpoint(tmp_path / "a.pt"), WANTED)
    assert found is not None
    assert torch.equal(found[1]["fc.bias"], network.fc.bias)


def test_what_lies_nearest_belongs_to_the_network() -> None:
    content = {"betas": torch.zeros(1), "ema": {"betas": torch.ones(2), "denoise_fn.conv.weight": torch.ones(1)}}
    nearest = beside(content, "ema.denoise_fn.", "betas")
    assert nearest is not None
    assert len(nearest) == 2
    assert beside({"a": torch.ones(1)}, "", "betas") is None

"""Checkpoints and logs: whole, of one recipe, and past a million iterations."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_medgen.errors import RecipeError
from napari_medgen.running.training.workspace import Stage, append_row, holds_checkpoint, require_finite, trim_rows

RECIPE = {"seed": 1, "denoiser": {"prediction": "noise", "iterations": 10}, "save_every": 5}


def stage(work: Path, recipe: dict[str, Any] | None = None, **more: Any) -> tuple[Stage, nn.Linear]:
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    made = Stage(
        work, "net", recipe=recipe or RECIPE, may_change=("denoiser.iterations", "save_every"), **({"net": net} | more)
    )
    return made, net


def rows(path: Path) -> list[str]:
    with path.open() as file:
        return [row["iteration"] for row in csv.DictReader(file)]


def test_a_log_goes_on_past_a_million_iterations(tmp_path: Path) -> None:
    log = tmp_path / "net.csv"
    for iteration in (999_999, 1_000_000, 1_400_000, 1_400_020):
        append_row(log, {"iteration": iteration, "loss": 0.123456789})
    assert rows(log) == ["999999", "1000000", "1400000", "1400020"]
    trim_rows(log, 1_400_000)
    assert rows(log) == ["999999", "1000000", "1400000"]


def test_a_log_of_an_earlier_version_is_understood_and_never_lost(tmp_path: Path) -> None:
    log = tmp_path / "net.csv"
    log.write_text("iteration,loss\n999980,0.1\n1e+06,0.1\n1.0002e+06,0.1\n")
    trim_rows(log, 1_000_000)
    assert rows(log) == ["999980", "1e+06"]
    assert [path.name for path in tmp_path.iterdir()] == ["net.csv"]


def test_only_the_leading_process_touches_the_log(tmp_path: Path) -> None:
    first, _ = stage(tmp_path)
    append_row(first.log, {"iteration": 5})
    first.save(5)
    append_row(first.log, {"iteration": 6})
    follower, _ = stage(tmp_path, leader=False)
    assert follower.resume() == 5
    assert rows(first.log) == ["5", "6"]
    leader, _ = stage(tmp_path)
    assert leader.resume() == 5
    assert rows(first.log) == ["5"]


def test_the_checkpoint_before_stays_and_is_gone_on_from_where_the_newer_is_damaged(tmp_path: Path) -> None:
    first, net = stage(tmp_path)
    first.save(5)
    with torch.no_grad():
        net.weight.fill_(7)
    first.save(10)
    again, loaded = stage(tmp_path)
    assert again.resume() == 10
    assert (loaded.weight == 7).all()
    first.file.write_bytes(first.file.read_bytes()[:100])
    again, loaded = stage(tmp_path)
    assert again.resume() == 5
    assert not (loaded.weight == 7).any()
    again.save(10)  # the damaged one does not take the good one's place
    first.file.unlink()
    assert stage(tmp_path)[0].resume() == 5
    assert holds_checkpoint(tmp_path, "net")
    first.previous.unlink()
    assert not holds_checkpoint(tmp_path, "net")
    first.file.write_bytes(b"half")
    with pytest.raises(RecipeError, match="damaged"):
        stage(tmp_path)[0].resume()


def test_weights_that_are_not_finite_are_never_kept(tmp_path: Path) -> None:
    first, net = stage(tmp_path)
    first.save(5)
    with torch.no_grad():
        net.bias[0] = float("nan")
    with pytest.raises(RecipeError, match=r"broke down.*iteration 10.*last checkpoint is whole"):
        first.save(10)
    assert stage(tmp_path)[0].resume() == 5
    with pytest.raises(RecipeError, match="l1 is not a finite number at iteration 3"):
        require_finite({"l1": float("nan")}, 3)


def test_another_recipe_is_refused_by_name_and_what_may_change_may(tmp_path: Path) -> None:
    stage(tmp_path)[0].save(5)
    other = RECIPE | {"denoiser": {"prediction": "velocity", "iterations": 10}}
    with pytest.raises(RecipeError, match=r'another recipe: denoiser\.prediction was "noise" and is "velocity"'):
        stage(tmp_path, other)[0].resume()
    longer = {"seed": 1, "denoiser": {"prediction": "noise", "iterations": 20}, "save_every": 1}
    assert stage(tmp_path, longer)[0].resume() == 5
    with pytest.raises(RecipeError, match="has done 5 iterations, and the recipe asks for 3"):
        stage(tmp_path, length=3)[0].resume()


def test_other_sizes_are_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    stage(tmp_path)[0].save(5)
    with pytest.raises(RecipeError, match="seed was 1 and is 2"):
        stage(tmp_path, RECIPE | {"seed": 2}, net=nn.Linear(3, 3))[0].resume()

"""What every training does: when it is over, and how weights are averaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.running.training import updates
from napari_medgen.running.training.updates import Batches, Span, average


def test_updates_alone_end_a_training_without_a_clock() -> None:
    span = Span(200)
    assert [span.share(iteration) for iteration in (0, 50, 200, 300)] == [0, 0.25, 1, 1]


def test_time_ends_a_training_that_has_updates_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(updates.time, "monotonic", lambda: now)
    span = Span(100, minutes=2)
    now += 30
    assert span.share(10) == 0.25  # a quarter of the time, a tenth of the updates
    assert span.share(50) == 0.5
    now += 120
    assert span.share(11) == 1


def test_several_processes_have_no_clock_in_common() -> None:
    with pytest.raises(RecipeError, match="one process"):
        Span(100, minutes=1, processes=2)


@pytest.mark.parametrize("statistics", [False, True])
def test_averaged_weights_move_and_buffers_are_copied_or_averaged(statistics: bool) -> None:
    mean, network = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(3.0)
    assert isinstance(network.running_mean, torch.Tensor)
    network.running_mean.fill_(8.0)
    average(mean, network, 0.75, statistics=statistics)
    assert mean.weight.tolist() == [1.5, 1.5]
    assert isinstance(mean.running_mean, torch.Tensor)
    assert mean.running_mean.tolist() == ([2.0, 2.0] if statistics else [8.0, 8.0])


class _Scaled:
    """A precision whose scale has just made a gradient overflow."""

    scaler = object()


def test_a_gradient_that_overflows_a_scale_is_left_out_and_any_other_ends_the_training() -> None:
    clipped: list[bool] = []
    fabric = SimpleNamespace(
        backward=lambda loss: None,
        no_backward_sync=lambda network, enabled: contextlib.nullcontext(),
        clip_gradients=lambda *_, error_if_nonfinite, **__: clipped.append(error_if_nonfinite),
        strategy=SimpleNamespace(precision=_Scaled()),
    )
    optimizer = SimpleNamespace(zero_grad=lambda: None, step=lambda: None)
    updates.update(fabric, None, optimizer, [torch.zeros(())], 0, Batches(1))  # type: ignore[arg-type]
    fabric.strategy.precision = object()
    updates.update(fabric, None, optimizer, [torch.zeros(())], 0, Batches(1))  # type: ignore[arg-type]
    assert clipped == [False, True]


def test_the_batches_of_an_update_are_computed_one_after_the_other_and_exchanged_once() -> None:
    told: list[str] = []
    fabric = SimpleNamespace(
        backward=lambda loss: told.append(f"backward {float(loss):g}"),
        no_backward_sync=lambda network, enabled: contextlib.nullcontext(told.append("alone" if enabled else "together")),
        clip_gradients=lambda *_, **__: told.append("clip"),
        strategy=SimpleNamespace(precision=object()),
    )
    optimizer = SimpleNamespace(zero_grad=lambda: told.append("zero"), step=lambda: told.append("step"))

    def losses() -> Iterator[torch.Tensor]:
        for value in (2.0, 4.0):
            told.append(f"loss {value:g}")
            yield torch.tensor(value)

    updates.update(fabric, None, optimizer, losses(), 0, Batches(2))  # type: ignore[arg-type]
    assert told == ["zero", "alone", "loss 2", "backward 1", "together", "loss 4", "backward 2", "clip", "step"]


def test_batches_are_numbered_over_all_processes() -> None:
    assert list(Batches(2, processes=3, rank=1).own) == [2, 3]
    assert Batches(2, processes=3).as_recipe == Batches(3, processes=2).as_recipe == {"batches_an_update": 6}
    assert Batches(1).as_recipe == {}

"""What every training does: when it is over, and how weights are averaged."""

from __future__ import annotations

import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.running.training import updates
from napari_medgen.running.training.updates import Span, average


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

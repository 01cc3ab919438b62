"""One update of the weights after another: batches, gradients, rates, averages, and how much of a training is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medgen.errors import RecipeError
from napari_medgen.running.training.workspace import finite_gradients

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn


@dataclass(frozen=True)
class Batches:
    """The batches whose gradients make one update: some one after the other in each process.

    What a batch draws follows from its number among all, so that two processes with one batch each train what one process
    trains with two, and a training can be gone on with on another number of processes that makes as many.

    Attributes
    ----------
    each
        Batches a process (gradient accumulation).
    processes, rank
        How many train together, and the number of this one.
    """

    each: int
    processes: int = 1
    rank: int = 0

    @classmethod
    def of(cls, each: int, fabric: Fabric) -> Batches:
        """For the processes of a training."""
        return cls(each, fabric.world_size, fabric.global_rank)

    @property
    def total(self) -> int:
        """Batches an update."""
        return self.each * self.processes

    @property
    def own(self) -> range:
        """Numbers of this process's batches."""
        return range(self.rank * self.each, (self.rank + 1) * self.each)

    @property
    def as_recipe(self) -> dict[str, int]:
        """What the weights depend on, for the checkpoint."""
        return {"batches_an_update": self.total} if self.total > 1 else {}


def update(
    fabric: Fabric,
    network: Any,
    optimizer: Any,
    losses: Iterable[Tensor],
    iteration: int,
    batches: Batches,
    largest: float = 1.0,
) -> None:
    """One step of an optimiser, with gradients of at most ``largest``; a gradient that is no number ends the training.

    In half precision with a scale (``16-mixed``) it does not: the scale grows until a gradient overflows, and that step is
    left out.

    Parameters
    ----------
    losses
        One of each of this process's batches, computed when it is asked for: no two are in memory together.

    Raises
    ------
    RecipeError
        If the training breaks down.
    """
    optimizer.zero_grad()
    asked = iter(losses)
    for left in reversed(range(batches.each)):
        with fabric.no_backward_sync(network, enabled=left > 0):  # processes exchange gradients once an update
            fabric.backward(next(asked) / batches.each)
    with finite_gradients(iteration):
        fabric.clip_gradients(network, optimizer, max_norm=largest, error_if_nonfinite=not _scales(fabric))
    optimizer.step()


def _scales(fabric: Fabric) -> bool:
    return getattr(fabric.strategy.precision, "scaler", None) is not None


def set_rate(optimizer: Any, rate: float) -> None:
    """Give all parameters of an optimiser one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


class Span:
    """How much of a training is over: by its updates, or by the time where a machine is lent for minutes.

    Parameters
    ----------
    iterations
        Updates of the whole training.
    minutes
        Time from now after which it ends at the latest; 0 for none. A training that is gone on with has as long again.
    processes
        How many train together.

    Raises
    ------
    RecipeError
        If several processes shall end by their own clocks.
    """

    def __init__(self, iterations: int, minutes: float = 0.0, processes: int = 1) -> None:
        if minutes and processes > 1:
            raise RecipeError("minutes end a training in one process; several would each end by a clock of its own.")
        self._iterations, self._seconds, self._begun = iterations, 60 * minutes, time.monotonic()

    def share(self, iteration: int) -> float:
        """Share that is over before an update, 0 to 1; it never falls."""
        gone = (time.monotonic() - self._begun) / self._seconds if self._seconds else 0.0
        return min(max(iteration / self._iterations, gone), 1.0)


def rise_and_fall(step: int, steps: int, rise: int) -> float:
    """Share of the learning rate: rises over the first steps, then falls to zero as half a cosine (Loshchilov 2017)."""
    if step < rise:
        return (step + 1) / rise
    return half_cosine((step - rise) / max(steps - rise, 1))


def half_cosine(share: float) -> float:
    """From one, at 0, to zero, at 1."""
    return 0.5 * (1 + math.cos(math.pi * share))


def warm_decay(decay: float, step: int) -> float:
    """Decay of an average that is short at first, so that the random start is forgotten."""
    return min(decay, (1 + step) / (10 + step))


def average(mean: nn.Module, network: nn.Module, decay: float, *, statistics: bool = False) -> None:
    """Move averaged weights towards the present ones; buffers are copied, or averaged too where they are ``statistics``."""
    import torch

    with torch.no_grad():
        # All in a call: on a GPU a call a weight takes longer than the sums.
        torch._foreach_lerp_(list(mean.parameters()), list(network.parameters()), 1 - decay)
        for kept, buffer in zip(mean.buffers(), network.buffers(), strict=True):
            if statistics and kept.is_floating_point():
                kept.lerp_(buffer, 1 - decay)
            else:
                kept.copy_(buffer)

"""Batches that are read ahead of their step by other processes, so that a GPU does not wait for a disk.

What a batch is made of follows from its number alone, so that it is the same whoever reads it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from napari_medgen.errors import RecipeError
from napari_medgen.running.training.updates import Batches

if TYPE_CHECKING:
    import torch

_READERS = 2  # where nobody said how many, and the data do not lie on the GPU
_AHEAD = 3  # batches of each reader

Read = Callable[[int, int], "torch.Tensor"]
"""Reads what a batch needs, by the iteration and the number of the batch."""


class Ahead:
    """The batches of a training in their order, on its device.

    Parameters
    ----------
    read
        Called in another process where there are readers: it must touch neither a GPU nor anything that changes.
    iterations
        From which to which the training goes.
    readers
        Processes; none reads each batch when it is asked for. None: as many as pay.
    waits
        Whether a device would wait for what is read; what lies there already is read by this process in any case.
    """

    def __init__(
        self,
        read: Read,
        iterations: range,
        batches: Batches,
        device: torch.device,
        *,
        readers: int | None = None,
        waits: bool = True,
    ) -> None:
        self._device = device
        if readers is None:
            readers = _READERS if device.type == "cuda" else 0
        if not waits:
            readers = 0  # what lies on a GPU is read by its own process
        # Elsewhere than on Linux a process begins with a copy of all data instead of sharing them.
        self._readers = readers if sys.platform == "linux" else 0
        numbers = _Numbers(iterations, batches)
        self._batches = self._loaded(read, numbers) if self._readers else (read(*one) for one in numbers)

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._batches = iter(())  # ends the readers

    def next(self) -> torch.Tensor:
        """The next batch.

        Raises
        ------
        RecipeError
            If a reader cannot go on.
        """
        try:
            batch = next(self._batches)
        except StopIteration:
            raise
        except Exception as error:  # whatever went wrong in another process, or ended it
            if not self._readers:
                raise
            said = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise RecipeError(f"A process that reads ahead failed ({said}); --readers 0 reads without one.") from None
        return batch.to(self._device, non_blocking=True)

    def _loaded(self, read: Read, numbers: _Numbers) -> Iterator[torch.Tensor]:
        from torch.utils.data import DataLoader

        loader: Any = DataLoader(
            _Reads(read),  # type: ignore[arg-type]
            batch_size=None,
            sampler=numbers,
            num_workers=self._readers,
            prefetch_factor=_AHEAD,
            pin_memory=self._device.type == "cuda",
            multiprocessing_context="fork",
        )
        return iter(loader)


class _Numbers:
    """Iteration and number of each batch of this process, in order."""

    def __init__(self, iterations: range, batches: Batches) -> None:
        self._iterations, self._batches = iterations, batches

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for iteration in self._iterations:
            for number in self._batches.own:
                yield iteration, number

    def __len__(self) -> int:
        return len(self._iterations) * self._batches.each


class _Reads:
    """What a loader asks, as if it held all batches."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def __getitem__(self, asked: tuple[int, int]) -> torch.Tensor:
        return self._read(*asked)

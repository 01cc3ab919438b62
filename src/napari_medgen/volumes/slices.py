"""Volumes that are made slab by slab, when they are asked for: there already, kept as they roll by, or written to a file."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch

from napari_medgen.errors import WritingError

_AT_ONCE = 4  # slices: a reader who asks for the end makes all before it, not all in one piece


class Slices(Protocol):
    """A volume (1, C, depth, H, W) that is made when it is asked for."""

    depth: int

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices from ``start`` up to ``stop`` of the depth."""
        ...


class Whole:
    """A volume that is there."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor, self.depth = tensor, tensor.shape[2]

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices of it."""
        return self.tensor[:, :, start:stop]


class Rolling:
    """Keeps the slices that were asked for last: the next slab overlaps them, and a sum asks for them twice."""

    def __init__(self, source: Slices) -> None:
        self._source, self.depth = source, source.depth
        self._first, self._kept = 0, torch.empty(0)

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices, of which those that are known are not made again."""
        end = self._first + (self._kept.shape[2] if self._kept.ndim == 5 else 0)
        if self._kept.ndim != 5 or not self._first <= start <= end:
            self._first, self._kept = start, self._source.part(start, stop)
        elif stop > end:
            more = self._source.part(end, stop)
            self._kept = torch.cat([self._kept[:, :, start - self._first :], more], 2)
            self._first = start
        return self._kept[:, :, start - self._first : stop - self._first]


class Stored:
    """Keeps a volume in a file without a name, in which the slices lie as they were first asked for.

    What it is made of is let go, and the files of that with it, once the last slice is there.

    Parameters
    ----------
    source
        Of (1, C, depth, H, W).
    folder
        On a disk, not in memory.
    """

    def __init__(self, source: Slices, folder: Path) -> None:
        self._source: Slices | None = source
        self.depth = source.depth
        self._folder, self._made = folder, 0
        self._file: IO[bytes] | None = None
        self._slice: tuple[int, ...] = ()  # (H, W, C)
        self._type, self._place = torch.float32, torch.device("cpu")

    def part(self, start: int, stop: int) -> torch.Tensor:
        """Slices, made and written if they are not there yet.

        Raises
        ------
        WritingError
            If the disk has no room for them.
        """
        while self._made < stop and self._source is not None:
            until = min(self._made + _AT_ONCE, self.depth)
            self._write(self._source.part(self._made, until))
            self._made = until
            if until == self.depth:
                self._source = None
        return self._read(start, stop)

    def _write(self, made: torch.Tensor) -> None:
        rows = made[0].permute(1, 2, 3, 0)
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="napari-medgen-", dir=self._folder)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            self._slice, self._type, self._place = tuple(rows.shape[1:]), made.dtype, made.device
        try:
            self._file.seek(0, 2)
            self._file.write(rows.float().cpu().contiguous().numpy().data)
            self._file.flush()
        except OSError as error:
            raise WritingError(
                f"{self._folder} has no room for what decoding keeps there: {error.strerror or error}."
            ) from None

    def _read(self, start: int, stop: int) -> torch.Tensor:
        assert self._file is not None  # somebody asked for slices
        rows = np.empty((stop - start, *self._slice), np.float32)
        self._file.seek(start * rows[0].nbytes)
        self._file.readinto(rows.data)  # type: ignore[attr-defined]
        # Channels last, as the CPU convolves fastest.
        return torch.from_numpy(rows).permute(3, 0, 1, 2)[None].to(self._place, self._type)

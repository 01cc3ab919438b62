"""Rows of an array that a device computes with: all of it kept there where it fits.

A GPU that is handed every batch from a mapped file waits for it longer than it computes: a step of the brains' denoiser
(128 latents) took 125 ms on an H200, of which 48 were the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_SHARE = 0.25  # of the device's free memory that data may take


class ResidentRows:
    """Rows of an array as float tensors, on a device where all of it fits there, else on the CPU.

    Parameters
    ----------
    array
        (N, ...) numbers, in memory or mapped.
    device
        Where the rows are wanted.
    """

    def __init__(self, array: NDArray[Any], device: torch.device) -> None:
        self._array, self._device = array, device
        self._there: torch.Tensor | None = None
        if device.type == "cuda" and array.nbytes < _SHARE * torch.cuda.mem_get_info(device)[0]:
            self._there = torch.from_numpy(np.array(array)).to(device)  # a mapped file cannot be written to

    @property
    def there(self) -> bool:
        """Whether all rows lie on the device."""
        return self._there is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return self._array.shape

    def __getitem__(self, rows: int | Sequence[int] | NDArray[np.intp] | tuple[Any, ...]) -> torch.Tensor:
        """Those rows, or a part of a row (index and slices), in single precision, where they lie: there, or on the CPU."""
        if self._there is not None:
            if isinstance(rows, np.ndarray):
                rows = torch.from_numpy(rows).to(self._device)  # type: ignore[assignment]
            return self._there[rows].float()
        return torch.from_numpy(np.array(self._array[rows], np.float32))

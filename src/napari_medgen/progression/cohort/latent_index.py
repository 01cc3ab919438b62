"""Nearest neighbours by angle: exact, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK = 65_536
_FIRST_PORTION = 64


class LatentIndex:
    """Latents that can be searched.

    Parameters
    ----------
    latents
        (N, D) float32 or float16; may be a mapped file.
    """

    def __init__(self, latents: NDArray[np.floating]) -> None:
        self.latents = latents
        self._lengths = np.concatenate(
            [np.linalg.norm(block.astype(np.float32), axis=1) for block in self._blocks()] or [np.zeros(0, np.float32)]
        )

    def _blocks(self) -> list[NDArray[np.floating]]:
        return [self.latents[start : start + _BLOCK] for start in range(0, len(self.latents), _BLOCK)]

    def distances(self, query: NDArray[np.floating]) -> NDArray[np.float32]:
        """Distances (N,) of all latents to one (D,).

        The distance is that of the vectors brought to length one, as published: the root of 2 - 2 cos.
        """
        query = np.asarray(query, np.float32)
        unit = query / max(float(np.linalg.norm(query)), 1e-12)
        cosines = np.empty(len(self.latents), np.float32)
        for number, block in enumerate(self._blocks()):
            start = number * _BLOCK
            end = start + len(block)
            cosines[start:end] = block.astype(np.float32, copy=False) @ unit
        cosines /= np.maximum(self._lengths, 1e-12)
        distances: NDArray[np.float32] = np.sqrt(np.maximum(2 - 2 * cosines, 0))
        return distances

    def nearest(self, query: NDArray[np.floating], count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows and distances of the ``count`` nearest latents, the nearest first; of equally near ones the earlier row."""
        distances = self.distances(query)
        rows = _nearest_rows(distances, count)
        return rows, distances[rows]

    def by_distance(self, query: NDArray[np.floating], count: int = 1) -> Iterator[tuple[int, float]]:
        """Rows and distances, the nearest first: as many as are asked for, in ever larger portions.

        Parameters
        ----------
        count
            How many are expected to be taken. Sorting all would cost several times the comparison itself.
        """
        distances = self.distances(query)
        given, portion = 0, max(_FIRST_PORTION, 4 * count)
        while given < len(distances):
            rows = _nearest_rows(distances, portion)
            for row in rows[given:]:
                yield int(row), float(distances[row])
            given, portion = len(rows), portion * 8


def _nearest_rows(distances: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Rows of the ``count`` smallest distances, in order; of equal ones the earlier row first."""
    count = min(count, len(distances))
    if count == 0:
        return np.zeros(0, np.intp)
    limit = np.partition(distances, count - 1)[count - 1]
    near = np.flatnonzero(distances <= limit)
    rows: NDArray[np.intp] = near[np.argsort(distances[near], kind="stable")][:count]
    return rows

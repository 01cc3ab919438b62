"""The search of neighbours: exact, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.progression.cohort import latent_index
from napari_medgen.progression.cohort.latent_index import LatentIndex
from napari_medgen.progression.cohort.latent_reference import LatentReference


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_blocks_give_what_one_comparison_gives(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(latent_index, "_BLOCK", block)
    latents = rng.normal(size=(300, 12)).astype(np.float32)
    query = rng.normal(size=12).astype(np.float32)
    units = latents / np.linalg.norm(latents, axis=1, keepdims=True)
    expected = np.linalg.norm(units - query / np.linalg.norm(query), axis=1)
    rows, distances = LatentIndex(latents).nearest(query, 10)
    assert rows.tolist() == np.argsort(expected)[:10].tolist()
    assert np.allclose(distances, np.sort(expected)[:10], atol=1e-5)


def test_of_equally_near_latents_the_earlier_comes_first() -> None:
    latents = np.array([[0, 2], [1, 0], [5, 0], [3, 0]], np.float32)
    rows, distances = LatentIndex(latents).nearest(np.array([2, 0], np.float32), 2)
    assert rows.tolist() == [1, 2]
    assert np.allclose(distances, 0)


def test_more_neighbours_than_there_are_is_all(rng: np.random.Generator) -> None:
    index = LatentIndex(rng.normal(size=(3, 4)).astype(np.float16))
    assert len(index.nearest(np.ones(4), 10)[0]) == 3
    assert len(LatentIndex(np.zeros((0, 4), np.float32)).nearest(np.ones(4), 10)[0]) == 0


def test_what_is_unusual_lies_far_out_where_the_cohort_is_thin(rng: np.random.Generator) -> None:
    latents = rng.normal(size=(500, 8)) * np.r_[5, np.ones(7)]
    reference = LatentReference.of(latents, rng.uniform(0, 1, 500))
    along, across = np.zeros((2, 1, 8))
    along[0, 0], across[0, 1] = 6, 6
    assert reference.unusualness(along)[0] < 0.3  # six is little where the spread is five
    assert reference.unusualness(across)[0] > 0.99
    assert reference.badness(np.array([0.5, 2.0])) == pytest.approx([0.5, 1.0], abs=0.1)

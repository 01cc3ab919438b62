"""Scores of maps on maps whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medgen.saliency.evaluation.map_scores import (
    chance_inside,
    deletion_curve,
    energy_inside,
    insertion_curve,
    points_inside,
)

INSIDE = np.zeros((10, 10), bool)
INSIDE[2:5, 2:6] = True


def test_energy_is_the_share_of_absolute_values() -> None:
    values = np.zeros((10, 10))
    values[3, 3], values[9, 9] = -3, 1
    assert energy_inside(values, INSIDE) == pytest.approx(0.75)
    assert energy_inside(np.ones((10, 10)), INSIDE) == pytest.approx(chance_inside(INSIDE)) == pytest.approx(0.12)


def test_ignored_pixels_count_for_nothing() -> None:
    values, counted = np.ones((10, 10)), np.ones((10, 10), bool)
    counted[5:] = False
    assert energy_inside(values, INSIDE, counted) == pytest.approx(0.24)
    assert chance_inside(INSIDE, counted) == pytest.approx(0.24)
    values[9, 9] = 100
    assert points_inside(values, INSIDE, counted) == 0
    values[3, 3] = -50
    assert points_inside(values, INSIDE, counted) == 1


def test_empty_maps_and_masks_have_no_score() -> None:
    assert np.isnan(energy_inside(np.zeros((10, 10)), INSIDE))
    assert np.isnan(energy_inside(np.ones((10, 10)), np.zeros((10, 10), bool)))
    assert np.isnan(points_inside(np.ones((10, 10)), np.zeros((10, 10), bool)))


def test_a_map_of_what_matters_deletes_fast_and_inserts_fast() -> None:
    seen = torch.full((1, 1, 16, 16), 0.2)
    seen[..., 4:8, 4:8] = 1

    def say(images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 4:8, 4:8].mean((1, 2))

    right = np.zeros((16, 16))
    right[4:8, 4:8] = 1
    wrong = 1 - right
    assert deletion_curve(say, seen, right).area < deletion_curve(say, seen, wrong).area
    assert insertion_curve(say, seen, right).area > insertion_curve(say, seen, wrong).area
    curve = deletion_curve(say, seen, right)
    assert curve.probability[0] == pytest.approx(1)
    assert curve.probability[-1] == pytest.approx(float(seen.mean()))
    assert (curve.share[0], curve.share[-1]) == (0, 1)

"""Knees on films: where they are suggested, and what is said where there are none."""

from __future__ import annotations

import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_medgen.imaging.knee_boxes import KneeBox, suggest_boxes


def sample(name: str) -> np.ndarray:
    with (files("napari_medgen.samples") / f"{name}.png").open("rb") as file:
        return np.asarray(Image.open(file).convert("L"), np.float32) / 255


@pytest.fixture(scope="module")
def knee() -> np.ndarray:
    return ndimage.zoom(sample("knee-left"), 0.5, order=1).clip(0, 1)


def around(knee: np.ndarray, above: int, below: int, left: int, right: int) -> np.ndarray:
    """A dark film with a knee on it, whose shafts go on."""
    film = np.pad(knee, ((above, below), (0, 0)), mode="edge")
    film[:above] = ndimage.gaussian_filter(film[:above], 4)
    film[film.shape[0] - below :] = ndimage.gaussian_filter(film[film.shape[0] - below :], 4)
    return np.pad(film, ((0, 0), (left, right)))


def test_a_knee_that_lies_anywhere_on_a_film_is_found(knee: np.ndarray) -> None:
    film = around(knee, 150, 40, 20, 170)
    (box,) = suggest_boxes(film)
    assert box.sure
    assert box.error(KneeBox(150, 20, len(knee))) < 0.1


def test_a_knee_of_the_other_side_is_found(knee: np.ndarray) -> None:
    film = around(knee, 150, 40, 20, 170)[:, ::-1]
    (box,) = suggest_boxes(film)
    assert box.sure
    assert box.error(KneeBox(150, 170, len(knee))) < 0.1


def test_a_knee_that_fills_the_film_is_the_whole_film(knee: np.ndarray) -> None:
    (box,) = suggest_boxes(knee)
    assert box.sure
    assert box.error(KneeBox(0, 0, len(knee))) < 0.1


def test_both_knees_are_found_from_left_to_right() -> None:
    both = sample("knee-both")
    first, second = suggest_boxes(both)
    assert first.sure
    assert second.sure
    assert first.error(KneeBox(0, 0, 512)) < 0.1
    assert second.error(KneeBox(0, 512, 512)) < 0.1


def test_size_and_brightness_of_a_film_change_nothing(knee: np.ndarray) -> None:
    film = around(knee, 100, 60, 40, 60)
    (box,) = suggest_boxes(film)
    (large,) = suggest_boxes(0.3 + 0.4 * ndimage.zoom(film, 2, order=1))
    assert large.error(KneeBox(2 * box.top, 2 * box.left, 2 * box.side)) < 0.1


@pytest.mark.parametrize("name", ["chest-normal", "chest-pneumonia"])
def test_what_shows_no_knee_gets_a_box_that_is_not_sure(name: str) -> None:
    boxes = suggest_boxes(sample(name))
    assert not any(box.sure for box in boxes)


@pytest.mark.parametrize("shape", [(40, 300), (9, 9), (64, 64)])
def test_a_picture_of_nothing_gets_one_box_that_is_not_sure(shape: tuple[int, int]) -> None:
    (box,) = suggest_boxes(np.zeros(shape, np.float32))
    assert not box.sure
    assert box.side > 0


def test_films_made_of_real_knees_are_right_nine_times_of_ten(real_data: Path) -> None:
    script = Path(__file__).parents[2] / "scripts" / "knee_boxes.py"
    made = runpy.run_path(str(script))
    knees = sorted((real_data / "knee-radiographs" / "val").rglob("*.jpg"))
    right = 0
    for seed in range(30):
        film = made["film"](knees, seed)
        found = suggest_boxes(film.grey)
        near = [min(box.error(truth) for box in found) <= 0.1 for truth in film.boxes]
        right += len(found) == len(film.boxes) and all(near)
    assert right >= 27

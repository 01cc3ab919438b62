"""What the network sees, and that maps lie where the image does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medgen.imaging.network_view import NetworkView, ViewSizes, to_tensor


def test_the_whole_image_is_squashed() -> None:
    view = NetworkView.of((100, 300), ViewSizes(size=(32, 32)))
    assert view.box == (0, 0, 100, 300)
    assert view.see(torch.rand(1, 1, 100, 300)).shape == (1, 1, 32, 32)


@pytest.mark.parametrize(("shape", "box"), [((100, 300), (0, 100, 100, 200)), ((300, 100), (100, 0, 200, 100))])
def test_the_largest_centred_part_of_the_right_proportions_is_kept(shape: tuple[int, int], box: tuple[int, ...]) -> None:
    assert NetworkView.of(shape, ViewSizes(size=(32, 32), fit="crop")).box == box


def test_shares_are_kept_around_the_centre() -> None:
    assert NetworkView.of((224, 224), ViewSizes(size=(96, 128), crop=(0.75, 1.0))).box == (28, 0, 196, 224)


@pytest.mark.parametrize("shape", [(32, 32), (97, 61), (512, 300), (1, 1), (7, 2000)])
@pytest.mark.parametrize("mirror", ["", "R"])
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_a_map_of_a_mark_lies_on_the_mark(shape: tuple[int, int], mirror: str, fit: str) -> None:
    sizes = ViewSizes.model_validate({"size": (64, 64), "fit": fit, "mirror": mirror, "crop": (0.8, 0.9)})
    view = NetworkView.of(shape, sizes, "R")
    assert view.mirrored is bool(mirror)
    image = np.zeros(shape, np.float32)
    top, left, bottom, right = view.box
    row, column = top + (bottom - top) // 3, left + (right - left) // 4
    height, width = max((bottom - top) // 8, 1), max((right - left) // 8, 1)
    image[row : row + height, column : column + width] = 1
    placed = view.place(view.see(to_tensor(image)))[0, 0].numpy()
    assert placed.shape == shape
    if min(shape) > 30:
        where = np.argwhere(placed > 0.5 * placed.max()).mean(0)
        assert where == pytest.approx([row + (height - 1) / 2, column + (width - 1) / 2], abs=max(shape) / 50)


def test_nothing_is_claimed_of_what_was_not_seen() -> None:
    view = NetworkView.of((100, 300), ViewSizes(size=(32, 32), fit="crop"))
    placed = view.place(torch.ones(1, 1, 32, 32))[0, 0]
    assert placed[:, 100:200].min() == 1
    assert placed[:, :100].abs().max() == 0
    assert placed[:, 200:].abs().max() == 0

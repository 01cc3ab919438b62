"""Training frames: what the network sees of one is what it sees of the image, and they follow their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.network_view import NetworkView, ViewSizes, to_tensor
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.running.progress import drive
from napari_medgen.saliency.training.dataset import build_dataset, frame
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from saliency_support import RECIPE, write_images


def smooth(shape: tuple[int, int]) -> Radiograph:
    rows, columns = np.indices(shape) / np.array(shape).reshape(2, 1, 1)
    return Radiograph((0.5 + 0.25 * np.sin(9 * rows) + 0.25 * np.cos(7 * columns)).astype(np.float32), (0, 1))


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (240, 240), (500, 170)])
@pytest.mark.parametrize(
    "view",
    [
        ViewSizes(size=(96, 96)),
        ViewSizes(size=(96, 96), fit="crop"),
        ViewSizes(size=(96, 128), fit="crop", crop=(0.75, 1.0)),
        ViewSizes(size=(128, 64), fit="crop"),
    ],
    ids=str,
)
def test_a_frame_shows_the_network_what_the_image_would(shape: tuple[int, int], view: ViewSizes) -> None:
    image, size = smooth(shape), (224, 224)
    kept = torch.from_numpy(frame(image, size, view))[None, None].float() / 255
    trained_on = NetworkView.of(size, view).see(kept)
    asked_later = NetworkView.of(image.shape, view).see(to_tensor(image.grey()))
    assert float((trained_on - asked_later).abs().max()) < 0.06
    assert float((trained_on - asked_later).abs().mean()) < 0.01


def recipe(tmp_path: Path, *changes: str) -> ClassifierRecipe:
    file = tmp_path / "spots.toml"
    file.write_text(RECIPE)
    return validate_recipe(ClassifierRecipe, read_toml(file, changes), file.name)


def test_frames_follow_their_files_and_the_side_that_is_said(tmp_path: Path) -> None:
    data, work = write_images(tmp_path / "data"), tmp_path / "work"
    wanted = recipe(tmp_path, "view.mirror=R")
    first = drive(build_dataset(wanted, data, work))
    place = next(i for i, case in enumerate(first.cases) if case.side == "R")
    before = np.array(first.frames)
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(first.cases[place].image)
    again = drive(build_dataset(wanted, data, work))
    assert not again.frames[place].any()
    # Whoever mends the pattern of the side gets other frames.
    unsided = drive(build_dataset(recipe(tmp_path, "view.mirror=R", "data.side="), data, work))
    other = next(i for i, case in enumerate(first.cases) if case.side == "R" and i != place)
    assert np.array_equal(unsided.frames[other], before[other][:, ::-1])


def test_unreadable_images_are_left_out_and_counted(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data")
    bad = sorted((data / "train" / "none").glob("*.png"))
    bad[0].write_bytes(b"half a picture")
    said: list[str] = []
    dataset = drive(build_dataset(recipe(tmp_path), data, tmp_path / "work"), lambda progress: said.append(progress.message))
    assert len(dataset.frames) == len(dataset.cases) == len(dataset.targets) == 79
    assert said[-1] == "79 images are read; left out: 1 unreadable"
    for file in bad:
        file.write_bytes(b"half a picture")
    with pytest.raises(RecipeError, match=r"of 80 images cannot be read, for example: p\d+[LR]\.png"):
        drive(build_dataset(recipe(tmp_path), data, tmp_path / "work"))

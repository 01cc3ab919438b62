"""The model that ships: it works without any data, and it knows a knee from what is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.cli.progression import open_extrapolator
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.catalogue import find_model
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.running.progress import drive


@pytest.fixture(scope="module")
def model() -> Extrapolator:
    return open_extrapolator("knee-progression")


def doubts(model: Extrapolator, image: Radiograph) -> str:
    projected = drive(model.project(image, ProjectionRequest(space="W+")))
    return " ".join([*model.grader.doubts(image), *projected.doubts])


def test_a_knee_of_its_own_is_found_again_and_followed(model: Extrapolator) -> None:
    row = 40
    grey = model.image_of(row)
    image = Radiograph(np.rint(grey * 255).astype(np.uint8), (0, 255), laterality="L", name="synthetic knee")
    projected = drive(model.project(image))
    assert projected.psnr > 25
    prediction = drive(model.look_ahead(projected, ExtrapolationRequest((48.0, 96.0), 4)))
    # Its own latent lies nearest, since no patient was named.
    assert prediction.extrapolation.neighbours[0].distance < 0.4
    assert prediction.images.shape == (3, 128, 128)
    assert model.known_cohort.surrogate.startswith("surrogate progression")


def test_the_whole_starter_fits_into_its_share() -> None:
    folder = find_model("knee-progression")
    sizes = {path.name: path.stat().st_size for path in folder.path.iterdir()}
    assert max(sizes.values()) <= 16 * 2**20
    whole = sum(path.stat().st_size for path in folder.path.parent.rglob("*") if path.is_file())
    assert whole <= 60 * 2**20


def test_generated_knees_differ(model: Extrapolator) -> None:
    z = torch.randn(4, 256, generator=torch.Generator().manual_seed(0))
    images = model.generator(z)
    assert float((images[0] - images[1]).abs().mean()) > 0.05


@pytest.mark.real_data
def test_real_knees_are_reproduced_and_most_are_not_doubted(model: Extrapolator, real_data: Path) -> None:
    files = [path for grade in "0123" for path in sorted((real_data / "knee-radiographs/val" / grade).iterdir())[:3]]
    said = [doubts(model, replace(read_radiograph(path), laterality=path.stem[-1])) for path in files]
    assert sum(text == "" for text in said) >= len(files) - 2


@pytest.mark.real_data
def test_what_is_no_knee_is_doubted(model: Extrapolator, real_data: Path) -> None:
    knee = sorted((real_data / "knee-radiographs/val/1").iterdir())[0]
    own = replace(read_radiograph(knee), laterality=knee.stem[-1])
    chest = sorted((real_data / "chest-radiographs/val/normal").iterdir())[0]
    images = {
        "chest": replace(read_radiograph(chest), laterality="L"),
        "negative": replace(own, pixels=255 - own.pixels),
        "upside down": replace(own, pixels=np.ascontiguousarray(own.pixels[::-1])),
        "noise": replace(own, pixels=np.random.default_rng(0).integers(0, 255, own.shape).astype(np.uint8)),
    }
    for name, image in images.items():
        assert doubts(model, image), name
    assert "inverted" in doubts(model, images["negative"])

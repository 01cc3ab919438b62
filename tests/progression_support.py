"""A small progression model, a grader that can be foretold, and a cohort of three visits."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import ModelFolder, open_folder, write_folder
from napari_medgen.progression.architecture import (
    ENCODER_FILE,
    GENERATOR_FILE,
    EncoderSizes,
    ProgressionArchitecture,
    StyleGANSizes,
)
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.folder import cohort_files
from napari_medgen.progression.cohort.visits import Visit, in_time
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.running.devices import Device

SIZES = StyleGANSizes(resolution=32, z_dim=16, w_dim=16, channel_base=256, channel_max=16, clamp=0.0)
ENCODER = EncoderSizes(channel_base=256, channel_max=16)
CPU = Device("cpu", "float32", 0.001)
VISITS = ((2004, 3, 1), (2005, 3, 1), (2008, 3, 1))  # of the three-visit cohort

RECIPE = """
task = "progression"
name = "tiny-knees"
seed = 1
precision = "32-true"
classifier = "knee-kl"
mirror = "R"
body_part = "knee radiograph"
save_every = 2
look_every = 4
[about]
title = "Tiny"
description = "Small."
data = "made up"
licence = "none"
intended_use = "tests"
limits = "all"
[data]
layout = "grades"
grades = { "0" = 0, "1" = 1, "2" = 2 }
[generator]
resolution = 16
z_dim = 8
w_dim = 8
channel_base = 128
channel_max = 8
clamp = 0.0
[encoder]
channel_base = 128
channel_max = 8
[optimiser]
warmup_kimg = 0.024
warmup_batch = 8
kimg = 0.024
batch = 4
r1_interval = 2
path_length = 2.0
path_interval = 2
"""


class PlainGrader:
    """Grades by brightness, in five steps; its features are small copies of the image."""

    name = "plain"
    checksum = "plain-1"
    labels = ("KL 0", "KL 1", "KL 2", "KL 3", "KL 4")

    def doubts(self, image: Radiograph) -> list[str]:
        return ["Too bright to be a knee."] if image.grey().mean() > 0.97 else []

    @torch.no_grad()
    def probabilities(self, frames: Tensor) -> Tensor:
        bright = frames.mean((1, 2, 3))[:, None] * 4
        return torch.softmax(-4 * (bright - torch.arange(5.0)) ** 2, 1)

    def features(self, frames: Tensor) -> list[Tensor]:
        small = F.avg_pool2d(frames, 4)
        return [torch.cat([small, 1 - small, torch.full_like(small, 0.5)], 1)]


def networks(seed: int = 0) -> tuple[Generator, Encoder]:
    torch.manual_seed(seed)
    return Generator(SIZES).eval().requires_grad_(False), Encoder(SIZES, ENCODER).eval().requires_grad_(False)


def write_model(path: Path, shipped: Cohort | None = None, **own: Any) -> ModelFolder:
    generator, encoder = networks()
    architecture = ProgressionArchitecture(
        generator=SIZES, encoder=ENCODER, classifier="knee-kl", mirror="R", body_part="knee", **own
    )
    card = ModelCard(
        name=path.name,
        title="Tiny knees",
        task="progression",
        architecture=architecture.model_dump(mode="json"),
        data="made up",
        limits="All.",
        checksums={},
    )
    weights = {GENERATOR_FILE: generator.state_dict(), ENCODER_FILE: encoder.state_dict()}
    write_folder(path, card, weights, cohort_files(shipped) if shipped is not None else None)
    return open_folder(path)


def loaded(path: Path, cohort: Cohort | None = None, **own: Any) -> Extrapolator:
    return Extrapolator(write_model(path, **own), PlainGrader(), cohort, CPU)


@dataclass(frozen=True)
class Opens:
    """Opens the model of a folder, as a worker of a cluster does."""

    model: Path

    def __call__(self) -> Extrapolator:
        return Extrapolator(open_folder(self.model), PlainGrader(), None, CPU)


def three_visit_cohort(knees: int = 12, rate: float = 0.01, split: str = "train", first: int = 0) -> Cohort:
    """Knees that all change along one direction, at rates in proportion to their number, for the same four years.

    Latents of knee ``n`` begin at a place of their own and move by ``rate * (1 + n)`` a month.
    """
    visits, latents = [], []
    for number in range(first, first + knees):
        patient = f"{9000 + number}"
        start, way = place(number), direction()
        for year, month, day in VISITS:
            date = datetime.date(year, month, day)
            months = (date - datetime.date(*VISITS[0])).days / (365.25 / 12)
            visits.append(
                Visit(patient, "L", f"{patient}L", 0.0, date, min(round(months / 24), 4), f"{patient}_{year}_l.png", split)
            )
            latents.append(start + way * rate * (1 + number) * months)
    ordered = in_time(visits)
    return Cohort(tuple(ordered), np.stack(latents).astype(np.float32), np.zeros(len(visits), np.float32), {})


def place(number: int) -> np.ndarray:
    """Where knee ``number`` begins: near those of neighbouring numbers."""
    angle = 0.1 * number
    return np.r_[np.cos(angle), np.sin(angle), np.zeros(14)].astype(np.float32)


def direction() -> np.ndarray:
    """The way of all knees, at right angles to where they begin."""
    return np.r_[0, 0, 1, np.zeros(13)].astype(np.float32)


def picture(seed: int = 0, shape: tuple[int, int] = (80, 80)) -> np.ndarray:
    """Smooth grey values with a dark line across the middle."""
    rng = np.random.default_rng(seed)
    rows = np.mgrid[: shape[0], : shape[1]][0]
    grey = 150 + 40 * np.sin(rows / 9 + seed) + rng.normal(0, 5, shape)
    grey[shape[0] // 2 - 3 : shape[0] // 2 + 3] = 30
    return grey.clip(0, 255).astype(np.uint8)


def radiograph(seed: int = 0, side: str = "L", **more: Any) -> Radiograph:
    return Radiograph(picture(seed), (0, 255), laterality=side, name=f"knee {seed}", **more)  # type: ignore[arg-type]


def write_visits(folder: Path, patients: int = 3) -> Path:
    """Images named as OAI and MOST name them: both knees of each patient, three visits."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(patients):
        for side in "lr":
            for year, month, day in VISITS:
                name = f"{9000 + number}_0{number}1601_{year}{month:02}{day:02}_{side}.png"
                Image.fromarray(picture(number * 10 + year)).save(folder / name)
    return folder


def write_graded(folder: Path, patients: int = 10) -> Path:
    """Both knees of each patient in folders of grades; the right one of every other patient is two grades worse."""
    for split, first, count in (("train", 0, patients), ("val", 500, max(patients // 2, 3))):
        for number in range(first, first + count):
            for side, grade in (("L", 0), ("R", 2 * (number % 2))):
                path = folder / split / str(grade) / f"{9000 + number}{side}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture(number + grade, (64, 64))).save(path)
    return folder

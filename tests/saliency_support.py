"""Small classifiers and small labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import open_folder, write_folder
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, REFERENCE_FILE, ClassifierArchitecture, ResNetSizes
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.network import ResNet
from napari_medgen.saliency.suitability import FeatureReference, stage_averages

RECIPE = """
task = "saliency"
name = "spots"
seed = 1
labels = ["spot"]
body_part = "picture with or without a spot"
mask_shows = "spot"
[about]
title = "Spots"
description = "Whether there is a spot."
data = "made up"
licence = "none"
intended_use = "tests"
limits = "all"
[data]
train = "train"
test = "test"
folders = { none = "", spot = "spot" }
subject = "^(p\\\\d+)"
side = "([LR])$"
mask = "masks/{split}/{folder}/{stem}.png"
validation = 0.25
frame = [48, 48]
[network]
depth = 18
widths = [8, 8, 16, 16]
channels = 1
classes = 1
momentum = 0.1
max_pool = false
mean = 0.5
std = 0.25
[view]
size = [32, 32]
[attack]
epsilon = 0.02
step = 0.01
steps = 2
[augmentation]
rotation = 5.0
[optimiser]
epochs = 3
batch = 16
learning_rate = 3e-3
ema = 0.8
"""


def write_images(root: Path, *, train: int = 60, test: int = 20, seed: int = 0) -> Path:
    """Noise, half of it with a bright spot at a random place; two images a patient, left and right."""
    rng = np.random.default_rng(seed)
    patient = 0
    for split, count in (("train", train), ("test", test)):
        for index in range(count):
            spot = index % 4 > 1
            folder = "spot" if spot else "none"
            image = rng.normal(0.4, 0.1, (48, 48))
            mask = np.zeros((48, 48), np.uint8)
            if spot:
                row, column = rng.integers(6, 36, 2)
                image[row : row + 8, column : column + 8] += 0.45
                mask[row : row + 8, column : column + 8] = 255
            patient += index % 2 == 0
            side = "LR"[index % 2]
            for place, pixels in ((root, (image.clip(0, 1) * 255).astype(np.uint8)), (root / "masks", mask)):
                path = place / split / folder / f"p{patient}{side}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                if place == root or spot:
                    Image.fromarray(pixels).save(path)
    return root


def write_classifier(path: Path, *, seed: int = 0, reference: bool = False, **changes: Any) -> Path:
    """A model folder of random weights: 3 exclusive grades, dual batch norm, 32 x 32 pixels."""
    labels = changes.pop("labels", ("none", "some", "much"))
    network = ResNetSizes(
        depth=18, widths=(8, 8, 16, 16), channels=1, classes=len(labels), domains=changes.pop("domains", 2), max_pool=False
    )
    view = changes.pop("view", ViewSizes(size=(32, 32)))
    architecture = ClassifierArchitecture(
        labels=labels, network=network, view=view, **({"exclusive": len(labels) > 1, "family": "tiny"} | changes)
    )
    torch.manual_seed(seed)
    net = ResNet(network)
    torch.nn.init.normal_(net.fc.weight)  # the published initialisation says nothing at all
    weights = {CLASSIFIER_FILE: net.state_dict()}
    if reference:
        seen = torch.rand(200, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
        features = stage_averages(net.eval(), seen)
        weights[REFERENCE_FILE] = FeatureReference.of(features[:150], features[150:]).tensors()
    card = ModelCard(
        name=path.name, title="Tiny", task="saliency", architecture=architecture.model_dump(mode="json"), checksums={}
    )
    return write_folder(path, card, weights).path


def load(path: Path) -> Classifier:
    """The classifier in a folder."""
    return Classifier(open_folder(path))

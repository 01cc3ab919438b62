from __future__ import annotations

import math
from pathlib import Path

import pytest

from napari_medgen.models.card import Figure
from napari_medgen.models.folder import open_folder
from napari_medgen.running.devices import Device
from napari_medgen.volumes.architecture import read_architecture
from napari_medgen.volumes.cost import Cost, denoise_bytes, estimate, learn

FIGURES = {
    "seconds per step": Figure(value=0.1),
    "seconds per decoding": Figure(value=1.0),
    "seconds of the reference convolution": Figure(value=0.001),
}


def test_time_is_scaled_by_this_machine_s_speed(tiny_model: Path) -> None:
    card = open_folder(tiny_model).card
    measured = card.model_copy(update={"figures": FIGURES})
    slow = Device("cpu", "float32", convolution_seconds=0.002)
    cost = estimate(read_architecture(card), measured, slow, weights=0, calls=20, count=3)
    assert cost.seconds == 3 * (20 * 0.1 + 1.0) * 2
    unknown = estimate(read_architecture(card), card, slow, weights=0, calls=20)
    assert math.isnan(unknown.seconds)


def test_a_person_reads_seconds_or_minutes() -> None:
    assert Cost(2**30, 1.44).label == "about 1.4 s, 1.0 GiB"
    assert Cost(2**20, 45).label == "about 45 s, 1 MiB"
    assert Cost(2**20, 300).label == "about 5 min, 1 MiB"
    assert Cost(2**20, math.nan).label == "about 1 MiB"


def test_the_next_estimate_learns_from_what_the_last_samples_took(tiny_model: Path) -> None:
    card = open_folder(tiny_model).card.model_copy(update={"figures": FIGURES})
    architecture, device = read_architecture(card), Device("cpu", "float32", convolution_seconds=0.001)
    before = estimate(architecture, card, device, weights=0, calls=20).seconds
    for _ in range(3):
        learn(card, device, calls=20, seconds=before * 5)
    assert estimate(architecture, card, device, weights=0, calls=20).seconds == pytest.approx(before * 5)
    assert estimate(architecture, card, device, weights=0, calls=20, count=2).seconds == pytest.approx(before * 10)
    for _ in range(5):
        learn(card, device, calls=20, seconds=before)
    assert estimate(architecture, card, device, weights=0, calls=20).seconds == pytest.approx(before)
    half = Device("cpu", "bfloat16", convolution_seconds=0.001)
    assert estimate(architecture, card, half, weights=0, calls=20).seconds == pytest.approx(before)


def test_a_model_without_figures_is_estimated_once_it_has_sampled(tiny_model: Path) -> None:
    card = open_folder(tiny_model).card
    device = Device("cpu", "float32", convolution_seconds=0.001)
    learn(card, device, calls=10, seconds=2.0)
    assert estimate(read_architecture(card), card, device, weights=0, calls=20).seconds == pytest.approx(4.0)


def test_figures_on_the_card_do_not_inherit_what_was_learned_without(tiny_model: Path) -> None:
    card, device = open_folder(tiny_model).card, Device("cpu", "float32", convolution_seconds=0.001)
    learn(card, device, calls=10, seconds=2.0)
    measured = card.model_copy(update={"figures": FIGURES})
    assert estimate(read_architecture(card), measured, device, weights=0, calls=20).seconds == pytest.approx(3.0)


def test_a_damaged_file_of_durations_is_passed_over(tiny_model: Path) -> None:
    import platformdirs

    card = open_folder(tiny_model).card
    device = Device("cpu", "float32", convolution_seconds=0.001)
    learn(card, device, calls=10, seconds=2.0)
    (platformdirs.user_cache_path("napari-medgen") / "durations.json").write_text("[1, 2")
    assert math.isnan(estimate(read_architecture(card), card, device, weights=0, calls=20).seconds)


def test_guidance_asks_for_two_volumes_at_once(tiny_model: Path) -> None:
    architecture = read_architecture(open_folder(tiny_model).card)
    assert denoise_bytes(architecture, guided=True) == 2 * denoise_bytes(architecture)

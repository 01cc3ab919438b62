"""Projection finds latents again, alone or in a batch, as published or fast."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.progression.projection import latent_statistics, noise_correlation, project, published_rate
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.progress import Progress, drive
from progression_support import PlainGrader, networks


def images(count: int = 2) -> torch.Tensor:
    generator, _ = networks()
    w = generator.mapping(torch.randn(count, 16, generator=torch.Generator().manual_seed(1)))
    return generator.synthesis(generator.spread(w)).clamp(-1, 1)


@pytest.mark.parametrize(
    "request_", [ProjectionRequest("fast", 40), ProjectionRequest("fast", 40, "W+"), ProjectionRequest("published", 60)]
)
def test_optimisation_brings_the_image_nearer(request_: ProjectionRequest) -> None:
    generator, encoder = networks()
    frames = images()
    seen: list[Progress] = []
    first = drive(project(frames, generator, encoder, PlainGrader(), ProjectionRequest("encoder")))
    found = drive(project(frames, generator, encoder, PlainGrader(), request_), seen.append)
    assert (found.perceptual < first.perceptual).all()
    assert found.ws.shape == (2, generator.sizes.num_ws, 16)
    assert len(seen) == request_.count
    previews = [progress.preview for progress in seen if progress.preview is not None]
    assert previews[-1].shape == (2, 1, 32, 32)
    spread = float((found.ws - found.ws.mean(1, keepdim=True)).abs().max())
    assert (spread > 1e-4) == (request_.space == "W+")


@pytest.mark.parametrize("method", ["fast", "published"])
def test_an_image_in_a_batch_is_projected_as_if_alone(method: str) -> None:
    generator, encoder = networks()
    frames = images(3)
    request = ProjectionRequest(method, 8)  # type: ignore[arg-type]
    together = drive(project(frames, generator, encoder, PlainGrader(), request))
    alone = [drive(project(one[None], generator, encoder, PlainGrader(), request)) for one in frames]
    assert torch.allclose(together.ws, torch.cat([one.ws for one in alone]), atol=1e-3)
    assert torch.allclose(together.psnr, torch.cat([one.psnr for one in alone]), atol=0.05)


def test_the_same_seed_gives_the_same_latent() -> None:
    generator, encoder = networks()
    runs = [
        drive(project(images(1), generator, encoder, PlainGrader(), ProjectionRequest("published", 6, seed=seed)))
        for seed in (3, 3, 4)
    ]
    assert torch.equal(runs[0].ws, runs[1].ws)
    assert not torch.equal(runs[0].ws, runs[2].ws)


def test_the_published_schedule_rises_rests_and_falls() -> None:
    shares = np.arange(1000) / 1000
    rates = np.array([published_rate(share) for share in shares])
    assert rates[0] == 0
    assert rates[25] == pytest.approx(0.05)
    assert np.allclose(rates[50:751], 0.1)
    assert rates[875] == pytest.approx(0.05)
    assert rates[-1] < 1e-4


def test_the_published_start_is_the_mean_of_ten_thousand_latents() -> None:
    generator, _ = networks()
    mean, deviation = latent_statistics(generator)
    z = np.random.RandomState(123).randn(10_000, 16)
    w = generator.mapping(torch.from_numpy(z).float())
    assert torch.allclose(mean, w.mean(0), atol=1e-5)
    assert float(deviation) == pytest.approx(float(((w - w.mean(0)) ** 2).sum() / 10_000) ** 0.5, rel=1e-4)


def test_noise_that_repeats_itself_is_told_from_white_noise() -> None:
    white = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert noise_correlation(white) < 0.1
    assert noise_correlation(torch.ones(1, 1, 32, 32)) == pytest.approx(6.0)  # three levels, two directions


def test_the_networks_own_noise_is_left_as_it_was() -> None:
    generator, encoder = networks()
    before = {name: value.clone() for name, value in generator.synthesis.noise_buffers().items()}
    drive(project(images(1), generator, encoder, PlainGrader(), ProjectionRequest("published", 3)))
    after = generator.synthesis.noise_buffers()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_without_an_encoder_starts_at_the_mean() -> None:
    generator, _ = networks()
    found = drive(project(images(1), generator, None, PlainGrader(), ProjectionRequest("fast", 3)))
    assert torch.isfinite(found.ws).all()
    with pytest.raises(ModelError, match="has no encoder"):
        drive(project(images(1), generator, None, PlainGrader(), ProjectionRequest("encoder")))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"method": "guess"}, "fast, published"),
        ({"steps": -1}, "at least one step"),
        ({"method": "published", "space": "W+"}, "W+"),
    ],
)
def test_what_cannot_be_asked_gets_a_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence.replace("+", r"\+")):
        ProjectionRequest(**values)  # type: ignore[arg-type]

"""Projection: the latent whose image is most like a given one, found by optimisation.

``published`` is the projection of the official code (StyleGAN2, Karras 2020, appendix D): 1,000 steps from the mean
latent, with the noise images optimised too. ``fast`` starts where the encoder says and needs a few steps; ``encoder``
takes the encoder's word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.errors import ModelError
from napari_medgen.progression.frames import to_grey
from napari_medgen.progression.grader import Grader, normalised, perceptual_distance
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.progress import Progress, Steps

_LOOK_EVERY = 10

# The official projector's constants.
_PUBLISHED_DRAWS, _PUBLISHED_SEED = 10_000, 123
_PUBLISHED_RATE, _PUBLISHED_RISE, _PUBLISHED_FALL = 0.1, 0.05, 0.25
_PUBLISHED_NOISE, _PUBLISHED_NOISE_UNTIL, _REGULARISER = 0.05, 0.75, 1e5


@dataclass(frozen=True, eq=False)
class Projection:
    """Latents of a batch of images, and how well they stand for them.

    Attributes
    ----------
    ws
        (N, num_ws, w_dim).
    images
        (N, 1, H, W) in [0, 1]: what the generator makes of them with its own noise.
    psnr
        (N,) decibels, of grey values in [0, 1].
    perceptual
        (N,) distance of the classifier's features: 0 for equal images.
    """

    ws: Tensor
    images: Tensor
    psnr: Tensor
    perceptual: Tensor

    @property
    def w(self) -> Tensor:
        """One latent an image (N, w_dim): the mean over the layers."""
        return self.ws.mean(1)


def project(
    frames: Tensor, generator: Generator, encoder: Encoder | None, grader: Grader, request: ProjectionRequest | None = None
) -> Steps[Projection]:
    """Project a batch of images; each as if it were alone.

    Parameters
    ----------
    frames
        (N, 1, H, W), -1 black to 1 white, of the generator's resolution.
    encoder
        Where ``fast`` starts; without one it starts at the mean latent.
    grader
        Its features are compared.

    Yields
    ------
    Progress
        A step an update; the preview is the image (N, 1, H, W) in [0, 1] of that moment.

    Raises
    ------
    ModelError
        If the encoder is asked for and there is none.
    """
    request = request or ProjectionRequest()
    frames = frames.to(generator.mapping.w_avg.device).expand(-1, generator.sizes.channels, -1, -1)
    if request.method == "encoder":
        if encoder is None:
            raise ModelError("This model has no encoder; choose the published projection.")
        with torch.no_grad():
            ws = generator.spread(encoder(frames))
        yield Progress(1, 1, "Projecting")
    elif request.method == "published":
        ws = yield from _published(frames, generator, grader, request)
    else:
        ws = yield from _fast(frames, generator, encoder, grader, request)
    return measured(frames, ws, generator, grader)


@torch.no_grad()
def measured(frames: Tensor, ws: Tensor, generator: Generator, grader: Grader) -> Projection:
    """The images of latents, and their errors against ``frames`` (N, C, H, W) in [-1, 1]."""
    wanted, images = to_grey(frames), to_grey(generator.synthesis(ws))
    error = (wanted - images).square().mean((1, 2, 3)).clamp_min(1e-10)
    distance = perceptual_distance(normalised(grader.features(wanted)), normalised(grader.features(images)))
    return Projection(ws.detach().cpu(), images.cpu(), -10 * error.log10().cpu(), distance.cpu())


def _fast(
    frames: Tensor, generator: Generator, encoder: Encoder | None, grader: Grader, request: ProjectionRequest
) -> Steps[Tensor]:
    """From the encoder's latent, by Adam with a falling rate, on the loss that the encoder learned with."""
    with torch.no_grad():
        start = encoder(frames) if encoder is not None else generator.mapping.w_avg.expand(len(frames), -1)
        wanted = normalised(grader.features(to_grey(frames)))
    deviation = float(latent_statistics(generator)[1]) / math.sqrt(generator.sizes.w_dim)  # of one element
    ws = generator.spread(start) if request.space == "W+" else start
    ws = ws.detach().clone().requires_grad_()
    adam = torch.optim.Adam([ws], betas=(0.9, 0.99))
    for step in range(request.count):
        share = step / request.count
        adam.param_groups[0]["lr"] = _FAST_RATE * deviation * 0.5 * (1 + math.cos(math.pi * share))
        spread = ws if ws.ndim == 3 else generator.spread(ws)
        images = generator.synthesis(spread)
        found = normalised(grader.features((images.mean(1, keepdim=True) + 1) / 2))
        loss = _FAST_PIXEL * (images - frames).square().mean((1, 2, 3)).sum() + perceptual_distance(wanted, found).sum()
        if ws.ndim == 3:  # layers may differ where that helps, and only there
            loss = loss + _FAST_TOGETHER * (ws - ws.mean(1, keepdim=True)).square().mean((1, 2)).sum() / deviation**2
        (ws.grad,) = torch.autograd.grad(loss, ws)
        adam.step()
        yield _progress(step, request, images)
    final = ws.detach()
    return final if final.ndim == 3 else generator.spread(final)


# Of the deviation a step; weight of squared pixels beside the perceptual distance; how hard layers are held together.
_FAST_RATE, _FAST_PIXEL, _FAST_TOGETHER = 0.05, 4.0, 0.02


def _published(frames: Tensor, generator: Generator, grader: Grader, request: ProjectionRequest) -> Steps[Tensor]:
    """The official schedule, for each image of the batch."""
    count, device = len(frames), frames.device
    mean, deviation = latent_statistics(generator)
    draw = torch.Generator().manual_seed(request.seed)
    w = mean.expand(count, 1, -1).clone().requires_grad_()
    noise = {
        name: torch.randn((1, 1, *own.shape), generator=draw).to(device).expand(count, -1, -1, -1).clone().requires_grad_()
        for name, own in generator.synthesis.noise_buffers().items()
    }
    with torch.no_grad():
        wanted = normalised(grader.features(to_grey(frames)))
    parameters = [w, *noise.values()]
    adam = torch.optim.Adam(parameters, betas=(0.9, 0.999))
    for step in range(request.count):
        share = step / request.count
        wander = float(deviation) * _PUBLISHED_NOISE * max(0.0, 1 - share / _PUBLISHED_NOISE_UNTIL) ** 2
        adam.param_groups[0]["lr"] = published_rate(share)
        jitter = torch.randn((1, *w.shape[1:]), generator=draw).to(device) * wander
        ws = (w + jitter).expand(-1, generator.sizes.num_ws, -1)
        images = generator.synthesis(ws, noise)
        found = normalised(grader.features((images.mean(1, keepdim=True) + 1) / 2))
        loss = perceptual_distance(wanted, found).sum()
        loss = loss + _REGULARISER * torch.stack([noise_correlation(one) for one in noise.values()]).sum()
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        adam.step()
        with torch.no_grad():
            for one in noise.values():
                one -= one.mean((2, 3), keepdim=True)
                one *= one.square().mean((2, 3), keepdim=True).rsqrt()
        yield _progress(step, request, images)
    return w.detach().expand(-1, generator.sizes.num_ws, -1)


def _progress(step: int, request: ProjectionRequest, images: Tensor) -> Progress:
    done = step + 1
    look = to_grey(images.detach()).cpu() if done % _LOOK_EVERY == 0 or done == request.count else None
    return Progress(done, request.count, f"Projecting, step {done} of {request.count}", look)


def published_rate(share: float) -> float:
    """Learning rate after a share of the steps: a short rise, and a cosine's fall over the last quarter."""
    fall = min(1.0, (1 - share) / _PUBLISHED_FALL)
    return _PUBLISHED_RATE * (0.5 - 0.5 * math.cos(math.pi * fall)) * min(1.0, share / _PUBLISHED_RISE)


def noise_correlation(noise: Tensor) -> Tensor:
    """How much neighbouring values of noise images (N, 1, H, W) agree, over a pyramid down to 8 x 8; summed."""
    total = noise.new_zeros(())
    while True:
        for axis in (3, 2):
            total = total + (noise * noise.roll(1, axis)).mean((1, 2, 3)).square().sum()
        if noise.shape[2] <= 8:
            return total
        noise = F.avg_pool2d(noise, 2)


@torch.no_grad()
def latent_statistics(generator: Generator) -> tuple[Tensor, Tensor]:
    """Mean (w_dim,) and standard deviation (a number) of 10,000 latents, as the official projector draws them."""
    z = np.random.RandomState(_PUBLISHED_SEED).randn(_PUBLISHED_DRAWS, generator.sizes.z_dim)
    w = generator.mapping(torch.from_numpy(z).float().to(generator.mapping.w_avg.device))
    mean = w.mean(0)
    return mean, ((w - mean).square().sum() / _PUBLISHED_DRAWS).sqrt()

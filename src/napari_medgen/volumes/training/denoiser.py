"""Stage two: train the denoiser on cached latents."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from napari_medgen.running.convolution import channels_last_3d
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.training.ahead import Ahead
from napari_medgen.running.training.resident import ResidentRows
from napari_medgen.running.training.updates import Batches, Span, average, half_cosine, set_rate, update, warm_decay
from napari_medgen.running.training.workspace import Stage, append_row, require_finite, seed_step
from napari_medgen.volumes.diffusion import Schedule, add_noise, denoiser, training_target
from napari_medgen.volumes.networks.denoisers import build_denoiser
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.samplers import Noise, sampler
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.latents import Latents
from napari_medgen.volumes.training.pictures import save_grid
from napari_medgen.volumes.training.recipe import DenoiserRecipe, Recipe
from napari_medgen.volumes.training.stages import stage_recipe
from napari_medgen.volumes.training.start import start_denoiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_STAGE = 2


def _rate(recipe: DenoiserRecipe, iteration: int, share: float) -> float:
    """Adam's rate: rises over the warm-up and falls as half a cosine; constant where no warm-up is asked (published)."""
    if not recipe.warmup:
        return recipe.learning_rate
    rise = min(1.0, (iteration + 1) / recipe.warmup)
    return recipe.learning_rate * rise * half_cosine(share)


def train_denoiser(
    recipe: Recipe,
    dataset: Dataset,
    latents: Latents,
    autoencoder: VQGAN,
    work: Path,
    fabric: Fabric,
    readers: int | None = None,
) -> Steps[nn.Module]:
    """Train, or go on training, the denoiser.

    Parameters
    ----------
    work
        Folder of checkpoint, log (``denoiser.csv``) and sample grids (``denoiser/``).
    readers
        Processes that read latents ahead (:class:`~napari_medgen.running.training.ahead.Ahead`).

    Yields
    ------
    Progress
        A step an iteration.

    Returns
    -------
    torch.nn.Module
        The network with averaged weights.

    Raises
    ------
    RecipeError
        If the checkpoint is another recipe's, or the training breaks down.
    """
    own = recipe.denoiser
    end, batches = min(own.stop or own.iterations, own.iterations), Batches.of(own.accumulate, fabric)
    torch.manual_seed(recipe.seed + _STAGE)
    net = build_denoiser(own.sizes)
    start_denoiser(net, recipe.start)
    net = channels_last_3d(net, fabric.device)
    mean = copy.deepcopy(net).requires_grad_(False).eval().to(fabric.device)
    optimizer = torch.optim.Adam(net.parameters(), own.learning_rate)
    stage = Stage(
        work,
        "denoiser",
        recipe=stage_recipe(recipe, dataset, "denoiser", encoded_by=latents.made_by, **batches.as_recipe),
        may_change=("denoiser.iterations", "denoiser.stop", "denoiser.minutes"),
        length=end,
        leader=fabric.is_global_zero,
        net=net,
        mean=mean,
        optimizer=optimizer,
        precision=fabric.strategy.precision,
    )
    trained, optimizer = fabric.setup(net, optimizer)
    start = stage.resume()  # after the set-up, so that optimiser states land on the device
    trained.train()
    schedule = Schedule.cosine(own.timesteps)
    abar = torch.from_numpy(schedule.abar).float()
    span = Span(own.iterations, own.minutes, fabric.world_size)
    known, scale = ResidentRows(latents.latents, fabric.device), latents.scale
    recent = 0.0

    def draw(iteration: int, batch: int) -> tuple[torch.Generator, NDArray[np.intp]]:
        generator = seed_step(recipe.seed, _STAGE, iteration, batch)
        return generator, torch.randint(len(latents.latents), (own.batch,), generator=generator).numpy()

    def read(iteration: int, batch: int) -> torch.Tensor:
        return known[draw(iteration, batch)[1]]

    def loss_of(batch: int, iteration: int, latent: torch.Tensor, values: list[float]) -> torch.Tensor:
        x0 = scale.normalise(latent)
        generator, rows = draw(iteration, batch)
        t = torch.randint(own.timesteps, (own.batch,), generator=generator)
        # Drawn where it is used: of a large batch on one core it takes longer than a GPU's step.
        noise = torch.randn(x0.shape, generator=_on_device(generator, fabric.device), device=fabric.device)
        condition = None
        if recipe.conditions:
            condition = torch.from_numpy(dataset.conditions[latents.source[rows]].copy())
            dropped = torch.rand(own.batch, generator=generator) < own.drop_condition
            condition[dropped] = math.nan
            condition = condition.to(fabric.device)
        kept = abar[t].to(fabric.device)
        said = trained(add_noise(x0, noise, kept), t.to(fabric.device), condition).float()
        target = training_target(x0, noise, kept, own.prediction)
        loss = F.l1_loss(said, target) if own.loss == "l1" else F.mse_loss(said, target)
        values.append(float(loss.detach()))
        require_finite({"the loss": values[-1]}, iteration)
        return loss

    iterations = range(start, end)
    with Ahead(read, iterations, batches, fabric.device, readers=readers, waits=not known.there) as ahead:
        for iteration in iterations:
            values: list[float] = []
            set_rate(optimizer, _rate(own, iteration, span.share(iteration)))
            losses = (loss_of(batch, iteration, ahead.next(), values) for batch in batches.own)
            update(fabric, trained, optimizer, losses, iteration, batches)
            average(mean, net, warm_decay(own.ema, iteration))
            value = sum(values) / len(values)
            recent = value if iteration == start else 0.98 * recent + 0.02 * value
            done = iteration + 1
            last = done == end or span.share(done) >= 1
            if fabric.is_global_zero:
                if done % 20 == 0 or last:
                    append_row(stage.log, {"iteration": done, "loss": value, "smoothed_loss": recent})
                if done % recipe.save_every == 0 or last:
                    stage.save(end if last else done, keep=recipe.keeps(done))  # a stage that time ended is over
                if done % recipe.sample_every == 0 or last:
                    _picture(mean, recipe, latents, autoencoder, stage.pictures / f"{done:06d}.png", fabric)
            yield Progress(done, end, f"Denoiser, loss {recent:.4f}")
            if last:
                break
    return mean


def _on_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """The generator itself on a CPU; on another device one that it seeds."""
    if device.type == "cpu":
        return generator
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.Generator(device).manual_seed(seed)


@torch.no_grad()
def _picture(mean: nn.Module, recipe: Recipe, latents: Latents, autoencoder: VQGAN, path: Path, fabric: Fabric) -> None:
    """Four samples of fixed seeds, 20 steps of the default sampler."""
    schedule = Schedule.cosine(recipe.denoiser.timesteps)
    noise = Noise(range(4), latents.latents.shape[1:], fabric.device)
    with fabric.autocast():
        denoise = denoiser(mean, schedule, recipe.denoiser.prediction, limit=latents.scale.limit)
        x = drive(sampler("dpm++", denoise, schedule, noise, steps=20))
        images = [autoencoder.decode(latents.scale.restore(one[None]), quantise=recipe.quantise) for one in x]
    save_grid(path, [image[0, 0].float().cpu().numpy() for image in images])

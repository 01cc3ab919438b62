"""Stage one: train the VQ-GAN on patches.

The published schedule and losses (Khader 2023, supplement, table 1) with the bugs of the published code mended; they are
listed in ``docs/volumes/training.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from napari_medgen.running.devices import smaller_instead
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.training.ahead import Ahead
from napari_medgen.running.training.resident import ResidentRows
from napari_medgen.running.training.updates import Batches, Span, set_rate, update
from napari_medgen.running.training.workspace import Stage, append_row, require_finite, seed_step
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.training.dataset import Dataset
from napari_medgen.volumes.training.discriminators import PatchDiscriminator
from napari_medgen.volumes.training.losses import feature_matching, gradient_l1, hinge, random_slices
from napari_medgen.volumes.training.pictures import save_grid
from napari_medgen.volumes.training.recipe import AutoencoderRecipe, Recipe
from napari_medgen.volumes.training.stages import stage_recipe
from napari_medgen.volumes.training.start import start_autoencoder

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_STAGE = 1


Pair = tuple[torch.Tensor, torch.Tensor]  # slices and volumes
Features = tuple[list[torch.Tensor], list[torch.Tensor]]


class _Discriminators(nn.Module):
    """The slice and the volume discriminator in one module, so that one wrapper serves both."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.image_discriminator = PatchDiscriminator(2, channels, width)
        self.video_discriminator = PatchDiscriminator(3, channels, width)

    def look(self, slices: torch.Tensor, volumes: torch.Tensor) -> Features:
        """Features of both."""
        return self.image_discriminator(slices), self.video_discriminator(volumes)

    def forward(self, real: Pair, made: Pair) -> torch.Tensor:
        """Hinge loss of both, in one pass, as training on many devices asks for."""
        known, seen = self.look(*real), self.look(*made)
        return torch.stack([hinge(r[-1].float(), f[-1].float()) for r, f in zip(known, seen, strict=True)]).sum()


@dataclass(frozen=True)
class _Step:
    """An update, and what came of its batches: numbers for the log, and pictures for the discriminators."""

    iteration: int
    judging: bool
    said: list[dict[str, float]] = field(default_factory=list)
    shown: list[tuple[Pair, Pair]] = field(default_factory=list)
    verdicts: list[float] = field(default_factory=list)

    @property
    def row(self) -> dict[str, float]:
        """For the log."""
        means = {name: sum(one[name] for one in self.said) / len(self.said) for name in self.said[0]}
        return means | {"judged": sum(self.verdicts) / len(self.verdicts) if self.verdicts else float("nan")}


def draw_patches(
    dataset: Dataset, recipe: Recipe, generator: torch.Generator, volumes: ResidentRows | None = None
) -> torch.Tensor:
    """Random patches (B, 1, D, H, W) of training volumes, centred on foreground, mirrored at random.

    ``volumes`` are the dataset's where the patches are wanted; on the CPU by default.
    """
    volumes = volumes or ResidentRows(dataset.volumes, torch.device("cpu"))
    rng = np.random.default_rng(_drawn_by(generator))
    shape, training = recipe.autoencoder.patch, dataset.train
    flip = "SPL".find(recipe.data.flip) if recipe.data.flip else None
    patches = []
    for index in rng.choice(training, recipe.autoencoder.batch):
        patch = volumes[(int(index), *_place(dataset.volumes[index], shape, rng))]
        if flip is not None and rng.random() < 0.5:
            patch = patch.flip(flip)
        patches.append(patch)
    return torch.stack(patches).unsqueeze(1)


def _drawn_by(generator: torch.Generator) -> int:
    """The seed of a batch's patches."""
    return int(torch.randint(2**62, (), generator=generator))


def _after_patches(generator: torch.Generator) -> torch.Generator:
    """The generator as it is when the patches, which may have been read elsewhere, are drawn."""
    _drawn_by(generator)
    return generator


def _place(volume: NDArray[Any], patch: tuple[int, int, int], rng: np.random.Generator) -> tuple[slice, ...]:
    """A box of the patch's shape around a random foreground voxel (any voxel after twenty misses)."""
    for _ in range(20):
        voxel = [int(rng.integers(n)) for n in volume.shape]
        if volume[tuple(voxel)] > -0.95:
            break
    starts = [min(max(v - n // 2, 0), size - n) for v, n, size in zip(voxel, patch, volume.shape, strict=True)]
    return tuple(slice(start, start + n) for start, n in zip(starts, patch, strict=True))


def _rate(recipe: AutoencoderRecipe, share: float) -> float:
    """Adam's rate: the recipe's own, exactly, and a linear fall to zero in the last fifth."""
    return recipe.learning_rate * min(1.0, 5 * (1 - share))


def train_autoencoder(
    recipe: Recipe, dataset: Dataset, work: Path, fabric: Fabric, readers: int | None = None
) -> Steps[VQGAN]:
    """Train, or go on training, the VQ-GAN.

    Parameters
    ----------
    recipe, dataset
        What to train, on what.
    work
        Folder of checkpoint, log (``autoencoder.csv``) and pictures (``autoencoder/``).
    fabric
        Device, precision and processes.
    readers
        Processes that read patches ahead (:class:`~napari_medgen.running.training.ahead.Ahead`).

    Yields
    ------
    Progress
        A step an iteration.
    """
    own, batches = recipe.autoencoder, Batches.of(recipe.autoencoder.accumulate, fabric)
    torch.manual_seed(recipe.seed)
    net = VQGAN(own.sizes)
    start_autoencoder(net, recipe.start)
    net.codebook.restart_below = own.restart_below
    judges = _Discriminators(own.sizes.image_channels, own.disc_channels)
    if own.part == "decoder":
        net.encoder.requires_grad_(False)
        net.pre_vq_conv.requires_grad_(False)
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    made_by = torch.optim.Adam(trained, own.learning_rate, betas=(0.5, 0.9))
    judged_by = torch.optim.Adam(judges.parameters(), own.learning_rate, betas=(0.5, 0.9))
    perceptual = _perceptual(own, fabric.device)
    stage = Stage(
        work,
        "autoencoder",
        recipe=stage_recipe(recipe, dataset, "autoencoder", **batches.as_recipe),
        may_change=("autoencoder.iterations", "autoencoder.minutes"),
        length=own.iterations,
        leader=fabric.is_global_zero,
        net=net,
        judges=judges,
        made_by=made_by,
        judged_by=judged_by,
        precision=fabric.strategy.precision,
    )
    generator_net, made_by = fabric.setup(net, made_by)
    judge_net, judged_by = fabric.setup(judges, judged_by)
    start = stage.resume()  # after the set-up, so that optimiser states land on the device
    volumes = ResidentRows(dataset.volumes, fabric.device)
    span = Span(own.iterations, own.minutes, fabric.world_size)
    net.train()
    judges.train()

    def read(iteration: int, batch: int) -> torch.Tensor:
        return draw_patches(dataset, recipe, seed_step(recipe.seed, _STAGE, iteration, batch), volumes)

    def loss_of(batch: int, step: _Step, real: torch.Tensor) -> torch.Tensor:
        drawn = _after_patches(seed_step(recipe.seed, _STAGE, step.iteration, batch))
        codes_rest = own.part == "decoder" or step.iteration < own.codes_from
        made, quantised = generator_net(real, bypass=1.0 if codes_rest else own.bypass)
        made = made.float()
        real_slice, made_slice = random_slices((real, made), drawn)
        l1 = F.l1_loss(made, real)
        loss: torch.Tensor = own.l1 * l1 + own.commitment * quantised.commitment
        if own.gradient:
            loss = loss + own.gradient * gradient_l1(made, real)
        if perceptual is not None:
            loss = loss + own.perceptual * perceptual(made_slice, real_slice)
        if step.judging:
            with fabric.autocast():
                loss = loss + _adversarial_loss(own, judges, (real_slice, real), (made_slice, made))
            step.shown.append(((real_slice, real), (made_slice.detach(), made.detach())))
        error, commitment = float(l1.detach()), float(quantised.commitment.detach())
        step.said.append({"l1": error, "commitment": commitment})
        require_finite({"the reconstruction error": error, "the loss": float(loss.detach())}, step.iteration)
        return loss

    def verdict_of(pair: tuple[Pair, Pair], step: _Step) -> torch.Tensor:
        loss: torch.Tensor = judge_net(*pair)
        step.verdicts.append(float(loss.detach()))
        return loss

    iterations = range(start, own.iterations)
    with Ahead(read, iterations, batches, fabric.device, readers=readers, waits=not volumes.there) as ahead:
        for iteration in iterations:
            step = _Step(iteration, judging=own.adversarial > 0 and iteration >= own.adversarial_from)
            for optimizer in (made_by, judged_by):
                set_rate(optimizer, _rate(own, span.share(iteration)))
            losses = (loss_of(batch, step, ahead.next()) for batch in batches.own)
            update(fabric, generator_net, made_by, losses, iteration, batches)
            if step.judging:
                verdicts = (verdict_of(pair, step) for pair in step.shown)
                update(fabric, judge_net, judged_by, verdicts, iteration, batches)
            row = {"iteration": float(iteration + 1)} | step.row
            done = iteration + 1
            last = span.share(done) >= 1
            if fabric.is_global_zero:
                if done % 20 == 0 or last:
                    append_row(stage.log, row | {"used_codes": float((own.restart_below <= net.codebook.N).sum())})
                if done % recipe.save_every == 0 or last:
                    stage.save(own.iterations if last else done, keep=recipe.keeps(done))  # a stage that time ended is over
                if done % recipe.sample_every == 0 or last:
                    # After the checkpoint: a whole volume takes more memory than the patches of a step.
                    with smaller_instead():
                        _picture(net, dataset, stage.pictures / f"{done:06d}.png", fabric)
            yield Progress(done, own.iterations, f"Autoencoder, reconstruction error {row['l1']:.4f}")
            if last:
                break
    return net.eval()


def _adversarial_loss(recipe: AutoencoderRecipe, judges: _Discriminators, real: Pair, made: Pair) -> torch.Tensor:
    """What fooling the discriminators and matching their features adds to the generator's loss."""
    judges.requires_grad_(False)
    seen, known = judges.look(*made), judges.look(*real)
    judges.requires_grad_(True)
    fooled = -torch.stack([features[-1].float().mean() for features in seen]).sum()
    matched = torch.stack([feature_matching(a, b) for a, b in zip(seen, known, strict=True)]).sum()
    return recipe.adversarial * fooled + recipe.feature_matching * matched


def _perceptual(recipe: AutoencoderRecipe, device: torch.device) -> nn.Module | None:
    if not recipe.perceptual:
        return None
    from napari_medgen.volumes.training.perceptual import load_lpips

    return load_lpips(recipe.perceptual_weights).to(device)


@torch.no_grad()
def _picture(net: VQGAN, dataset: Dataset, path: Path, fabric: Fabric) -> None:
    """A validation volume, its quantised and its continuous reconstruction, below each other."""
    index = dataset.validation[0] if len(dataset.validation) else dataset.train[0]
    real = torch.from_numpy(np.asarray(dataset.volumes[index], np.float32))[None, None].to(fabric.device)
    net.eval()
    try:
        with fabric.autocast():
            latent = net.encode(real)
            rows = [real, net.decode(latent), net.decode(latent, quantise=False)]
        save_grid(path, [row[0, 0].float().cpu().numpy() for row in rows])
    finally:
        net.train()

"""The training loop: reproduction, then generator, encoder and discriminator together, then an encoder alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medgen.progression.frames import to_grey
from napari_medgen.progression.grader import Grader, normalised, perceptual_distance
from napari_medgen.progression.networks.discriminator import Discriminator, Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.training.augmentation import AugmentationControl, augment
from napari_medgen.progression.training.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from napari_medgen.progression.training.monitoring import look
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.progression.training.start import begin_with, start_of
from napari_medgen.progression.training.trained import Trained
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.training.ahead import Ahead
from napari_medgen.running.training.resident import ResidentRows
from napari_medgen.running.training.updates import Batches, Span, average
from napari_medgen.running.training.workspace import Stage, append_row, finite_gradients, require_finite, seed_step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_STAGE = 5
_READ_EVERY = 20
_W_AVG_DECAY, _PATH_DECAY = 0.995, 0.99
_ADVERSARIAL_BETA2 = 0.99


class PathMean:
    """Running mean of the path lengths, which each is pulled to."""

    def __init__(self) -> None:
        self.value = 0.0

    def penalty(self, lengths: Tensor) -> Tensor:
        """Mean squared deviation from the running mean, which takes note of the lengths."""
        self.value += (1 - _PATH_DECAY) * (float(lengths.detach().mean()) - self.value)
        return (lengths - self.value).square().mean()

    def state_dict(self) -> dict[str, float]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.value = state["value"]


class Trainer:
    """Networks, optimisers and data of a training.

    Parameters
    ----------
    frames
        (N, resolution, resolution) uint8 training images.
    grader
        Its features compare an image with its reproduction.
    people
        Fingerprint of who is shown: a training is not gone on with on others.
    work
        Folder of checkpoint (``networks.pt``), log (``networks.csv``) and grids (``networks/``).
    readers
        Processes that read frames ahead (:class:`~napari_medgen.running.training.ahead.Ahead`).
    """

    def __init__(
        self,
        recipe: ProgressionRecipe,
        frames: NDArray[np.uint8],
        grader: Grader,
        work: Path,
        fabric: Fabric,
        people: str = "",
        readers: int | None = None,
    ) -> None:
        self.recipe, self.frames, self.grader, self.fabric = recipe, frames, grader, fabric
        self._resident, self._readers = ResidentRows(frames, fabric.device), readers
        self.step = 0
        own, sizes = recipe.optimiser, recipe.generator
        torch.manual_seed(recipe.seed + _STAGE)
        self.generator = _placed(Generator(sizes), fabric)
        self.discriminator = _placed(Discriminator(sizes.model_copy(update=recipe.encoder.model_dump())), fabric)
        self.encoder = _placed(Encoder(sizes, recipe.encoder), fabric)
        begin_with(recipe.start, self.generator, self.encoder)
        self.mean_generator, self.mean_encoder = _frozen_copy(self.generator), _frozen_copy(self.encoder)
        lazy = own.path_interval / (own.path_interval + 1) if own.path_length else 1.0
        self.generator_adam = _adam(self.generator, own.learning_rate, own.beta, lazy)
        self.encoder_adam = _adam(self.encoder, own.learning_rate, 0.9, 1.0)
        lazy = own.r1_interval / (own.r1_interval + 1) if own.r1_gamma else 1.0
        self.discriminator_adam = _adam(self.discriminator, own.learning_rate, 0.0, lazy)
        self.control, self.path_mean = AugmentationControl(recipe.augmentation, own.batch), PathMean()
        world = fabric.world_size
        joint = own.encoder == "joint"
        self.warmup = round(own.warmup_kimg * 1000 / (own.warmup_batch * world)) if joint else 0
        self.adversarial = max(round(own.kimg * 1000 / (own.batch * world)), 1) if own.kimg else 0
        self.alone = round(own.encoder_kimg * 1000 / (own.warmup_batch * world)) if own.encoder == "after" else 0
        self.total = self.warmup + self.adversarial + self.alone
        own_recipe = recipe.of_weights | {"grader": grader.checksum, "people": people} | start_of(recipe.start)
        own_recipe |= Batches.of(1, fabric).as_recipe
        self.stage = Stage(
            work,
            "networks",
            recipe=own_recipe,
            may_change=("optimiser.kimg", "optimiser.encoder_kimg", "optimiser.minutes"),
            length=self.total,
            leader=fabric.is_global_zero,
            generator=self.generator,
            discriminator=self.discriminator,
            encoder=self.encoder,
            mean_generator=self.mean_generator,
            mean_encoder=self.mean_encoder,
            generator_adam=self.generator_adam,
            discriminator_adam=self.discriminator_adam,
            encoder_adam=self.encoder_adam,
            control=self.control,
            path_mean=self.path_mean,
        )

    @property
    def _on_cpu(self) -> bool:
        """Whether a number can be looked at for nothing; a GPU would wait each time, and is asked every few steps."""
        kind: str = self.fabric.device.type
        return kind == "cpu"

    @property
    def trained(self) -> Trained:
        """What there is now."""
        encoder = None if self.recipe.optimiser.encoder == "none" else self.mean_encoder
        return Trained(self.mean_generator, encoder)

    def run(self) -> Steps[Trained]:
        """Train, or go on training.

        Yields
        ------
        Progress
            A step an update of the weights.
        """
        own = self.recipe.optimiser
        world = self.fabric.world_size
        recent: dict[str, float] = {}
        span = Span(max(self.total, 1), own.minutes, world)
        batches = Batches.of(1, self.fabric)
        steps, waits = range(self.stage.resume(), self.total), not self._resident.there
        with Ahead(self._read, steps, batches, self.fabric.device, readers=self._readers, waits=waits) as ahead:
            for step in steps:
                self.step = step
                generator = self._seeded(step, self.fabric.global_rank)
                warming, alone = self._phase(step)
                self._rows(step, generator)  # which were drawn to be read
                images = ahead.next()[:, None] / 127.5 - 1
                images = images.expand(-1, self.recipe.generator.channels, -1, -1)
                if warming or alone:
                    said = self._reproduce(images, with_generator=warming)
                else:
                    said = self._play(images, step - self.warmup, generator)
                done = step + 1
                self._average(own.warmup_batch if warming else own.batch, done * own.batch * world, alone=alone)
                last = done == self.total or span.share(done) >= 1
                if self._on_cpu or done % _READ_EVERY == 0 or last:
                    read = {key: float(value) for key, value in said.items()}
                    require_finite({f"the loss ({key})": value for key, value in read.items()}, step)
                    recent = {key: 0.95 * recent.get(key, value) + 0.05 * value for key, value in read.items()}
                if self.fabric.is_global_zero:
                    if done % 20 == 0 or last:
                        row = {key: recent.get(key, float("nan")) for key in _LOGGED}
                        append_row(self.stage.log, {"iteration": done, **row, "ada": self.control.probability})
                    if done % self.recipe.save_every == 0 or last:
                        keep = self.recipe.keep_every > 0 and done % self.recipe.keep_every == 0
                        self.stage.save(self.total if last else done, keep=keep)  # a training that time ended is over
                    if done % self.recipe.look_every == 0 or last:
                        look(self.trained, self.frames, self.grader, self.stage, done, self.recipe.seed)
                yield Progress(done, self.total, ", ".join(f"{key} {value:.3f}" for key, value in recent.items()))
                if last:
                    break
        return self.trained

    def _seeded(self, step: int, batch: int) -> torch.Generator:
        return seed_step(self.recipe.seed, _STAGE, step, batch)

    def _phase(self, step: int) -> tuple[bool, bool]:
        """Whether reproduction is learned first, and whether the encoder is trained alone."""
        return step < self.warmup, step >= self.warmup + self.adversarial

    def _rows(self, step: int, generator: torch.Generator) -> NDArray[np.intp]:
        """Images of a step."""
        own = self.recipe.optimiser
        count = own.warmup_batch if any(self._phase(step)) else own.batch
        return np.sort(torch.randint(len(self.frames), (count,), generator=generator).numpy())

    def _read(self, step: int, batch: int) -> Tensor:
        return self._resident[self._rows(step, self._seeded(step, batch))]

    def _difference(self, images: Tensor, reproduced: Tensor) -> tuple[Tensor, Tensor]:
        """Absolute difference of pixels, and distance of the classifier's features."""
        with torch.no_grad():
            wanted = normalised(self.grader.features(to_grey(images)))
        # The gradient must also flow where a reproduction is brighter than white, so there is no clipping here.
        grey = (reproduced.mean(1, keepdim=True) + 1) / 2
        found = normalised(self.grader.features(grey))
        return (images - reproduced.float()).abs().mean(), perceptual_distance(wanted, found).mean()

    def _reproduce(self, images: Tensor, *, with_generator: bool) -> dict[str, Tensor]:
        """One step towards G(E(x)) = x, of both networks or of the encoder alone."""
        own = self.recipe.optimiser
        generator = self.generator if with_generator else self.mean_generator
        with self.fabric.autocast():
            w = self.encoder(images)
            reproduced = generator.synthesis(generator.spread(w), "random")
            pixel, perceptual = self._difference(images, reproduced)
        loss = own.pixel * pixel + own.perceptual * perceptual
        self._step(loss, self.encoder_adam, *([self.generator_adam] if with_generator else []))
        return {"pixel": pixel.detach(), "perceptual": perceptual.detach()}

    def _play(self, images: Tensor, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the generator (and the encoder), and one of the discriminator on the same images."""
        own, joint = self.recipe.optimiser, self.recipe.optimiser.encoder == "joint"
        # The discriminator's own gradients are not needed while it only judges.
        self.discriminator.requires_grad_(False)
        z = torch.randn(own.batch, self.recipe.generator.z_dim, generator=generator).to(images.device)
        said: dict[str, Tensor] = {}
        with self.fabric.autocast():
            w = self.generator.mapping(z)
            self.generator.mapping.w_avg.lerp_(w.detach().float().mean(0), 1 - _W_AVG_DECAY)
            generated = self.generator.synthesis(self.generator.spread(w), "random")
            loss = generator_loss(self._judge(generated, generator))
            shown = [generated]
            if joint:
                half = len(images) // 2 if own.reproduction else 0
                reproduced = self.generator.synthesis(self.generator.spread(self.encoder(images)), "random")
                pixel, perceptual = self._difference(images, reproduced)
                loss = loss + own.pixel * pixel + own.perceptual * perceptual
                loss = loss + own.latent * F.mse_loss(self.encoder(generated.detach()).float(), w.detach().float())
                if half:
                    loss = loss + own.reproduction * generator_loss(self._judge(reproduced[:half], generator))
                    shown.append(reproduced[:half])
                said = {"pixel": pixel.detach(), "perceptual": perceptual.detach()}
        self._step(loss, self.generator_adam, *([self.encoder_adam] if joint else []))
        if own.path_length and step % own.path_interval == 0:
            self._regularise_paths(z)
        self.discriminator.requires_grad_(True)
        fakes = torch.cat([one.detach() for one in shown])
        with self.fabric.autocast():
            real_scores = self._judge(images, generator)
            penalty = discriminator_loss(real_scores, self._judge(fakes, generator))
        self._step(penalty, self.discriminator_adam)
        if own.r1_gamma and step % own.r1_interval == 0:
            self._penalise_gradient(images, generator)
        sign = self.fabric.all_reduce(real_scores.detach().float().sign().mean())
        self.control.saw(sign)
        return said | {"generator": loss.detach(), "discriminator": penalty.detach()}

    def _judge(self, images: Tensor, generator: torch.Generator) -> Tensor:
        seen = augment(images, self.control.probability, self.recipe.augmentation, generator)
        scores: Tensor = self.discriminator(seen.contiguous(memory_format=torch.channels_last))
        return scores

    def _penalise_gradient(self, images: Tensor, generator: torch.Generator) -> None:
        """R1 in single precision: a gradient of a gradient in bfloat16 has too few digits."""
        own = self.recipe.optimiser
        seen = augment(images.contiguous(), self.control.probability, self.recipe.augmentation, generator)
        seen = seen.detach().requires_grad_()
        penalty = r1_penalty(self.discriminator(seen), seen)
        self._step(penalty * (own.r1_gamma / 2 * own.r1_interval), self.discriminator_adam)

    def _regularise_paths(self, z: Tensor) -> None:
        own = self.recipe.optimiser
        ws = self.generator.spread(self.generator.mapping(z[: max(len(z) // 2, 1)]))
        lengths = path_lengths(self.generator.synthesis(ws, "random"), ws)
        penalty = self.path_mean.penalty(lengths)
        self._step(penalty * (own.path_length * own.path_interval), self.generator_adam)

    def _step(self, loss: Tensor, *optimisers: torch.optim.Optimizer) -> None:
        """Update the weights that the optimisers hold, with the mean of all processes' gradients."""
        if self._on_cpu:
            require_finite({"the loss": float(loss.detach())}, self.step)
        for adam in (self.generator_adam, self.discriminator_adam, self.encoder_adam):
            adam.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            parameters = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
            # Networks are called several times a step and R1 needs second derivatives: the wrappers of data-parallel
            # training know neither, so gradients are averaged here, as the official code does.
            if self.fabric.world_size > 1:
                for parameter in parameters:
                    parameter.grad = self.fabric.all_reduce(parameter.grad)
            with finite_gradients(self.step):
                torch.nn.utils.clip_grad_norm_(parameters, 100.0, error_if_nonfinite=self._on_cpu)
            optimiser.step()

    def _average(self, batch: int, seen: int, *, alone: bool) -> None:
        own = self.recipe.optimiser
        half_life = min(own.ema_kimg * 1000, seen * own.ema_rampup)
        decay = 0.5 ** (batch * self.fabric.world_size / max(half_life, 1e-8))
        pairs = [(self.mean_encoder, self.encoder)]
        if not alone:
            pairs.append((self.mean_generator, self.generator))
        for mean, network in pairs:
            average(mean, network, decay)


_LOGGED = ("pixel", "perceptual", "generator", "discriminator")


def _placed(network: Any, fabric: Fabric) -> Any:
    return network.to(device=fabric.device, memory_format=torch.channels_last)


def _frozen_copy(network: Any) -> Any:
    return copy.deepcopy(network).requires_grad_(False).eval()


def _adam(network: nn.Module, rate: float, beta: float, lazy: float) -> torch.optim.Adam:
    """Adam whose rate and betas allow for the extra steps of a lazy regularisation (Karras 2020, appendix B)."""
    return torch.optim.Adam(network.parameters(), rate * lazy, betas=(beta**lazy, _ADVERSARIAL_BETA2**lazy), eps=1e-8)

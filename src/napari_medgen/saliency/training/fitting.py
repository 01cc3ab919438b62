"""The training loop: clean images, adversarial ones, or both through separate batch norms."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_medgen.errors import RecipeError
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.training.ahead import Ahead
from napari_medgen.running.training.resident import ResidentRows
from napari_medgen.running.training.updates import Batches, Span, average, rise_and_fall, set_rate, update, warm_decay
from napari_medgen.running.training.workspace import Stage, append_row, require_finite, seed_step
from napari_medgen.saliency.attacks.pgd import pgd
from napari_medgen.saliency.losses import class_weights, classification_loss, soften
from napari_medgen.saliency.network import ResNet, channels_last
from napari_medgen.saliency.training.augmentation import build_augmentation
from napari_medgen.saliency.training.dataset import Dataset
from napari_medgen.saliency.training.recipe import ClassifierRecipe, OptimiserRecipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_STAGE = 3
_CLEAN, _ADVERSARIAL = 0, 1
_EVALUATION_BATCH = 128


class Best:
    """The weights with the lowest clean validation loss so far; part of the checkpoint."""

    def __init__(self) -> None:
        self.loss, self.epoch = math.inf, -1
        self.weights: dict[str, Tensor] = {}

    def offer(self, loss: float, epoch: int, network: nn.Module) -> bool:
        """Keep the network's weights if the loss is lower; whether it was."""
        if loss >= self.loss:
            return False
        self.loss, self.epoch = loss, epoch
        self.weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.loss, self.epoch, self.weights = state["loss"], state["epoch"], state["weights"]


@dataclass(frozen=True)
class _Run:
    """What stays the same from step to step."""

    recipe: ClassifierRecipe
    dataset: Dataset
    view: NetworkView
    weights: Tensor
    augment: nn.Module
    fabric: Fabric
    frames: ResidentRows

    def images(self, frames: Tensor) -> Tensor:
        """Frames (N, rows, columns) in 0 to 255 as the network's images (N, 1, rows, columns) in [0, 1]."""
        return frames.to(self.fabric.device).div(255)[:, None]

    def inputs(self, images: Tensor) -> Tensor:
        """What the network sees, in the memory layout in which convolutions are fastest."""
        seen = self.view.see(images).clamp(0, 1).expand(-1, self.recipe.network.channels, -1, -1)
        return seen.contiguous(memory_format=torch.channels_last)


def learning_rate(own: OptimiserRecipe, step: int, steps: int) -> float:
    """The rate of a step, from its number alone, so that a resumed run goes on as it would have."""
    if own.schedule == "steps":
        epoch = step * own.epochs // steps
        return own.learning_rate * 0.1 ** sum(epoch >= milestone for milestone in own.milestones)
    length = -(-steps // own.cycles)
    return own.learning_rate * rise_and_fall(step % length, length, max(round(own.warmup * length), 1))


def train_classifier(
    recipe: ClassifierRecipe, dataset: Dataset, work: Path, fabric: Fabric, readers: int | None = None
) -> Steps[ResNet]:
    """Train, or go on training, one classifier.

    Parameters
    ----------
    work
        Folder of the checkpoint (``classifier.pt``) and the log (``classifier.csv``).
    readers
        Processes that read images ahead (:class:`~napari_medgen.running.training.ahead.Ahead`).

    Yields
    ------
    Progress
        A step an update.

    Returns
    -------
    ResNet
        With the weights of the epoch whose clean validation loss was lowest (published), in evaluation mode.
    """
    own = recipe.optimiser
    torch.manual_seed(recipe.seed + _STAGE)
    network = channels_last(ResNet(recipe.sizes))
    mean: ResNet = copy.deepcopy(network).requires_grad_(False).eval().to(fabric.device)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": own.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, own.learning_rate)
    best = Best()
    rows = dataset.rows("train")
    batches = Batches.of(own.accumulate, fabric)
    if batches.total > 1 and len(rows) < own.batch * batches.total:
        raise RecipeError(
            f"An update takes {batches.total} batches of {own.batch} images, and there are {len(rows)}; "
            "lower optimiser.batch, optimiser.accumulate or the number of processes."
        )
    per_epoch = max(len(rows) // (own.batch * batches.total), 1)
    total, recent = per_epoch * own.epochs, 0.0
    stage = Stage(
        work,
        "classifier",
        recipe=recipe.of_weights | {"people": dataset.people} | batches.as_recipe,
        may_change=("optimiser.epochs", "optimiser.patience", "optimiser.minutes"),
        length=total,
        leader=fabric.is_global_zero,
        network=network,
        mean=mean,
        optimizer=optimizer,
        best=best,
        precision=fabric.strategy.precision,
    )
    trained, optimizer = fabric.setup(network, optimizer)
    start = stage.resume()
    run = _Run(
        recipe,
        dataset,
        NetworkView.of(recipe.data.frame, recipe.view),
        class_weights(dataset.targets[dataset.rows("train")], recipe.exclusive, own.balance).to(fabric.device),
        build_augmentation(recipe.augmentation),
        fabric,
        ResidentRows(dataset.frames, fabric.device),
    )
    span = Span(total, own.minutes, fabric.world_size)

    def rows_of(step: int, number: int) -> NDArray[np.intp]:
        """Images of a batch: every epoch is a new order of all, dealt out to the batches."""
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng([recipe.seed, _STAGE, epoch]).permutation(rows)
        begin = (place * batches.total + number) * own.batch
        return order[begin : begin + own.batch]

    def read(step: int, number: int) -> Tensor:
        return run.frames[rows_of(step, number)]

    steps = range(start, total)
    with Ahead(read, steps, batches, fabric.device, readers=readers, waits=not run.frames.there) as ahead:
        for step in steps:
            set_rate(optimizer, learning_rate(own, max(step, int(span.share(step) * total)), total))
            values: list[float] = []
            losses = (
                _loss(run, trained, network, rows_of(step, number), ahead.next(), step, number, values)
                for number in batches.own
            )
            update(fabric, trained, optimizer, losses, step, batches, largest=5.0)
            loss = sum(values) / len(values)
            average(mean, network, warm_decay(own.ema, step), statistics=True)
            recent = loss if step == start else 0.95 * recent + 0.05 * loss
            done = step + 1
            over = span.share(done) >= 1
            epoch, ended = done // per_epoch, done % per_epoch == 0 or over
            if ended:
                # Each process has statistics of its own batches: all must come to one verdict, or some would stop alone.
                clean = float(fabric.all_reduce(torch.tensor(validation_loss(run, mean), device=fabric.device)))
                best.offer(clean, epoch, mean)
                if fabric.is_global_zero:
                    append_row(
                        stage.log, {"iteration": done, "epoch": epoch, "loss": recent, "clean_validation_loss": clean}
                    )
                    keep = recipe.keep_every > 0 and epoch % recipe.keep_every == 0
                    stage.save(total if over else done, keep=keep)  # a training that time ended is over
            yield Progress(done, total, f"Epoch {epoch + (not ended)}, loss {recent:.3f}, validation {best.loss:.3f}")
            if over or (ended and own.patience and epoch - best.epoch >= own.patience):
                break
    if best.weights:
        mean.load_state_dict(best.weights)
    return mean


def _loss(
    run: _Run,
    trained: Any,
    network: ResNet,
    rows: NDArray[np.intp],
    frames: Tensor,
    step: int,
    number: int,
    values: list[float],
) -> Tensor:
    """The loss of a batch's clean images, of the adversarial ones, or the sum of both (Han 2021).

    ``values`` is told the mean of them.
    """
    recipe, fabric = run.recipe, run.fabric
    generator = seed_step(recipe.seed, _STAGE, step, number)
    truth = run.dataset.targets[rows].to(fabric.device)
    softened = soften(truth, recipe.optimiser.smoothing, recipe.exclusive, recipe.ordinal)
    x = run.inputs(run.augment(run.images(frames)))
    trained.train()
    losses = []
    if recipe.training != "adversarial":
        losses.append(classification_loss(trained(x, _CLEAN), softened, recipe.exclusive, weights=run.weights))
    if recipe.training != "standard":
        domain = _ADVERSARIAL if recipe.training == "dual" else _CLEAN
        with fabric.autocast():
            adversarial = pgd(
                network, x, truth, recipe.attack, exclusive=recipe.exclusive, domain=domain, generator=generator
            )
        adversarial = adversarial.contiguous(memory_format=torch.channels_last)
        said = trained(adversarial, domain)
        losses.append(classification_loss(said, softened, recipe.exclusive, weights=run.weights))
    loss = torch.stack(losses).sum()
    values.append(float(loss.detach()) / len(losses))
    require_finite({"the loss": values[-1]}, step)
    return loss


@torch.no_grad()
def validation_loss(run: _Run, network: ResNet) -> float:
    """Clean loss on the validation patients, without smoothing or weights."""
    rows = run.dataset.rows("validation")
    total = 0.0
    for begin in range(0, len(rows), _EVALUATION_BATCH):
        chunk = rows[begin : begin + _EVALUATION_BATCH]
        with run.fabric.autocast():
            logits = network(run.inputs(run.images(run.frames[chunk])), _CLEAN)
        truth = run.dataset.targets[chunk].to(logits.device)
        total += float(classification_loss(logits, truth, run.recipe.exclusive, each=True).sum())
    return total / len(rows)

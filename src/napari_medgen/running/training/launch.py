"""What every training does: one process prepares, all train, one writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_medgen.errors import RecipeError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.training.fabric import build_fabric
from napari_medgen.running.training.together import first_alone
from napari_medgen.running.training.workspace import holds_checkpoint

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Prepared = TypeVar("Prepared")
Trained = TypeVar("Trained")
Written = TypeVar("Written")


@dataclass(frozen=True)
class Launch:
    """Where and how a training runs.

    Attributes
    ----------
    work
        Folder of checkpoints, logs, pictures and caches.
    out
        The model folder to write.
    precision
        As Fabric names it, or ``auto``.
    resume
        Go on from the checkpoints in ``work``; without it, a work folder with checkpoints is refused.
    devices, nodes
        Processes a machine, and machines (Lightning Fabric).
    """

    work: Path
    out: Path
    precision: str = "auto"
    resume: bool = False
    devices: int = 1
    nodes: int = 1


def run_training(
    launch: Launch,
    stages: Sequence[str],
    prepare: Callable[[Fabric], Steps[Prepared]],
    train: Callable[[Prepared, Fabric], Steps[Trained]],
    package: Callable[[Prepared, Trained], Steps[Written]],
) -> Steps[Written | None]:
    """Train and write a model.

    Parameters
    ----------
    stages
        Names of the stages whose checkpoints say that a training was begun.
    prepare
        Reads the data; the first process does it before the others, which find it done.
    train
        Trains on what was prepared.
    package
        Writes what was trained; the first process alone.

    Returns
    -------
    Written or None
        What was written; None in a process that is not the first of several.

    Raises
    ------
    RecipeError
        If there are checkpoints and ``resume`` is not set, or the extra ``train`` is not installed.
    """
    if not launch.resume and any(holds_checkpoint(launch.work, name) for name in stages):
        raise RecipeError(f"{launch.work} holds an unfinished training; pass --resume to go on, or choose another folder.")
    fabric = build_fabric(launch.precision, launch.devices, launch.nodes)
    if fabric.device.type == "cuda":
        import torch

        # The shapes of a training stay the same, so that trying the ways to convolve pays within its first steps.
        torch.backends.cudnn.benchmark = True
    prepared = yield from first_alone(fabric, launch.work, lambda: prepare(fabric))
    trained = yield from train(prepared, fabric)
    if not fabric.is_global_zero:
        return None
    yield Progress(0, 1, "Writing the model")
    written = yield from package(prepared, trained)
    yield Progress(1, 1, f"Wrote {launch.out}")
    return written

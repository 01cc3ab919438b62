"""From a recipe and a folder of radiographs to a progression model's folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import RecipeError
from napari_medgen.models.folder import ModelFolder, write_folder
from napari_medgen.models.recipe import card_from
from napari_medgen.models.stored import half_precision
from napari_medgen.progression.architecture import ENCODER_FILE, GENERATOR_FILE
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.folder import cohort_files
from napari_medgen.progression.cohort.visits import Visit, surrogate
from napari_medgen.progression.cohort_building import BuildRequest, build_cohort
from napari_medgen.progression.grader import Grader
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import Method, ProjectionRequest
from napari_medgen.progression.training.fitting import Trainer
from napari_medgen.progression.training.frames import find_visits, read_frames
from napari_medgen.progression.training.recipe import SURROGATE, DataRecipe, ProgressionRecipe
from napari_medgen.progression.training.trained import Trained
from napari_medgen.running.progress import Steps
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.training.launch import Launch, run_training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Frames = tuple[NDArray[np.uint8], list[Visit]]


def train_progression(
    recipe: ProgressionRecipe,
    open_grader: Callable[[], Grader],
    data: Path,
    work: Path,
    out: Path,
    *,
    resume: bool = False,
    devices: int = 1,
    nodes: int = 1,
    readers: int | None = None,
) -> Steps[ModelFolder | None]:
    """Train generator and encoder, project the training visits, and write the model folder.

    Parameters
    ----------
    open_grader
        Loads the classifier that the recipe names; called once each process knows its device.
    data
        Folder of the recipe's images.
    work, out, resume, devices, nodes
        See :class:`~napari_medgen.running.training.launch.Launch`.
    readers
        Processes beside each that read its data ahead; None for as many as pay.

    Yields
    ------
    Progress
        Images read, then updates, then visits projected.

    Returns
    -------
    ModelFolder or None
        The model; None in a process that is not the first of several: it neither projects the cohort nor waits for it.

    Raises
    ------
    RecipeError
        If there is a checkpoint and ``resume`` is not set, or no image is for training.
    CohortError
        If the data cannot be used.
    """

    def prepare(fabric: Fabric) -> Steps[Frames]:
        visits = [visit for visit in find_visits(recipe, data) if visit.split == "train"]
        if not visits:
            raise RecipeError(f"{data} holds no image for training.")
        return read_frames(visits, data, recipe.architecture, work)

    def train(prepared: Frames, fabric: Fabric) -> Steps[tuple[Trained, Grader]]:
        frames, seen = prepared
        people = fingerprint([[visit.patient, visit.side] for visit in seen])
        grader = open_grader()
        trained = yield from Trainer(recipe, frames, grader, work, fabric, people, readers).run()
        return trained, grader

    def write(prepared: Frames, made: tuple[Trained, Grader]) -> Steps[ModelFolder]:
        return package(recipe, made[0], prepared[1], made[1], data, out)

    return run_training(
        Launch(work, out, recipe.precision, resume, devices, nodes),
        ("networks",),
        prepare,
        train,
        write,
    )


def package(
    recipe: ProgressionRecipe, trained: Trained, visits: Sequence[Visit], grader: Grader, data: Path, out: Path
) -> Steps[ModelFolder]:
    """Write what was trained, in half precision, with the cohort of the training visits."""
    weights = {GENERATOR_FILE: half_precision(trained.generator.state_dict())}
    if trained.encoder is not None:
        weights[ENCODER_FILE] = half_precision(trained.encoder.state_dict())
    card = card_from(recipe, recipe.about, recipe.name, "progression", recipe.architecture)
    folder = write_folder(out, card, weights)
    method = recipe.cohort.projection
    if method == "none":
        return folder
    cohort = yield from _cohort(recipe.data, method, visits, Extrapolator(folder, grader), data)
    return write_folder(out, card, weights, cohort_files(cohort))


def _cohort(
    own: DataRecipe, method: Method, visits: Sequence[Visit], extrapolator: Extrapolator, data: Path
) -> Steps[Cohort]:
    request, text = ProjectionRequest(method), ""
    if own.layout == "grades":
        visits, text = surrogate(visits, own.months_per_grade, own.months_unchanged), SURROGATE
    with tempfile.TemporaryDirectory() as folder:
        built = BuildRequest(tuple(visits), data, request, text)
        return (yield from build_cohort(built, extrapolator, Path(folder) / "cohort"))

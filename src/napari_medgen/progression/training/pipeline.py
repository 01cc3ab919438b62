"""From a recipe and a folder of radiographs to a progression model's folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import ModelFolder, half_precision, open_folder, write_folder
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
from napari_medgen.running.fabric import build_fabric
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.workspace import holds_checkpoint


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
) -> Steps[ModelFolder | None]:
    """Train generator and encoder, project the training visits, and write the model folder.

    Parameters
    ----------
    open_grader
        Loads the classifier that the recipe names; called once each process knows its device.
    data
        Folder of the recipe's images.
    work
        Folder of the checkpoint, the log, grids and the images' cache.
    out
        The model folder to write.
    resume
        Go on from the checkpoint in ``work``; without it, a work folder with one is refused.
    devices, nodes
        Processes a machine, and machines (Lightning Fabric).

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
    if not resume and holds_checkpoint(work, "networks"):
        raise RecipeError(f"{work} holds an unfinished training; pass --resume to go on, or choose another folder.")
    visits = [visit for visit in find_visits(recipe, data) if visit.split == "train"]
    if not visits:
        raise RecipeError(f"{data} holds no image for training.")
    fabric = build_fabric(recipe.precision, devices, nodes)
    with fabric.rank_zero_first():  # one process prepares what all read
        frames, visits = yield from read_frames(visits, data, recipe.architecture, work)
    grader = open_grader()
    people = fingerprint([[visit.patient, visit.side] for visit in visits])
    trained = yield from Trainer(recipe, frames, grader, work, fabric, people).run()
    if not fabric.is_global_zero:
        return None
    yield from package(recipe, trained, visits, grader, data, out)
    yield Progress(1, 1, f"Wrote {out}")
    return open_folder(out)


def package(
    recipe: ProgressionRecipe, trained: Trained, visits: Sequence[Visit], grader: Grader, data: Path, out: Path
) -> Steps[ModelFolder]:
    """Write what was trained, in half precision, with the cohort of the training visits."""
    weights = {GENERATOR_FILE: half_precision(trained.generator.state_dict())}
    if trained.encoder is not None:
        weights[ENCODER_FILE] = half_precision(trained.encoder.state_dict())
    about = recipe.about
    card = ModelCard(
        name=recipe.name,
        title=about.title,
        description=about.description,
        task="progression",
        architecture=recipe.architecture.model_dump(mode="json"),
        data=about.data,
        licence=about.licence,
        intended_use=about.intended_use,
        limits=about.limits,
        recipe=recipe.model_dump(mode="json"),
        checksums={},
    )
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

"""The command that trains a model of any system."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_medgen.cli.options import ClusterName, Threads
from napari_medgen.errors import RecipeError

if TYPE_CHECKING:
    from napari_medgen.models.folder import ModelFolder
    from napari_medgen.running.progress import Steps
    from napari_medgen.running.shards import Placement


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (TOML file), or the name of a shipped one, for example brain-t1.")],
    data: Annotated[Path, typer.Option(help="Folder of the recipe's files, or what `prepare` made of it.")],
    out: Annotated[Path | None, typer.Option(help="Model folder to write; your own models' folder by default.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder for checkpoints, logs and pictures.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoints in the work folder.")] = False,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE instead of the recipe's, for example training=standard. Repeat."),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes on a CPU.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    readers: Annotated[
        int | None, typer.Option(min=0, help="Processes beside each that read its data ahead; by default what pays.")
    ] = None,
    cluster: Annotated[
        str, typer.Option("--cluster", help="Where volumes are prepared and encoded, as for `sample`; --devices train.")
    ] = "",
    threads: Threads = 0,
) -> None:
    """Train a model on a folder of images."""
    from napari_medgen.models.catalogue import user_folder
    from napari_medgen.models.recipe import find_recipe, read_toml
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.shards import Placement

    file = find_recipe(recipe)
    content = read_toml(file, change or ())
    task = content.get("task", "volumes")
    if not isinstance(task, str) or task not in _PREPARE:
        raise RecipeError(f"{file.name} is for {task}; a recipe is for one of: {', '.join(_PREPARE)}.")
    name, begin = _PREPARE[task](content, file.name)
    out = out or user_folder() / name
    begin = _prepared_on(Placement(cluster, threads), task, begin)
    steps = begin(data, work or Path("work") / name, out, resume=resume, devices=devices, nodes=nodes, readers=readers)
    made = drive_on_console(steps, name)
    if made is not None:
        print(made.path)


def prepare(
    recipe: Annotated[
        str, typer.Argument(help="A recipe of volumes or of a classifier (TOML file), or the name of a shipped one.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the recipe's files.")],
    out: Annotated[Path, typer.Option(help="The file to write, ending in .npz.")],
    work: Annotated[Path | None, typer.Option(help="Folder for what was prepared.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE instead of the recipe's, as in `train`. Repeat.")
    ] = None,
    cluster: ClusterName = "",
    threads: Threads = 0,
) -> None:
    """Prepare a folder of images as one small file, for training on another machine."""
    from napari_medgen.models.recipe import find_recipe, read_toml
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.shards import Placement
    from napari_medgen.running.training.archive import SUFFIX

    if out.suffix != SUFFIX:
        raise RecipeError(f"The file to write must end in {SUFFIX}, not {out.name}.")
    file = find_recipe(recipe)
    content = read_toml(file, change or ())
    name, begin = _archived(content, file.name)
    begin = _prepared_on(Placement(cluster, threads), content.get("task", "volumes"), begin)
    print(drive_on_console(begin(data, work or Path("work") / name, out), name))


def _prepared_on(placement: Placement, task: str, begin: Callable[..., Any]) -> Callable[..., Any]:
    """The same with its data prepared elsewhere, if that was asked for."""
    if placement.here:
        return begin
    if task != "volumes":
        raise RecipeError("Only volumes are prepared on a cluster: pictures are read faster than they are sent for.")
    return functools.partial(begin, placement=placement)


def _archived(content: dict[str, Any], file: str) -> tuple[str, Callable[..., Steps[Path]]]:
    """Name of a recipe, and what makes an archive of its data."""
    from napari_medgen.models.recipe import validate_recipe

    task = content.get("task", "volumes")
    if task == "volumes":
        from napari_medgen.volumes.training import pipeline as of_volumes
        from napari_medgen.volumes.training.recipe import Recipe

        volumes = validate_recipe(Recipe, content, file)
        return volumes.name, functools.partial(of_volumes.prepare_archive, volumes)
    if task == "saliency":
        from napari_medgen.saliency.training import pipeline as of_images
        from napari_medgen.saliency.training.recipe import ClassifierRecipe

        images = validate_recipe(ClassifierRecipe, content, file)
        return images.model_name, functools.partial(of_images.prepare_archive, images)
    raise RecipeError(f"{file} is for {task}; only volumes and classifiers' images can be prepared as one file.")


Begin = Callable[..., "Steps[ModelFolder | None]"]


def _volumes(content: dict[str, Any], file: str) -> tuple[str, Begin]:
    from napari_medgen.models.recipe import validate_recipe
    from napari_medgen.volumes.training.pipeline import train_volumes
    from napari_medgen.volumes.training.recipe import Recipe

    wanted = validate_recipe(Recipe, content, file)
    return wanted.name, functools.partial(train_volumes, wanted)


def _saliency(content: dict[str, Any], file: str) -> tuple[str, Begin]:
    from napari_medgen.models.recipe import validate_recipe
    from napari_medgen.saliency.training.pipeline import train_saliency
    from napari_medgen.saliency.training.recipe import ClassifierRecipe

    wanted = validate_recipe(ClassifierRecipe, content, file)
    return wanted.model_name, functools.partial(train_saliency, wanted)


def _progression(content: dict[str, Any], file: str) -> tuple[str, Begin]:
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.recipe import validate_recipe
    from napari_medgen.progression.training.pipeline import train_progression
    from napari_medgen.progression.training.recipe import ProgressionRecipe
    from napari_medgen.saliency.frame_grader import FrameGrader
    from napari_medgen.saliency.model import Classifier

    wanted = validate_recipe(ProgressionRecipe, content, file)
    folder = find_model(wanted.classifier)  # before the images are read: a missing model is said at once
    return wanted.name, functools.partial(train_progression, wanted, lambda: FrameGrader(Classifier(folder)))


_PREPARE: dict[str, Callable[[dict[str, Any], str], tuple[str, Begin]]] = {
    "volumes": _volumes,
    "progression": _progression,
    "saliency": _saliency,
}

"""Commands that list, inspect, check and import models of any system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from napari_medgen.cli.options import AsJson
from napari_medgen.errors import MedGenError

if TYPE_CHECKING:
    from napari_medgen.saliency.importing import Expected

app = typer.Typer(no_args_is_help=True, help="List, inspect, check and import models.")


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Every model that is found, and where."""
    from napari_medgen.models.catalogue import list_models

    found = list_models()
    if as_json:
        print(json.dumps([{"name": f.name, "title": f.card.title, "path": str(f.path)} for f in found], indent=2))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("name", no_wrap=True)  # whatever the width: names and folders are there to be copied
    table.add_column("title")
    for folder in found:
        table.add_row(folder.name, folder.card.title)
    console = Console()
    console.print(table)
    for parent in dict.fromkeys(folder.path.parent for folder in found):
        print(f"in {parent}")


@app.command()
def info(name: str) -> None:
    """The card of a model."""
    from napari_medgen.models.catalogue import find_model

    print(find_model(name).card.model_dump_json(indent=2))


@app.command()
def recipe(name: Annotated[str, typer.Argument(help="A shipped recipe, or a file.")]) -> None:
    """Print a recipe, to copy and change it; a name that there is not lists those there are."""
    from napari_medgen.models.recipe import find_recipe

    print(find_recipe(name).read_text(encoding="utf-8"), end="")


@app.command()
def verify(name: str) -> None:
    """Check a model's files, and that its weights fit its card."""
    from napari_medgen.models.catalogue import find_model

    folder = find_model(name)
    folder.verify()
    if folder.card.task == "saliency":
        from napari_medgen.saliency.model import Classifier

        Classifier(folder)
    elif folder.card.task == "progression":
        from napari_medgen.progression.cohort.folder import cohort_of_model
        from napari_medgen.progression.model import load_networks

        load_networks(folder)
        cohort_of_model(folder)
    else:
        from napari_medgen.volumes.model import VolumeGenerator

        VolumeGenerator(folder)
    print(f"{folder.name}: whole, and fits its card.")


@app.command("import")
def import_checkpoint(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(help="VQGAN.ckpt and DDPM.pt of a volume model, a classifier's .pth, or StyleGAN2-ADA's .pkl."),
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model; the folder's by default.")] = "",
    labels: Annotated[str, typer.Option(help="Classifier: names of the classes in order, with commas between them.")] = "",
    size: Annotated[int, typer.Option(help="Classifier: rows and columns of its input.")] = 256,
    exclusive: Annotated[bool, typer.Option(help="Classifier: exactly one class holds (softmax).")] = False,
    ordinal: Annotated[
        bool, typer.Option(help="Classifier: the classes are grades in rising order, so that it can grade progression.")
    ] = False,
    mean: Annotated[
        list[float] | None,
        typer.Option(help="Classifier: subtracted from grey in 0 to 1; three times for a mean a channel."),
    ] = None,
    std: Annotated[list[float] | None, typer.Option(help="Classifier: divided by; once, or three times.")] = None,
    grader: Annotated[str, typer.Option("--classifier", help="StyleGAN2: the model that grades its images.")] = "",
    mirror: Annotated[Literal["", "L", "R"], typer.Option(help="StyleGAN2: the side that was mirrored, if one was.")] = "",
    shape: Annotated[tuple[int, int, int] | None, typer.Option(help="Volumes: voxels D H W.")] = None,
    spacing: Annotated[tuple[float, float, float], typer.Option(help="Volumes: mm between voxels, D H W.")] = (
        1,
        1,
        1,
    ),
    axes: Annotated[str, typer.Option(help="Volumes: where D, H and W point, for example SPL.")] = "SPL",
) -> None:
    """Turn official checkpoints into a model folder; nothing in them is run."""
    if len(checkpoints) == 1 and checkpoints[0].suffix == ".pkl":
        from napari_medgen.progression.importing import import_snapshot

        print(import_snapshot(checkpoints[0], out, name=name, classifier=grader, mirror=mirror).path)
    elif len(checkpoints) == 1:
        from napari_medgen.saliency.importing import Expected

        given = [label.strip() for label in labels.split(",") if label.strip()]
        expected = Expected(size, exclusive, ordinal, tuple(mean or (0.0,)), tuple(std or (1.0,)))
        _import_classifier(checkpoints[0], out, given, expected, name)
    elif len(checkpoints) == 2:
        _import_volumes(checkpoints[0], checkpoints[1], out, shape, spacing, axes, name)
    else:
        raise MedGenError(
            "Give the one checkpoint of a classifier or of StyleGAN2, or a volume model's two: VQ-GAN and diffusion."
        )


def _import_classifier(checkpoint: Path, out: Path, labels: list[str], expected: Expected, name: str) -> None:
    from napari_medgen.saliency.importing import import_classifier

    if not labels:
        raise MedGenError("A classifier's checkpoint does not name its classes: give them, --labels 'Edema,Pneumonia'.")
    print(import_classifier(checkpoint, out, labels, expected, name=name).path)


def _import_volumes(
    vqgan: Path,
    ddpm: Path,
    out: Path,
    shape: tuple[int, int, int] | None,
    spacing: tuple[float, float, float],
    axes: str,
    name: str,
) -> None:
    from napari_medgen.volumes.importing import import_official

    if len(axes) != 3 or any(not set(pair) & set(axes) for pair in ("LR", "AP", "IS")):
        raise MedGenError(f"The axes are three letters, one each of L or R, A or P, I or S, not {axes}.")
    codes = (axes[0], axes[1], axes[2])
    folder = import_official(vqgan, ddpm, out, shape=shape, spacing=spacing, axes=codes, name=name)
    if shape is None:
        made = " x ".join(map(str, folder.card.architecture["shape"]))
        print(f"The checkpoints do not say how large a volume is; {made} voxels is assumed (--shape changes it).")
    print(folder.path)

"""``napari-medgen``: what the widgets do, without a window."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from napari_medgen import __version__
from napari_medgen.errors import MedGenError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Generative models for radiology. Not for diagnosis.")
models_app = typer.Typer(no_args_is_help=True, help="List, inspect, check and import models.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Measure a model on real data.")
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")

Model = Annotated[str, typer.Option(help="Name of a model, or its folder.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1, and Ctrl-C is 130."""
    try:
        app()
    except MedGenError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", highlight=False, markup=False)
        sys.exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder for the NIfTI files.")],
    model: Model = "brain-t1",
    count: Annotated[int, typer.Option(min=1, help="Number of volumes.")] = 1,
    sampler: Annotated[str, typer.Option(help="dpm++, ddim or ancestral.")] = "dpm++",
    steps: Annotated[int, typer.Option(help="Denoiser steps; not used by ancestral.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the first volume; the next have the next seeds.")] = 0,
    eta: Annotated[float, typer.Option(help="Randomness of ddim, 0 to 1.")] = 0.0,
    condition: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for example age=70. Repeat for more.")] = None,
    guidance: Annotated[float, typer.Option(help="Strength of the condition; 1 is none beyond it.")] = 1.0,
    towards: Annotated[int | None, typer.Option(help="Interpolate from each seed towards this one.")] = None,
    share: Annotated[float, typer.Option(help="How far towards it, 0 to 1.")] = 0.5,
    device: DeviceName = "",
) -> None:
    """Sample volumes and write them as NIfTI, each with its provenance beside it."""
    from napari_medgen.imaging.nifti import write_nifti
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes.generator import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    requests = [
        SampleRequest(seed + i, sampler, steps, eta, _conditions(condition or []), guidance)  # type: ignore[arg-type]
        for i in range(count)
    ]
    generator = VolumeGenerator(find_model(model), choose_device(device))
    cost = generator.estimate(requests[0], count)
    Console(stderr=True).print(f"{count} x {generator.folder.card.title}: {cost.label} on {generator.device.label}")
    for request in requests:
        steps_of = generator.sample(request) if towards is None else generator.interpolate(request, towards, share)
        made = drive_on_console(steps_of, f"Seed {request.seed}")
        path, _ = write_nifti(made.volume, out / f"{generator.folder.name}_seed-{request.seed}.nii.gz")
        near = made.nearest
        note = f", nearest training volume {near.name} at {near.distance:.3f} ({near.verdict})" if near else ""
        print(f"{path} ({made.seconds:.1f} s{note})")


def _conditions(pairs: list[str]) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise MedGenError(f"A condition is written NAME=VALUE, not {pair}.")
        values[name] = value
    return values


@app.command()
def reconstruct(
    image: Annotated[Path, typer.Argument(help="A NIfTI or NRRD file.")],
    out: Annotated[Path, typer.Option(help="Folder for the two NIfTI files.")],
    model: Model = "brain-t1",
    device: DeviceName = "",
) -> None:
    """Encode and decode a real volume: what the network saw, and what it made of it."""
    from napari_medgen.imaging.files import read_volume
    from napari_medgen.imaging.nifti import write_nifti
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes.generator import VolumeGenerator

    volume = read_volume(image)
    generator = VolumeGenerator(find_model(model), choose_device(device))
    seen, made = drive_on_console(generator.reconstruct(volume), volume.name)
    for name, result in (("seen", seen), ("reconstructed", made)):
        print(write_nifti(result, out / f"{volume.name}_{name}.nii.gz")[0])


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML); see recipes/ for those of the shipped models.")],
    data: Annotated[Path, typer.Option(help="Folder of the recipe's files.")],
    out: Annotated[Path | None, typer.Option(help="Model folder to write; your own models' folder by default.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder for checkpoints, logs and pictures.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoints in the work folder.")] = False,
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes on a CPU.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
) -> None:
    """Train a model on a folder of volumes."""
    from napari_medgen.models.catalogue import user_folder
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.volumes.training.pipeline import train_volumes
    from napari_medgen.volumes.training.recipe import read_recipe

    wanted = read_recipe(recipe)
    work = work or Path("work") / wanted.name
    out = out or user_folder() / wanted.name
    steps = train_volumes(wanted, data, work, out, resume=resume, devices=devices, nodes=nodes)
    folder = drive_on_console(steps, wanted.name)
    print(folder.path)


@evaluate_app.command("volumes")
def evaluate_volumes(
    model: Annotated[str, typer.Argument(help="Name of a model, or its folder.")],
    data: Annotated[Path, typer.Option(help="Folder laid out as the model's recipe says.")],
    count: Annotated[int, typer.Option(min=2, help="Volumes to sample.")] = 20,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs for each MS-SSIM.")] = 100,
    sampler: Annotated[str, typer.Option(help="dpm++, ddim or ancestral.")] = "dpm++",
    steps: Annotated[int, typer.Option(help="Denoiser steps.")] = 20,
    device: DeviceName = "",
    write: Annotated[bool, typer.Option(help="Put the figures on the model's card.")] = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruction, MS-SSIM, feature distance, memorisation and speed."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.folder import write_card
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes import evaluation
    from napari_medgen.volumes.generator import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    folder = find_model(model)
    generator = VolumeGenerator(folder, choose_device(device))
    request = SampleRequest(sampler=sampler, steps=steps)  # type: ignore[arg-type]
    work = evaluation.evaluate_volumes(generator, data, count=count, pairs=pairs, request=request)
    report = drive_on_console(work, "Evaluating")
    measured = evaluation.figures(report)
    if write:
        write_card(folder.path, folder.card.model_copy(update={"figures": measured}))
    if as_json:
        print(json.dumps(report, indent=2))
        return
    table = Table("figure", "value", "measured on")
    for name, figure in measured.items():
        table.add_row(name, f"{figure.value:.4g} {figure.unit}", figure.note)
    Console().print(table)


@models_app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Every model that is found, and where."""
    from napari_medgen.models.catalogue import list_models

    found = list_models()
    if as_json:
        print(json.dumps([{"name": f.name, "title": f.card.title, "path": str(f.path)} for f in found], indent=2))
        return
    table = Table("name", "title", "folder")
    for folder in found:
        table.add_row(folder.name, folder.card.title, str(folder.path))
    Console().print(table)


@models_app.command()
def info(name: str) -> None:
    """The card of a model."""
    from napari_medgen.models.catalogue import find_model

    print(find_model(name).card.model_dump_json(indent=2))


@models_app.command()
def verify(name: str) -> None:
    """Check a model's files, and that its weights fit its card."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.volumes.generator import VolumeGenerator

    folder = find_model(name)
    folder.verify()
    VolumeGenerator(folder)
    print(f"{folder.name}: whole, and fits its card.")


@models_app.command("import")
def import_checkpoint(
    checkpoints: Annotated[list[Path], typer.Argument(help="VQGAN.ckpt and DDPM.pt of the official Medical Diffusion.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    shape: Annotated[tuple[int, int, int] | None, typer.Option(help="Voxels D H W of a volume.")] = None,
    spacing: Annotated[tuple[float, float, float], typer.Option(help="Millimetres between voxels, D H W.")] = (1, 1, 1),
    axes: Annotated[str, typer.Option(help="Where D, H and W point, for example SPL.")] = "SPL",
    name: Annotated[str, typer.Option(help="Name of the model; the folder's by default.")] = "",
) -> None:
    """Turn official checkpoints into a model folder; nothing in them is run."""
    from napari_medgen.volumes.importing import import_official

    if len(checkpoints) != 2:
        raise MedGenError("Two checkpoints are needed: the VQ-GAN's .ckpt, then the diffusion model's .pt.")
    if len(axes) != 3 or any(not set(pair) & set(axes) for pair in ("LR", "AP", "IS")):
        raise MedGenError(f"The axes are three letters, one each of L or R, A or P, I or S, not {axes}.")
    first, second = checkpoints
    codes = (axes[0], axes[1], axes[2])
    folder = import_official(first, second, out, shape=shape, spacing=spacing, axes=codes, name=name)
    if shape is None:
        made = " x ".join(map(str, folder.card.architecture["shape"]))
        print(f"The checkpoints do not say how large a volume is; {made} voxels is assumed (--shape changes it).")
    print(folder.path)

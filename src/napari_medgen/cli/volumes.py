"""Commands of system 1: sample, reconstruct and evaluate volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from napari_medgen.cli.options import AsJson, Data, DeviceName, Model, ModelArgument, SamplerName, WriteCard
from napari_medgen.cli.reports import report_figures
from napari_medgen.errors import MedGenError


def sample(
    out: Annotated[Path, typer.Option(help="Folder for the NIfTI files.")],
    model: Model = "brain-t1",
    count: Annotated[int, typer.Option(min=1, help="Number of volumes.")] = 1,
    sampler: SamplerName = "dpm++",
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

    requests = [SampleRequest(seed + i, sampler, steps, eta, _conditions(condition or []), guidance) for i in range(count)]
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


def evaluate_volumes(
    model: ModelArgument,
    data: Data,
    count: Annotated[int, typer.Option(min=2, help="Volumes to sample.")] = 20,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs for each MS-SSIM.")] = 100,
    sampler: SamplerName = "dpm++",
    steps: Annotated[int, typer.Option(help="Denoiser steps.")] = 20,
    device: DeviceName = "",
    write: WriteCard = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruction, MS-SSIM, feature distance, memorisation and speed."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes import evaluation
    from napari_medgen.volumes.generator import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    folder = find_model(model)
    generator = VolumeGenerator(folder, choose_device(device))
    request = SampleRequest(sampler=sampler, steps=steps)
    work = evaluation.evaluate_volumes(generator, data, count=count, pairs=pairs, request=request)
    report = drive_on_console(work, "Evaluating")
    report_figures(folder, report, evaluation.figures(report), write=write, as_json=as_json)

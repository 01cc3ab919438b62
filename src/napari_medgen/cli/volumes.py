"""Commands of system 1: sample, reconstruct and evaluate volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from napari_medgen.cli.options import (
    AsJson,
    ClusterName,
    Data,
    DeviceName,
    Model,
    ModelArgument,
    Precision,
    SamplerName,
    Threads,
    Work,
    WriteCard,
)
from napari_medgen.cli.reports import report_figures, tell_unreadable
from napari_medgen.cli.shards import spread_on_console
from napari_medgen.errors import MedGenError
from napari_medgen.running.console import warn

if TYPE_CHECKING:
    from napari_medgen.volumes.many import Written
    from napari_medgen.volumes.model import Sample, VolumeGenerator


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
    again: Annotated[
        Path | None,
        typer.Option(help="A sampled volume that was saved: make it again from its record; nothing else counts."),
    ] = None,
    precision: Precision = "",
    device: DeviceName = "",
    cluster: ClusterName = "",
    threads: Threads = 0,
) -> None:
    """Sample volumes and write them as NIfTI, each with its provenance beside it; what is there is not made again."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept
    from napari_medgen.running.shards import Placement
    from napari_medgen.running.writing import make_folder
    from napari_medgen.volumes.many import SampleWriter, open_generator, shards_of
    from napari_medgen.volumes.request import SampleRequest

    if again is not None:
        _sample_again(again, out, device)
        return
    told = _conditions(condition or [])
    if not 0 <= share <= 1:
        raise MedGenError(f"The share must lie between 0 and 1, not {share:g}.")
    if towards is not None:
        SampleRequest(towards)  # a seed like any other
    SampleRequest(seed + count - 1)
    requests = [SampleRequest(seed + i, sampler, steps, eta, told, guidance, precision=precision) for i in range(count)]
    folder, placement = find_model(model), Placement(cluster, threads)
    if not placement.here:
        make_folder(out)
    opens = Kept.of(open_generator, folder, device=device)
    writer = SampleWriter(opens, out.resolve(), towards, share, not placement.here)
    about = ""
    if placement.here:  # elsewhere the workers load the model, and know their own speed
        generator = opens()
        cost = generator.estimate(requests[0], count)
        about = f": {cost.label} on {generator.computing(requests[0]).label}"
    Console(stderr=True).print(f"{count} x {folder.card.title}{about}")

    def tell(name: str, made: Written) -> None:
        how = f"{made.seconds:.1f} s" if made.seconds else "there already"
        print(f"{out / made.path.name} ({', '.join(part for part in (how, made.near) if part)})", flush=True)

    spread_on_console(writer, shards_of(requests), placement, "Sampling", tell)


def _sample_again(file: Path, out: Path, device: str) -> None:
    from napari_medgen.imaging.files import read_volume
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes.again import recorded_request, same_device, sample_again
    from napari_medgen.volumes.model import VolumeGenerator

    made = read_volume(file).provenance
    recorded_request(made)  # before a model is looked for that the file may not name
    generator = VolumeGenerator(find_model(made.model), choose_device(device))
    steps = sample_again(generator, made)
    if not same_device(generator, made):
        warn([f"It was computed on {made.device}, not on this device: the last digits may differ."])
    _write_sample(generator, drive_on_console(steps, f"Seed {made.seed}"), out, kept=file)


def _write_sample(generator: VolumeGenerator, made: Sample, out: Path, kept: Path | None = None) -> None:
    """Write a sample and say where; ``kept`` is a file that must stay as it is."""
    from napari_medgen.running.naming import unused
    from napari_medgen.volumes.many import near_words, write_sample

    name, seed = generator.folder.name, made.volume.provenance.seed
    stem = f"{name}_seed-{seed}" if kept is None else unused(out, f"{name}_seed-{seed}", (".nii.gz", ".json"))
    path, near = write_sample(made, out / f"{stem}.nii.gz"), near_words(made)
    print(f"{path} ({made.seconds:.1f} s{near and ', '}{near})")


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
    from napari_medgen.volumes.model import VolumeGenerator

    volume = read_volume(image)
    warn(volume.remarks)
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
    cluster: ClusterName = "",
    threads: Threads = 0,
    work: Work = None,
    write: WriteCard = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruction, MS-SSIM, feature distance, memorisation and speed."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.models.kept import Kept
    from napari_medgen.running.console import drive_on_console
    from napari_medgen.running.gathering import Gathering
    from napari_medgen.running.shards import Placement
    from napari_medgen.volumes.evaluation import measure
    from napari_medgen.volumes.many import open_generator
    from napari_medgen.volumes.request import SampleRequest

    folder = find_model(model)
    opens, gathering = Kept.of(open_generator, folder, device=device), Gathering(Placement(cluster, threads), work)
    request = SampleRequest(sampler=sampler, steps=steps)
    measuring = measure.evaluate_volumes(opens, data, count=count, pairs=pairs, request=request, gathering=gathering)
    report = drive_on_console(measuring, "Evaluating")
    tell_unreadable(report["unreadable"], work)
    report_figures(folder, report, measure.figures(report), write=write, as_json=as_json)
